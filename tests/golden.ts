/**
 * Reading the reference numbers of `tests/golden`, which hold arrays as base64. They are modules, so that a test that
 * compares with them needs no permission.
 *
 * @module
 */

/** An array of a golden file. */
export interface GoldenArray {
  /** Type of the numbers. */
  readonly dtype: string;
  /** Length along each axis. */
  readonly shape: number[];
  /** The bytes, little-endian. */
  readonly base64: string;
}

/** The numbers of a float32 array. */
export function floats({ base64 }: GoldenArray): Float32Array<ArrayBuffer> {
  return new Float32Array(bytes({ base64 }).buffer);
}

/** The numbers of an int32 array. */
export function integers({ base64 }: Pick<GoldenArray, "base64">): Int32Array<ArrayBuffer> {
  return new Int32Array(bytes({ base64 }).buffer);
}

/** The bytes of an array. */
export function bytes({ base64 }: Pick<GoldenArray, "base64">): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** The greatest difference of two arrays, relative to the greatest magnitude in the second. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let difference = 0;
  let scale = 0;
  for (let index = 0; index < expected.length; index++) {
    difference = Math.max(difference, Math.abs(actual[index] - expected[index]));
    scale = Math.max(scale, Math.abs(expected[index]));
  }
  // NaN must not pass for equal.
  return Number.isNaN(difference) ? Infinity : difference / scale;
}
