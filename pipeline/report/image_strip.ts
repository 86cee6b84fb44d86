/**
 * Grids of small images with what models said of each, for example an image shifted by several offsets.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";
import { escapeHtml } from "./html.ts";
import { encodePng, type Picture } from "./png_library.ts";

/** What one model said of an image. */
export interface Verdict {
  /** Who said it; the legend explains its colour. */
  readonly name: string;
  /** What was said, for example the predicted class. */
  readonly text: string;
  /** Whether it is right; nothing is marked if left out. */
  readonly ok?: boolean;
  /** Any CSS colour, drawn as a dot. */
  readonly color?: string;
}

/** One image and what is said of it. */
export interface ImageCell {
  /** The image, `[height, width, channels]` bytes with 1 or 3 channels; a set that holds one image is one. */
  readonly image: Picture;
  /** The line below it, for example the predicted class. */
  readonly caption?: string;
  /** Whether the caption is right; nothing is marked if left out. */
  readonly ok?: boolean;
  /** What several models say of it, a line each. */
  readonly verdicts?: readonly Verdict[];
}

/** Images in rows and columns. */
export interface ImageGrid {
  /** What the images show. */
  readonly caption?: string;
  /** Headings of the columns, for example offsets. */
  readonly columns: readonly string[];
  /** The rows: a name, for example the true class, and a cell for each column. */
  readonly rows: readonly { readonly label: string; readonly cells: readonly ImageCell[] }[];
}

/**
 * `picture` as a data URI that holds a PNG file with the same bytes.
 *
 * @throws {PolyphaseError} if the pixels do not fill the shape, or the channels are not 1 or 3
 */
export function pngDataUri(picture: Picture): string {
  const { height, width, channels, pixels } = picture;
  const shape = `[${height}, ${width}, ${channels}]`;
  if (channels !== 1 && channels !== 3) {
    throw new PolyphaseError(
      `Cannot show an image ${shape}: ${channels} channels, expected 1 (grey) or 3 (RGB): pick some`,
    );
  }
  if (pixels.length === 0 || pixels.length !== height * width * channels) {
    throw new PolyphaseError(
      `Cannot show an image ${shape}: ${pixels.length} bytes, expected ${
        height * width * channels
      }: pass one image, as takeImages(images, [index]) does`,
    );
  }
  const binary = Array.from(encodePng(picture), (byte) => String.fromCharCode(byte)).join("");
  return `data:image/png;base64,${btoa(binary)}`;
}

/**
 * The grid as an HTML figure. On a narrow screen each row becomes a block of its own.
 *
 * @throws {PolyphaseError} if a row does not have a cell for each column, or an image cannot be shown
 */
export function imageGrid(grid: ImageGrid): string {
  const rows = grid.rows.map(({ label, cells }) => {
    if (cells.length !== grid.columns.length) {
      throw new PolyphaseError(
        `Cannot lay out image row "${label}": ${cells.length} cells, expected ${grid.columns.length}: give one for each column`,
      );
    }
    const made = cells.map((cell, index) => {
      const alt = escapeHtml(`${label}, ${grid.columns[index]}`);
      const { width, height } = cell.image;
      const image = `<img src="${pngDataUri(cell.image)}" alt="${alt}" width="${width}" height="${height}"` +
        ` style="image-rendering:pixelated">`;
      return `<td data-column="${escapeHtml(grid.columns[index])}">${image}${words(cell)}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(label)}</th>${made.join("")}</tr>`;
  });
  const heads = grid.columns.map((column) => `<th scope="col">${escapeHtml(column)}</th>`);
  const caption = grid.caption === undefined ? "" : `<figcaption>${escapeHtml(grid.caption)}</figcaption>`;
  return `<figure class="images">${legend(grid)}<table><thead><tr><td></td>${heads.join("")}</tr></thead>` +
    `<tbody>${rows.join("\n")}</tbody></table>${caption}</figure>`;
}

function words({ caption, ok, verdicts }: ImageCell): string {
  const below = caption === undefined ? "" : `<div class="said">${mark(ok)}${escapeHtml(caption)}</div>`;
  const lines = (verdicts ?? []).map(({ name, text, ok, color }) =>
    `<li title="${escapeHtml(name)}">${dot(color)}<span class="unseen">${escapeHtml(name)}: </span>` +
    `${mark(ok)}${escapeHtml(text)}</li>`
  );
  return below + (lines.length === 0 ? "" : `<ul>${lines.join("")}</ul>`);
}

/** The names behind the colours, once for the whole grid. */
function legend(grid: ImageGrid): string {
  const verdicts = grid.rows.flatMap(({ cells }) => cells.flatMap((cell) => cell.verdicts ?? []));
  const names = new Map(verdicts.map(({ name, color }) => [name, color]));
  if (names.size === 0) return "";
  const entries = [...names].map(([name, color]) => `<li>${dot(color)}${escapeHtml(name)}</li>`);
  return `<ul class="legend" aria-hidden="true">${entries.join("")}</ul>`;
}

function dot(color: string | undefined): string {
  return color === undefined ? "" : `<i class="dot" style="background:${escapeHtml(color)}"></i>`;
}

function mark(ok: boolean | undefined): string {
  if (ok === undefined) return "";
  return ok
    ? `<b class="right" role="img" aria-label="right">✓</b> `
    : `<b class="wrong" role="img" aria-label="wrong">✗</b> `;
}
