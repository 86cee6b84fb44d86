/**
 * Patch grids: an image, shifts of it, and the grid of patches that a tokenizer laid on each. A fixed grid stays where it
 * is, an adaptive one moves with the image.
 *
 * @module
 */

import { modulo, type Offset } from "../../datasets/shift.ts";
import type { TokenGrid } from "../../models/tokenizers/tokenizer.ts";
import { PolyphaseError } from "../errors.ts";
import { escapeHtml } from "./html.ts";
import { pngDataUri } from "./image_strip.ts";
import { colorOf } from "./palette.ts";
import { PLOT_CLASS } from "./plot_library.ts";
import type { Picture } from "./png_library.ts";

/** One image with its grid. */
export interface PatchGridCell {
  /** The image, `[height, width, channels]` bytes with 1 or 3 channels. */
  readonly image: Picture;
  /** The circular shift that the tokenizer gave the image before it laid the grid on it: one of its `offsets`. */
  readonly offset: Offset;
  /** The line below it. */
  readonly caption?: string;
}

/** Images with their grids. */
export interface PatchGridPicture {
  /** The images, in order; all of one shape. */
  readonly cells: readonly PatchGridCell[];
  /** The grid of tokens. */
  readonly grid: Pick<TokenGrid, "shape" | "patchShape">;
  /** Heading inside the picture. */
  readonly title?: string;
  /** How many images stand in a line. Default: all, but at most 6. */
  readonly columns?: number;
  /** Width in pixels. Default 760. */
  readonly width?: number;
  /** What a screen reader says. Default: made of the title and the number of images. */
  readonly ariaLabel?: string;
}

const GAP = 18;
const CAPTION = 24;

/**
 * The picture as SVG text: the borders between patches as lines, the patch of the first token filled. A patch that goes on
 * around the border of the image is open there. The same data give the same text.
 *
 * @throws {PolyphaseError} if there are no images, one has another shape than the first, or the grid does not cover them
 */
export function patchGrid(picture: PatchGridPicture): string {
  const { cells, grid, title, width = 760 } = picture;
  if (cells.length === 0) throw new PolyphaseError("Cannot draw a patch grid of no images: give one or more");
  const { height: rows, width: across } = cells[0].image;
  const pixels = grid.shape.reduce((product, length) => product * length, 1) * grid.patchShape[0] *
    grid.patchShape[1];
  for (const { image } of cells) {
    if (image.height === rows && image.width === across && rows * across === pixels) continue;
    throw new PolyphaseError(
      `Cannot draw a patch grid on an image of ${image.height}×${image.width}, expected ${pixels} pixels and images of ` +
        `one shape: give the grid and the images of one tokenizer`,
    );
  }
  const columns = Math.max(1, Math.min(picture.columns ?? 6, cells.length));
  const side = (width - GAP * (columns - 1)) / columns;
  const tall = (side * rows) / across;
  const hasCaptions = cells.some(({ caption }) => caption !== undefined);
  const step = tall + (hasCaptions ? CAPTION : 0) + GAP;
  const head = title === undefined ? 2 : 34;
  const lines = Math.ceil(cells.length / columns);
  const height = round(head + lines * step - GAP + 2);
  const drawn = cells.map((cell, index) => {
    const x = round((index % columns) * (side + GAP));
    const y = round(head + Math.floor(index / columns) * step);
    return `<g transform="translate(${x},${y})">${drawCell(cell, grid, side, tall)}</g>`;
  });
  const label = picture.ariaLabel ??
    `${title ?? "Patch grids"}: ${cells.length} ${
      cells.length === 1 ? "image" : "images"
    } with the grid of each.`;
  const heading = title === undefined
    ? ""
    : `<text x="0" y="18" font-weight="600" font-size="15">${escapeHtml(title)}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${escapeHtml(label)}"` +
    ` class="${PLOT_CLASS}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"` +
    ` fill="currentColor" font-family="system-ui, sans-serif" font-size="13"` +
    ` style="display:block;height:auto;max-width:100%">${heading}${drawn.join("")}</svg>`;
}

