/**
 * A colour for each class, the same in bars and maps.
 *
 * @module
 */

/** Ten hues that differ in lightness too, so that they can be told apart with any eyes. */
const TEN: readonly string[] = [
  "#3b6fd4",
  "#f0a03a",
  "#2f9e6e",
  "#d64f4f",
  "#8a63d2",
  "#8a5a3c",
  "#e58ac1",
  "#64748b",
  "#b5b52e",
  "#34b6c8",
];

/** The colour of a class, as CSS has it. Beyond ten, hues are spread by the golden angle. */
export function classColour(label: number): string {
  if (label < TEN.length) return TEN[label];
  return `hsl(${(label * 137.508) % 360} 60% ${45 + (label % 3) * 12}%)`;
}
