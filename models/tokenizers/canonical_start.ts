/**
 * The canonical start of a cyclic sequence of tokens: of all its rotations, the greatest one. Every rotation of the
 * sequence has the same greatest rotation, so what starts there does not depend on where the sequence was cut.
 *
 * This is the least-rotation problem of strings, on one axis or on a torus of rows and columns, with tokens ordered by
 * energy and then by their bytes. The bytes make the order total: only equal tokens compare as equal, and rotations
 * that remain tied at the end are the same sequence.
 *
 * @module
 */

/** A cyclic sequence of tokens that a start is sought in. */
export interface TokenCycle {
  /** Bytes of the patches, `[tokens, patch]`. */
  readonly values: Uint8Array;
  /** What tokens are compared by first, `[tokens]`. */
  readonly energies: Float64Array;
}

/** A token of one of several cycles. */
export interface Start {
  /** Index of the cycle. */
  readonly cycle: number;
  /** Index of the token in it. */
  readonly token: number;
}

/**
 * The start of the greatest rotation among all rotations of all `cycles`, each a torus of `rows` by `columns` tokens
 * read row by row. More than one cycle is given where polyphases tie in energy.
 *
 * The candidates are the greatest tokens; at each further place only those stay whose token there is greatest. One is
 * left after a step or two unless large parts of the image repeat.
 */
export function canonicalStart(cycles: readonly TokenCycle[], rows: number, columns: number): Start {
  const tokens = rows * columns;
  // A candidate is a number, cycle * tokens + token: this runs for every image of every batch.
  let candidates = greatestTokens(cycles, tokens);
  for (let place = 1; place < tokens && candidates.length > 1; place++) {
    const down = Math.floor(place / columns);
    const right = place % columns;
    let best: number[] = [];
    let bestCycle = cycles[0];
    let bestToken = 0;
    for (const candidate of candidates) {
      const cycle = cycles[Math.floor(candidate / tokens)];
      const start = candidate % tokens;
      const row = (Math.floor(start / columns) + down) % rows;
      const token = row * columns + (start + right) % columns;
      const order = best.length === 0 ? 1 : compare(cycle, token, bestCycle, bestToken);
      if (order > 0) {
        best = [candidate];
        bestCycle = cycle;
        bestToken = token;
      } else if (order === 0) best.push(candidate);
    }
    candidates = best;
  }
  return { cycle: Math.floor(candidates[0] / tokens), token: candidates[0] % tokens };
}

/** The tokens that no other is greater than, as numbers cycle * tokens + token. */
function greatestTokens(cycles: readonly TokenCycle[], tokens: number): number[] {
  const best = [0];
  for (let candidate = 1; candidate < cycles.length * tokens; candidate++) {
    const cycle = cycles[Math.floor(candidate / tokens)];
    const order = compare(cycle, candidate % tokens, cycles[Math.floor(best[0] / tokens)], best[0] % tokens);
    if (order > 0) best.length = 0;
    if (order >= 0) best.push(candidate);
  }
  return best;
}

/** Positive if token `a` of `left` is greater than token `b` of `right`, by energy, then by bytes. */
function compare(left: TokenCycle, a: number, right: TokenCycle, b: number): number {
  const gap = left.energies[a] - right.energies[b];
  if (gap !== 0) return gap;
  const size = left.values.length / left.energies.length;
  for (let index = 0; index < size; index++) {
    const difference = left.values[a * size + index] - right.values[b * size + index];
    if (difference !== 0) return difference;
  }
  return 0;
}
