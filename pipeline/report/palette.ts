/**
 * Colours that tell models apart, the same in every picture of a report.
 *
 * Each has a contrast of at least 3 to 1 with white and with the dark page, and stays apart from the others for eyes
 * with protanopia and deuteranopia. The first four are of M. Okabe and K. Ito, "Color Universal Design", 2008.
 *
 * @module
 */

/** Blue, vermilion, green, rose, periwinkle, violet, grey and brick, as `#rrggbb`. */
export const PALETTE: readonly string[] = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#9284fb",
  "#5d3efd",
  "#6b6166",
  "#b43a19",
];

/**
 * The colour of the thing at `index`, as `#rrggbb`. After eight the colours start over, so what shows more must tell
 * them apart by a label as well.
 *
 * @throws {RangeError} if `index` is not an integer from 0
 */
export function colorOf(index: number): string {
  if (!Number.isInteger(index) || index < 0) throw new RangeError(`colour ${index} is not an integer from 0`);
  return PALETTE[index % PALETTE.length];
}

/** A colour for each different name, in order of first appearance, as `#rrggbb`. */
export function colors(names: readonly string[]): ReadonlyMap<string, string> {
  return new Map([...new Set(names)].map((name, index) => [name, colorOf(index)]));
}
