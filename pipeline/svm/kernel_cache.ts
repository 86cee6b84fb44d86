/**
 * Kernel values that are kept, since a solver asks for the same rows again and again: a row against all rows of a class.
 *
 * The piece of a row against its own class serves every pair that this class is in. When the room is used up, the
 * piece that nobody asked for the longest goes.
 *
 * @module
 */

import { type KernelRows, rbfKernel } from "./rbf_kernel.ts";

/** What kernel values are of. */
export interface KernelCacheOptions {
  /** Rows of features, sorted by class. */
  readonly rows: KernelRows;
  /** First row of each class, and the number of rows at the end, `[classes + 1]`. */
  readonly starts: ArrayLike<number>;
  /** Width of the kernel. */
  readonly gamma: number;
  /** Bytes to keep at most. There is always room for {@linkcode LEAST_PIECES} pieces. */
  readonly maxBytes: number;
}

/** Kernel values, computed when they are first asked for. */
export interface KernelCache {
  /**
   * The kernel of row `row` with all rows of class number `group`, `[rows of the class]`. It stays valid until
   * {@linkcode LEAST_PIECES} other pieces were asked for.
   */
  piece(row: number, group: number): Float32Array;
  /** Drops the pieces of rows against a class other than their own: each is of use to one pair alone. */
  endPair(): void;
  /** Multiply-adds spent on kernel values so far. */
  work(): number;
  /** Bytes kept now. */
  bytes(): number;
}

/** How many pieces can be held at the least: two rows against two classes, and as many of the step before. */
export const LEAST_PIECES = 8;

/** Makes an empty cache. Numbers are kept as float32, as LIBSVM does. */
export function createKernelCache({ rows, starts, gamma, maxBytes }: KernelCacheOptions): KernelCache {
  const groups = starts.length - 1;
  let longest = 0;
  const groupOf = new Uint32Array(starts[groups]);
  for (let group = 0; group < groups; group++) {
    longest = Math.max(longest, starts[group + 1] - starts[group]);
    groupOf.fill(group, starts[group], starts[group + 1]);
  }
  const limit = Math.max(maxBytes, LEAST_PIECES * longest * Float32Array.BYTES_PER_ELEMENT);
  // A map gives its keys in the order in which they were put in: the first is the one used the longest ago.
  const pieces = new Map<number, Float32Array>();
  const kernel = rbfKernel(gamma, rows);
  let bytes = 0;
  let work = 0;

  /** Room for a piece; takes that of an old one if it fits. */
  const makeRoom = (length: number): Float32Array => {
    const need = length * Float32Array.BYTES_PER_ELEMENT;
    for (const [key, old] of pieces) {
      if (bytes + need <= limit) break;
      pieces.delete(key);
      bytes -= old.byteLength;
      if (old.length === length) {
        bytes += need;
        return old;
      }
    }
    bytes += need;
    return new Float32Array(length);
  };

  return {
    piece(row, group) {
      const key = row * groups + group;
      const kept = pieces.get(key);
      if (kept !== undefined) {
        pieces.delete(key);
        pieces.set(key, kept);
        return kept;
      }
      const first = starts[group];
      const last = starts[group + 1];
      const fresh = makeRoom(last - first);
      kernel.narrow(rows, row, first, last, fresh);
      pieces.set(key, fresh);
      work += (last - first) * rows.dims;
      return fresh;
    },
    endPair() {
      for (const [key, piece] of pieces) {
        if (groupOf[Math.floor(key / groups)] === key % groups) continue;
        pieces.delete(key);
        bytes -= piece.byteLength;
      }
    },
    work: () => work,
    bytes: () => bytes,
  };
}
