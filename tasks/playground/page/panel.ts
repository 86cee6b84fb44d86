/**
 * One half of the comparison: a model, how it cuts the picture, and what it takes the picture for.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Images, Key, Offset } from "../../../mod.ts";
import { classColour } from "./class_colours.ts";
import { drawPatches, drawPicture } from "./draw_picture.ts";
import { drawHeatMap } from "./heat_map.ts";
import { argmax, drawShiftMap, firstShift, greatestChange, keyOfShift } from "./shift_map.ts";
import type { Cut, ShownModel } from "./shown_model.ts";

/** A picture and where it is shifted to. */
export interface Scene {
  /** The picture as it is. */
  readonly picture: Images;
  /** The circular shift. */
  readonly offset: Offset;
  /** The picture, shifted. */
  readonly shifted: Images;
  /** Random key, for tokenizers that use chance. */
  readonly key: Key;
}

/** A panel of the page. */
export interface Panel {
  /** The picture with patches on it, which can be dragged. */
  readonly cut: HTMLCanvasElement;
  /** Puts another model in the panel; what was known of the one before is forgotten. */
  open(model: ShownModel): void;
  /** Shows a scene; gives back the milliseconds of the forward pass of the shifted picture. */
  show(scene: Scene): Promise<number>;
  /** Draws the map of all shifts of a picture. */
  drawMap(scene: Scene, signal: AbortSignal): Promise<void>;
  /** Empties the map, when it is of another picture. */
  clearMap(): void;
}

/** How a panel is made. */
export interface PanelOptions {
  /** Where it goes. */
  readonly parent: HTMLElement;
  /** Name in the document: `left` or `right`. */
  readonly name: string;
  /** Colour of its lines and marks, as CSS has it. */
  readonly colour: string;
  /** Titles of the models to choose from. */
  readonly titles: readonly string[];
  /** The model that is chosen, as an index of `titles`. */
  readonly chosen: number;
  /** Is told which model was chosen. */
  readonly choose: (index: number) => void;
  /** Is told which shift was picked on the map. */
  readonly move: (offset: Offset) => void;
}

/** Resolution of square canvases: a multiple of most pictures. */
const RESOLUTION = 392;

/** Makes a panel of the page's template. */
export function makePanel({ parent, name, colour, titles, chosen, choose, move }: PanelOptions): Panel {
  const template = document.querySelector<HTMLTemplateElement>("#panel")!;
  const copy = template.content.cloneNode(true) as DocumentFragment;
  const root = copy.querySelector<HTMLElement>(".panel")!;
  const part = <E extends HTMLElement>(selector: string): E => root.querySelector<E>(selector)!;
  const [cut, map, heat] = [".cut", ".map", ".heat"].map((each) => part<HTMLCanvasElement>(each));
  const [title, select] = [part("h2"), part<HTMLSelectElement>("select")];
  root.dataset.panel = name;
  root.style.setProperty("--mark", colour);
  title.id = `${name}-title`;
  root.setAttribute("aria-labelledby", title.id);
  select.append(...titles.map((each, index) => new Option(each, String(index), false, index === chosen)));
  // Two models have a place each; with more of them there is a choice.
  select.hidden = titles.length <= 2;
  title.hidden = !select.hidden;
  select.addEventListener("change", () => choose(Number(select.value)));
  let model: ShownModel;
  let rows: HTMLLIElement[] = [];
  let known: { readonly picture: Images; readonly probabilities: Float32Array } | undefined;
  let drawn: Images | undefined;
  map.addEventListener("click", (event) => {
    if (drawn === undefined) return;
    const box = map.getBoundingClientRect();
    const place = (at: number, length: number, count: number) =>
      firstShift(count) + Math.min(count - 1, Math.max(0, Math.floor(at / length * count)));
    move({
      dy: place(event.clientY - box.top, box.height, drawn.height),
      dx: place(event.clientX - box.left, box.width, drawn.width),
    });
  });
  parent.append(root);

  /** Probabilities of the picture as it is, worked out once. */
  const reference = async ({ picture, key }: Scene): Promise<Float32Array> => {
    if (known?.picture !== picture) {
      const at = keyOfShift(key, { dy: 0, dx: 0 }, picture);
      known = { picture, probabilities: await model.probabilities(picture, at) };
    }
    return known.probabilities;
  };
  const clearMap = () => {
    drawn = undefined;
    map.getContext("2d")!.clearRect(0, 0, map.width, map.height);
    part(".summary").textContent = "All shifts: not tried yet";
    map.setAttribute("aria-label", "Map of the predictions at all shifts: not tried yet");
  };

  return {
    cut,
    clearMap,
    open(next) {
      model = next;
      known = undefined;
      const { card } = model;
      title.textContent = card.title;
      part(".about").textContent = aboutCard(model);
      for (const canvas of [cut, map]) {
        const scale = Math.max(1, Math.round(RESOLUTION / Math.max(card.image.height, card.image.width)));
        canvas.width = card.image.width * scale;
        canvas.height = card.image.height * scale;
      }
      rows = card.classes.map(makeBar);
      part(".bars").replaceChildren(...rows);
      clearMap();
    },
    async show(scene) {
      const { offset, shifted, key, picture } = scene;
      const at = keyOfShift(key, offset, picture);
      const laid = model.cut(shifted, at);
      const before = await reference(scene);
      const began = performance.now();
      const after = await model.probabilities(shifted, at);
      const took = performance.now() - began;
      drawPicture(cut, shifted);
      drawPatches(cut, shifted, laid.lattice, laid.offset, colour);
      cut.setAttribute("aria-label", `The shifted picture, cut into patches. ${aboutStart(model, laid)}`);
      drawHeatMap(heat, laid, colour);
      part(".choice").classList.toggle("bare", laid.energies === undefined);
      heat.hidden = laid.energies === undefined;
      heat.setAttribute("aria-label", "Energy of each polyphase");
      part(".start").textContent = aboutStart(model, laid);
      root.dataset.start = String(laid.start);
      showBars(rows, before, after);
      placeMark(part(".here"), scene);
      part(".change output").textContent = smallNumber(greatestChange(before, after));
      return took;
    },
    async drawMap(scene, signal) {
      const { picture } = scene;
      const before = await reference(scene);
      drawn = picture;
      part(".summary").textContent = "All shifts …";
      const { tried, same, change } = await drawShiftMap(map, model, picture, before, scene.key, signal);
      if (signal.aborted) return;
      const text = `Same class at ${same} of ${tried} shifts; largest change ${smallNumber(change)}`;
      part(".summary").textContent = text;
      map.setAttribute("aria-label", `Map of the predictions at all shifts. ${text}`);
    },
  };
}

