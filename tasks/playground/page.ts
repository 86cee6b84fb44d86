/**
 * The playground in the browser: a picture that can be shifted, between a plain model and its adaptive twin. All of it
 * is computed here, by the same code that trains the models.
 *
 * @module
 */

/// <reference lib="dom" />

import {
  type BackendName,
  type Images,
  keyOf,
  modulo,
  type Offset,
  selectBackend,
  shiftImages,
  type Split,
} from "../../mod.ts";
import { CONTENTS, type Contents, decodeSamples } from "./model_file.ts";
import { drawPicture } from "./page/draw_picture.ts";
import { followPointer, stepOf } from "./page/moves.ts";
import { makePanel, type Panel, type Scene } from "./page/panel.ts";
import { blankPicture, paint, readPicture } from "./page/picture.ts";
import { clearChoice, makeSamples } from "./page/samples.ts";
import { firstShift } from "./page/shift_map.ts";
import { openModel, type ShownModel } from "./page/shown_model.ts";
import { unsupported } from "./page/wasm_simd.ts";

/** What is done with the pointer and the arrow keys. */
type Tool = "shift" | "draw" | "erase";

/** A model that can be opened whenever the backend changes. */
interface Stored {
  readonly file: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const NOT_SHIFTED: Offset = { dy: 0, dx: 0 };

/** The chance of tokenizers that draw. */
const KEY = keyOf(0);

/** Passes that the time of one is the median of. */
const TIMES = 25;

const COLOURS = ["#f08a24", "#16a394"] as const;

const byId = <E extends HTMLElement>(id: string): E => document.querySelector<E>(`#${id}`)!;

function complain(text: string): void {
  const fault = byId("fault");
  fault.textContent = text;
  fault.hidden = false;
}

async function fetchBytes(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file} could not be loaded (${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Which models to begin with: the first, and the first after it that chooses its grid, by no chance if possible. */
function firstChoice(models: readonly ShownModel[]): number[] {
  if (models.length === 1) return [0];
  const isAdaptive = ({ card: { tokenizer } }: ShownModel) => tokenizer.name === "adaptive";
  const isSure = (model: ShownModel) => isAdaptive(model) && model.card.tokenizer.order !== "random";
  const found = [isSure, isAdaptive].map((test) => models.findIndex((model, index) => index > 0 && test(model)));
  return [0, found.find((index) => index > 0) ?? 1];
}

/** Runs the page: loads everything, and then answers to its user. */
async function start(): Promise<void> {
  const contents: Contents = JSON.parse(new TextDecoder().decode(await fetchBytes(CONTENTS)));
  const stored: Stored[] = await Promise.all(
    contents.models.map(async (file) => ({ file, bytes: await fetchBytes(file) })),
  );
  const samples: Split = decodeSamples(await fetchBytes(contents.samples), contents.samples);
  const openAll = async () => {
    const opened: ShownModel[] = [];
    for (const { file, bytes } of stored) opened.push(await openModel(bytes, file));
    return opened;
  };
  let backend = await selectBackend("wasm");
  let models = await openAll();
  const { image, classes } = models[0].card;
  const chosen = firstChoice(models);

  let picture: Images = blankPicture(image);
  let offset = NOT_SHIFTED;
  let cursor: Offset = { dy: Math.floor(image.height / 2), dx: Math.floor(image.width / 2) };
  let tool: Tool = "shift";
  let map: AbortController | undefined;
  const times: number[] = [];

  const canvas = byId<HTMLCanvasElement>("picture");
  const scale = Math.max(1, Math.round(504 / Math.max(image.height, image.width)));
  [canvas.width, canvas.height] = [image.width * scale, image.height * scale];

  const wrap = ({ dy, dx }: Offset): Offset => ({
    dy: modulo(dy - firstShift(image.height), image.height) + firstShift(image.height),
    dx: modulo(dx - firstShift(image.width), image.width) + firstShift(image.width),
  });
  const sceneNow = (): Scene => ({
    picture,
    offset,
    shifted: shiftImages(picture, [offset], "circular-2d"),
    key: KEY,
  });
  const drawSource = ({ shifted }: Pick<Scene, "shifted">) => {
    drawPicture(canvas, shifted);
    if (tool === "shift" || document.activeElement !== canvas) return;
    const context = canvas.getContext("2d")!;
    context.strokeStyle = COLOURS[0];
    context.lineWidth = 3;
    context.strokeRect(cursor.dx * scale, cursor.dy * scale, scale, scale);
  };

  // Whoever drags is faster than a model may be: while one scene is shown only the latest of the others is kept.
  let wanted = 0;
  let shown = 0;
  let isBusy = false;
  const refresh = async () => {
    wanted++;
    drawSource(sceneNow());
    byId("offset").textContent = offsetText(offset);
    document.body.dataset.state = "busy";
    if (isBusy) return;
    isBusy = true;
    try {
      while (shown !== wanted) {
        const turn = wanted;
        const scene = sceneNow();
        for (const panel of panels) times.push(await panel.show(scene));
        times.splice(0, times.length - TIMES);
        byId("status").textContent = statusText(backend.description, times);
        document.body.dataset.shift = `${scene.offset.dy},${scene.offset.dx}`;
        shown = turn;
      }
      document.body.dataset.state = "ready";
    } catch (cause) {
      complain(messageOf(cause));
    } finally {
      isBusy = false;
    }
  };
  const moveTo = (next: Offset) => {
    offset = wrap(next);
    return refresh();
  };
  const stopMaps = () => {
    map?.abort();
    map = undefined;
    for (const panel of panels) panel.clearMap();
  };
  const take = (next: Images) => {
    picture = next;
    stopMaps();
    clearChoice(byId("samples"));
    return refresh();
  };
  const paintAt = ({ dy, dx }: Offset) =>
    take(paint(picture, { dy: dy - offset.dy, dx: dx - offset.dx }, tool === "draw"));

  const panels: Panel[] = chosen.map((index, place) =>
    makePanel({
      parent: byId("panels"),
      name: ["left", "right"][place],
      colour: COLOURS[place],
      titles: models.map(({ card }) => card.title),
      chosen: index,
      choose: (next) => {
        chosen[place] = next;
        stopMaps();
        panels[place].open(models[next]);
        void refresh();
      },
      move: (next) => void moveTo(next),
    })
  );
  const openPanels = () => panels.forEach((panel, place) => panel.open(models[chosen[place]]));
  openPanels();

  const dragging = () => {
    const from = offset;
    return (_: Offset, moved: Offset) => void moveTo({ dy: from.dy + moved.dy, dx: from.dx + moved.dx });
  };
  followPointer(canvas, {
    size: () => image,
    begin: (at) => {
      if (tool === "shift") return dragging();
      cursor = at;
      void paintAt(at);
      return (next) => {
        cursor = { dy: modulo(next.dy, image.height), dx: modulo(next.dx, image.width) };
        void paintAt(next);
      };
    },
  });
  for (const panel of panels) followPointer(panel.cut, { size: () => image, begin: dragging });
  canvas.addEventListener("keydown", (event) => {
    const step = stepOf(event);
    if (step !== undefined && tool === "shift") void moveTo({ dy: offset.dy + step.dy, dx: offset.dx + step.dx });
    else if (step !== undefined) {
      cursor = { dy: modulo(cursor.dy + step.dy, image.height), dx: modulo(cursor.dx + step.dx, image.width) };
      drawSource(sceneNow());
    } else if (event.key === " " && tool !== "shift") void paintAt(cursor);
    else if (event.key === "Home") void moveTo(NOT_SHIFTED);
    else return;
    // Neither the page nor a list behind it is to scroll.
    event.preventDefault();
  });
  for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, () => drawSource(sceneNow()));
  for (const input of document.querySelectorAll<HTMLInputElement>("[name=tool]")) {
    input.addEventListener("change", () => {
      document.body.dataset.tool = tool = input.value as Tool;
      drawSource(sceneNow());
    });
  }
  byId("back").addEventListener("click", () => void moveTo(NOT_SHIFTED));
  byId("blank").addEventListener("click", () => {
    void take(blankPicture(image));
    document.querySelector<HTMLInputElement>("[name=tool][value=draw]")!.click();
  });
  makeSamples(byId("samples"), samples, classes, (next) => void take(next));

  const takeFile = async (file: Blob | undefined) => {
    if (file === undefined) return;
    try {
      await take(await readPicture(file, image));
    } catch (cause) {
      complain(messageOf(cause));
    }
  };
  const chooser = byId<HTMLInputElement>("file");
  chooser.addEventListener("change", () => {
    void takeFile(chooser.files?.[0]);
    chooser.value = "";
  });
  const drop = byId("drop");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    void takeFile(event.dataTransfer?.files[0]);
  });

