/**
 * Where the picture comes from: it is shifted, drawn on, chosen among samples, or read from a file.
 *
 * @module
 */

/// <reference lib="dom" />

import { modulo, type Offset, type Split } from "../../../mod.ts";
import { drawPicture } from "./draw_picture.ts";
import { followPointer, stepOf } from "./moves.ts";
import { blankPicture, paint, readPicture } from "./picture.ts";
import { clearChoice, makeSamples } from "./samples.ts";
import type { Scene } from "./panel.ts";
import type { Workbench } from "./workbench.ts";

/** What is done with the pointer and the arrow keys. */
type Tool = "shift" | "draw" | "erase";

/** Resolution of a square picture: a multiple of most. */
const RESOLUTION = 504;

const NOT_SHIFTED: Offset = { dy: 0, dx: 0 };

/** What connects the controls to the workbench. */
export interface SourceOptions {
  /** What the controls work on. */
  readonly workbench: Workbench;
  /** Pictures to choose from. */
  readonly samples: Split;
  /** Class names by label. */
  readonly classes: readonly string[];
  /** Is told what went wrong. */
  readonly failed: (cause: unknown) => void;
}

/** Brings the controls of the picture to life; gives back what draws a scene there. */
export function makeSource({ workbench, samples, classes, failed }: SourceOptions): (scene: Scene) => void {
  const { picture: { height, width, channels } } = workbench.scene();
  const image = { height, width, channels };
  const byId = <E extends HTMLElement>(id: string): E => document.querySelector<E>(`#${id}`)!;
  const canvas = byId<HTMLCanvasElement>("picture");
  const scale = Math.max(1, Math.round(RESOLUTION / Math.max(height, width)));
  [canvas.width, canvas.height] = [width * scale, height * scale];
  let tool: Tool = "shift";
  let cursor: Offset = { dy: Math.floor(height / 2), dx: Math.floor(width / 2) };

  const draw = ({ shifted, offset }: Scene) => {
    drawPicture(canvas, shifted);
    byId("offset").textContent = offsetText(offset);
    if (tool === "shift" || document.activeElement !== canvas) return;
    const context = canvas.getContext("2d")!;
    context.strokeStyle = "#f08a24";
    context.lineWidth = 3;
    context.strokeRect(cursor.dx * scale, cursor.dy * scale, scale, scale);
  };
  const redraw = () => draw(workbench.scene());
  const paintAt = (at: Offset) => {
    const { picture, offset } = workbench.scene();
    cursor = { dy: modulo(at.dy, height), dx: modulo(at.dx, width) };
    clearChoice(byId("samples"));
    workbench.take(paint(picture, { dy: at.dy - offset.dy, dx: at.dx - offset.dx }, tool === "draw"));
  };
  const drag = () => {
    const from = workbench.scene().offset;
    return (_: Offset, moved: Offset) => workbench.moveTo({ dy: from.dy + moved.dy, dx: from.dx + moved.dx });
  };

  followPointer(canvas, {
    size: () => image,
    begin: (at) => {
      if (tool === "shift") return drag();
      paintAt(at);
      return paintAt;
    },
  });
  for (const { cut } of workbench.panels) followPointer(cut, { size: () => image, begin: drag });
  canvas.addEventListener("keydown", (event) => {
    const step = stepOf(event);
    const { offset } = workbench.scene();
    if (step !== undefined && tool === "shift") {
      workbench.moveTo({ dy: offset.dy + step.dy, dx: offset.dx + step.dx });
    } else if (step !== undefined) {
      cursor = { dy: modulo(cursor.dy + step.dy, height), dx: modulo(cursor.dx + step.dx, width) };
      redraw();
    } else if (event.key === " " && tool !== "shift") paintAt(cursor);
    else if (event.key === "Home") workbench.moveTo(NOT_SHIFTED);
    else return;
    // Neither the page nor a list behind it is to scroll.
    event.preventDefault();
  });
  for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, redraw);
  for (const input of document.querySelectorAll<HTMLInputElement>("[name=tool]")) {
    input.addEventListener("change", () => {
      document.body.dataset.tool = tool = input.value as Tool;
      redraw();
    });
  }
  byId("back").addEventListener("click", () => workbench.moveTo(NOT_SHIFTED));
  byId("all").addEventListener("click", () => void workbench.tryAll());
  byId("blank").addEventListener("click", () => {
    clearChoice(byId("samples"));
    workbench.take(blankPicture(image));
    document.querySelector<HTMLInputElement>("[name=tool][value=draw]")!.click();
  });
  makeSamples(byId("samples"), samples, classes, (next) => workbench.take(next));
  takeFiles(async (file) => {
    try {
      const read = await readPicture(file, image);
      clearChoice(byId("samples"));
      workbench.take(read);
    } catch (cause) {
      failed(cause);
    }
  });
  return draw;
}

/** Takes files that are chosen, or dropped anywhere on the page. */
function takeFiles(take: (file: Blob) => Promise<void>): void {
  const chooser = document.querySelector<HTMLInputElement>("#file")!;
  chooser.addEventListener("change", () => {
    const file = chooser.files?.[0];
    if (file !== undefined) void take(file);
    // So that the same file can be chosen again.
    chooser.value = "";
  });
  const target = document.querySelector("#drop")!;
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    target.classList.add("over");
  });
  document.addEventListener("dragleave", () => target.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    target.classList.remove("over");
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) void take(file);
  });
}

function offsetText({ dy, dx }: Offset): string {
  const parts = [
    ...dy === 0 ? [] : [`${Math.abs(dy)} ${dy > 0 ? "down" : "up"}`],
    ...dx === 0 ? [] : [`${Math.abs(dx)} ${dx > 0 ? "right" : "left"}`],
  ];
  return parts.length === 0 ? "not shifted" : parts.join(", ");
}
