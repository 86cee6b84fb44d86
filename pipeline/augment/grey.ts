/**
 * The grey of a pixel, as torchvision's `rgb_to_grayscale` has it.
 *
 * @module
 */

const RED = Math.fround(0.2989);
const GREEN = Math.fround(0.587);
const BLUE = Math.fround(0.114);

/**
 * Grey of an RGB pixel as a byte, cut off. The weights sum to a little under 1: a grey pixel above 0 comes out one
 * lower.
 */
export function greyOf(red: number, green: number, blue: number): number {
  const sum = Math.fround(Math.fround(RED * red) + Math.fround(GREEN * green));
  return Math.trunc(Math.fround(sum + Math.fround(BLUE * blue)));
}
