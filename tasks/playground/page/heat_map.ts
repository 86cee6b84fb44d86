/**
 * The energies of all polyphases as a small map, with the one that the grid starts at marked.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Cut } from "./shown_model.ts";

/** Dark to light, in equal steps of lightness. */
const STOPS: readonly (readonly [number, number, number])[] = [
  [22, 24, 66],
  [84, 30, 110],
  [156, 46, 106],
  [216, 84, 74],
  [244, 146, 52],
  [250, 224, 130],
];

/**
 * Draws the energies so that they fill the canvas: each cell is a pixel of the first patch, at which the grid can start.
 * Colours span the range of the energies.
 *
 * @param colour of the mark, as CSS has it
 */
export function drawHeatMap(
  canvas: HTMLCanvasElement,
  { lattice, energies, start }: Cut,
  colour: string,
): void {
  const context = canvas.getContext("2d")!;
  const { patchHeight: rows, patchWidth: columns } = lattice;
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (energies === undefined) return;
  const least = energies.reduce((low, each) => Math.min(low, each), Infinity);
  const span = energies.reduce((high, each) => Math.max(high, each), -Infinity) - least;
  const [across, down] = [canvas.width / columns, canvas.height / rows];
  energies.forEach((energy, place) => {
    context.fillStyle = heat(span > 0 ? (energy - least) / span : 0);
    context.fillRect((place % columns) * across, Math.floor(place / columns) * down, across, down);
  });
  const line = Math.max(3, canvas.width / 24);
  for (const [style, width] of [["#fff", line * 2], [colour, line]] as const) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(
      (start % columns) * across + line,
      Math.floor(start / columns) * down + line,
      across - 2 * line,
      down - 2 * line,
    );
  }
}

function heat(share: number): string {
  const place = share * (STOPS.length - 1);
  const low = Math.min(Math.floor(place), STOPS.length - 2);
  const mixed = STOPS[low].map((value, index) =>
    Math.round(value + (place - low) * (STOPS[low + 1][index] - value))
  );
  return `rgb(${mixed.join(" ")})`;
}