  byId("all").addEventListener("click", async () => {
    stopMaps();
    const { signal } = map = new AbortController();
    document.body.dataset.map = "busy";
    try {
      const scene = sceneNow();
      for (const panel of panels) await panel.drawMap(scene, signal);
      if (!signal.aborted) document.body.dataset.map = "ready";
    } catch (cause) {
      if (!signal.aborted) complain(messageOf(cause));
    }
  });

  const chooseBackend = byId<HTMLSelectElement>("backend");
  const gpu = chooseBackend.querySelector<HTMLOptionElement>("[value=webgpu]")!;
  if (navigator.gpu === undefined) {
    gpu.disabled = true;
    gpu.textContent += ": not in this browser";
  }
  chooseBackend.addEventListener("change", async () => {
    stopMaps();
    byId("fault").hidden = true;
    chooseBackend.disabled = true;
    // What is still being computed must not lose its tensors.
    while (isBusy) await new Promise((resolve) => setTimeout(resolve, 10));
    isBusy = true;
    try {
      for (const model of models) model.dispose();
      try {
        backend = await selectBackend(chooseBackend.value as BackendName);
      } catch (cause) {
        complain(messageOf(cause));
        backend = await selectBackend("wasm");
        chooseBackend.value = "wasm";
      }
      models = await openAll();
      times.length = 0;
      openPanels();
    } finally {
      isBusy = false;
      chooseBackend.disabled = false;
    }
    await refresh();
  });

  byId("samples").querySelector("button")!.click();
}

function offsetText({ dy, dx }: Offset): string {
  const parts = [
    ...dy === 0 ? [] : [`${Math.abs(dy)} ${dy > 0 ? "down" : "up"}`],
    ...dx === 0 ? [] : [`${Math.abs(dx)} ${dx > 0 ? "right" : "left"}`],
  ];
  return parts.length === 0 ? "not shifted" : `shifted ${parts.join(", ")}`;
}

function statusText(description: string, times: readonly number[]): string {
  const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
  return `In this page, on ${description}. A forward pass of one picture takes ${median.toFixed(1)} ms.`;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

const reason = unsupported();
if (reason === undefined) {
  start().catch((cause) => {
    document.body.dataset.state = "failed";
    complain(`The playground could not start: ${messageOf(cause)}`);
  });
} else {
  document.body.dataset.state = "unsupported";
  complain(reason);
}
