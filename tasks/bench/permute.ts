/**
 * Changing the order of the axes of an array of numbers, for libraries that lay the same tensor out in another order.
 *
 * @module
 */

/** The shape whose axis `i` is axis `axes[i]` of `shape`. */
export function permuted(shape: readonly number[], axes: readonly number[]): number[] {
  return axes.map((axis) => shape[axis]);
}

/** The numbers of an array of `shape` with its axes in the order `axes`, copied. */
export function permute(
  numbers: Float32Array,
  shape: readonly number[],
  axes: readonly number[],
): Float32Array<ArrayBuffer> {
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, length) => product * length, 1)
  );
  const lengths = permuted(shape, axes);
  const steps = permuted(strides, axes);
  const out = new Float32Array(numbers.length);
  let to = 0;
  const walk = (axis: number, from: number): void => {
    if (axis === lengths.length) {
      out[to++] = numbers[from];
      return;
    }
    for (let index = 0; index < lengths[axis]; index++) walk(axis + 1, from + index * steps[axis]);
  };
  walk(0, 0);
  return out;
}
