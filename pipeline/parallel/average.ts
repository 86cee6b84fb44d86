/**
 * Weighted means of arrays in a fixed order of additions, so that the same numbers always give the same bits.
 *
 * @module
 */

/** Numbers whose float64 sums are held at a time: few enough to stay in the first-level cache. */
const BLOCK = 1024;

/**
 * Writes `Σ weights[k] · arrays[k][i]` to `out[i]` for `i` in [`start`, `end`). Sums are taken in float64, in the order
 * of `arrays`, and rounded once. An array of weight 0 is not read: what it holds, not a number included, has no say.
 */
export function weightedMean(
  out: Float32Array,
  arrays: readonly Float32Array[],
  weights: readonly number[],
  start: number,
  end: number,
): void {
  const heard = arrays.flatMap((array, index) =>
    weights[index] === 0 ? [] : [{ array, weight: weights[index] }]
  );
  if (heard.length === 2) {
    // By far the most common, and several times as quick as the loop over blocks.
    const [{ array: left, weight: a }, { array: right, weight: b }] = heard;
    for (let place = start; place < end; place++) out[place] = a * left[place] + b * right[place];
    return;
  }
  const sums = new Float64Array(BLOCK);
  for (let from = start; from < end; from += BLOCK) {
    const length = Math.min(BLOCK, end - from);
    sums.fill(0);
    for (const { array, weight } of heard) {
      for (let place = 0; place < length; place++) sums[place] += weight * array[from + place];
    }
    for (let place = 0; place < length; place++) out[from + place] = sums[place];
  }
}