function makeBar(name: string, label: number): HTMLLIElement {
  const row = document.createElement("li");
  row.style.setProperty("--hue", classColour(label));
  const [text, track] = [document.createElement("span"), document.createElement("span")];
  text.className = "name";
  text.textContent = text.title = name;
  track.className = "track";
  for (const kind of ["fill", "tick"]) {
    const mark = document.createElement("span");
    mark.className = kind;
    track.append(mark);
  }
  row.append(text, track, document.createElement("data"));
  return row;
}

/** Bars are of the shifted picture, ticks of the picture as it is. */
function showBars(rows: readonly HTMLLIElement[], before: Float32Array, after: Float32Array): void {
  const best = argmax(after);
  rows.forEach((row, label) => {
    row.classList.toggle("first", label === best);
    row.querySelector<HTMLElement>(".fill")!.style.width = `${100 * after[label]}%`;
    row.querySelector<HTMLElement>(".tick")!.style.left = `${100 * before[label]}%`;
    const number = row.querySelector<HTMLDataElement>("data")!;
    number.value = String(after[label]);
    number.textContent = `${(100 * after[label]).toFixed(1)} %`;
  });
}

function aboutCard({ card }: ShownModel): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const { accuracy, shiftedAccuracy } = card;
  if (accuracy === undefined) return "Accuracy on test pictures not recorded";
  const shifted = shiftedAccuracy === undefined ? "" : `, ${percent(shiftedAccuracy)} once they are shifted`;
  return `${percent(accuracy)} of test pictures right${shifted}`;
}

function aboutStart({ adaptive }: ShownModel, { lattice, energies, start }: Cut): string {
  const { patchHeight, patchWidth } = lattice;
  if (patchHeight * patchWidth === 1) return "Every pixel is a patch: there is no grid to lay.";
  const place = `row ${Math.floor(start / patchWidth)}, column ${start % patchWidth}`;
  const each = energies === undefined ? "" : "Energy of the tokens for each place the grid can start at. ";
  return adaptive
    ? `${each}This model starts where it is greatest: ${place}.`
    : `${each}This model always starts in the corner.`;
}

/** Marks a shift on the map. */
function placeMark(mark: HTMLElement, { offset, picture: { height, width } }: Scene): void {
  mark.style.left = `${100 * (offset.dx - firstShift(width)) / width}%`;
  mark.style.top = `${100 * (offset.dy - firstShift(height)) / height}%`;
  mark.style.width = `${100 / width}%`;
  mark.style.height = `${100 / height}%`;
}

/** A change of a probability: to three places, or its order of magnitude where that would be 0. */
function smallNumber(value: number): string {
  if (value === 0) return "0";
  if (value >= 5e-4) return value.toFixed(3);
  const [digits, power] = value.toExponential(0).split("e");
  const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const raised = Array.from(String(Math.abs(Number(power))), (digit) => superscripts[Number(digit)]).join("");
  return `${digits}\u00a0×\u00a010⁻${raised}`;
}
