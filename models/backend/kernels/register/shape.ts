/**
 * Small sums about shapes.
 *
 * @module
 */

/** How many numbers a tensor of this shape has. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