/**
 * The picture as an HTML figure.
 *
 * @throws {PolyphaseError} as {@linkcode patchGrid}
 */
export function patchGridFigure(picture: PatchGridPicture, caption?: string): string {
  const below = caption === undefined ? "" : `<figcaption>${escapeHtml(caption)}</figcaption>`;
  return `<figure class="chart">${patchGrid(picture)}${below}</figure>`;
}

function drawCell(
  { image, offset, caption }: PatchGridCell,
  grid: PatchGridPicture["grid"],
  side: number,
  tall: number,
): string {
  const tokenAt = tokens(image, offset, grid);
  const scale = round(side / image.width);
  const image64 = `<image href="${pngDataUri(image)}" width="${round(side)}" height="${round(tall)}"` +
    ` preserveAspectRatio="none" style="image-rendering:pixelated"/>`;
  const first = firstToken(image, tokenAt);
  const below = caption === undefined
    ? ""
    : `<text x="${round(side / 2)}" y="${round(tall + 17)}" text-anchor="middle" fill-opacity="0.75">${
      escapeHtml(caption)
    }</text>`;
  // Lines are drawn twice, a wide one below a narrow one, so that they show on black and on white.
  const path = borders(image, tokenAt);
  const stroke = (color: string, width: number) =>
    `<path d="${path}" fill="none" stroke="${color}" stroke-width="${width}" vector-effect="non-scaling-stroke"/>`;
  return `${image64}<g transform="scale(${scale})"><path d="${first}" fill="${
    colorOf(1)
  }" fill-opacity="0.62"/>` +
    `${stroke("#ffffff", 2)}${stroke(colorOf(0), 1.1)}</g>${below}`;
}

/** Which token each pixel belongs to. */
function tokens(
  { height, width }: Picture,
  { dy, dx }: Offset,
  { shape, patchShape: [patchHeight, patchWidth] }: PatchGridPicture["grid"],
): (y: number, x: number) => number {
  if (shape.length === 1) {
    return (y, x) => Math.floor(modulo(y * width + x + dx, height * width) / patchWidth);
  }
  return (y, x) =>
    Math.floor(modulo(y + dy, height) / patchHeight) * shape[1] +
    Math.floor(modulo(x + dx, width) / patchWidth);
}

/** The lines between pixels of different patches; neighbours across the border of the image count as such. */
function borders({ height, width }: Picture, tokenAt: (y: number, x: number) => number): string {
  const parts: string[] = [];
  const isLeftBorder = (y: number, x: number) =>
    tokenAt(modulo(y, height), modulo(x, width)) !== tokenAt(modulo(y, height), modulo(x - 1, width));
  const isTopBorder = (y: number, x: number) =>
    tokenAt(modulo(y, height), modulo(x, width)) !== tokenAt(modulo(y - 1, height), modulo(x, width));
  for (let x = 0; x <= width; x++) {
    for (const [from, to] of runs(height, (y) => isLeftBorder(y, x))) parts.push(`M${x} ${from}V${to}`);
  }
  for (let y = 0; y <= height; y++) {
    for (const [from, to] of runs(width, (x) => isTopBorder(y, x))) parts.push(`M${from} ${y}H${to}`);
  }
  return parts.join("");
}

/** The pixels of the first token, as rectangles. */
function firstToken({ height, width }: Picture, tokenAt: (y: number, x: number) => number): string {
  return Array.from({ length: height }, (_, y) =>
    runs(width, (x) => tokenAt(y, x) === 0)
      .map(([from, to]) => `M${from} ${y}H${to}V${y + 1}H${from}Z`).join("")).join("");
}

/** Where a property holds, as ranges `[from, to)`. */
function runs(length: number, holds: (at: number) => boolean): [from: number, to: number][] {
  const found: [number, number][] = [];
  for (let at = 0; at < length; at++) {
    if (!holds(at)) continue;
    const last = found.at(-1);
    if (last !== undefined && last[1] === at) last[1] = at + 1;
    else found.push([at, at + 1]);
  }
  return found;
}

function round(value: number): number {
  return Number(value.toFixed(4));
}
