/**
 * Splittable random keys: threefry2x32 with 20 rounds, laid out as JAX's partitionable generator, so that keys,
 * words and uniform numbers are those of `jax.random`.
 *
 * A key is a value. Nothing here keeps state: the same key always gives the same numbers, and two uses of chance take
 * two keys, made by {@linkcode split} or {@linkcode foldIn}.
 *
 * J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 *
 * A leaf of the module graph: every room of the house may import it.
 *
 * @module
 */

/** A random key: two unsigned 32-bit words. */
export type Key = readonly [number, number];

/**
 * The block cipher: encrypts the counter words `x0`, `x1` under `key` and writes two unsigned words to `out`.
 *
 * Written out round by round: as loops over tables of rotations it takes more than twice as long, and models draw millions.
 */
export function threefry2x32(key: Key, x0: number, x1: number, out: Uint32Array): void {
  const k0 = key[0] | 0;
  const k1 = key[1] | 0;
  const k2 = k0 ^ k1 ^ 0x1bd11bda;
  let a = (x0 + k0) | 0;
  let b = (x1 + k1) | 0;
  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + k1) | 0;
  b = (b + k2 + 1) | 0;
  a = (a + b) | 0;
  b = ((b << 17) | (b >>> 15)) ^ a;
  a = (a + b) | 0;
  b = ((b << 29) | (b >>> 3)) ^ a;
  a = (a + b) | 0;
  b = ((b << 16) | (b >>> 16)) ^ a;
  a = (a + b) | 0;
  b = ((b << 24) | (b >>> 8)) ^ a;
  a = (a + k2) | 0;
  b = (b + k0 + 2) | 0;
  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + k0) | 0;
  b = (b + k1 + 3) | 0;
  a = (a + b) | 0;
  b = ((b << 17) | (b >>> 15)) ^ a;
  a = (a + b) | 0;
  b = ((b << 29) | (b >>> 3)) ^ a;
  a = (a + b) | 0;
  b = ((b << 16) | (b >>> 16)) ^ a;
  a = (a + b) | 0;
  b = ((b << 24) | (b >>> 8)) ^ a;
  a = (a + k1) | 0;
  b = (b + k2 + 4) | 0;
  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + k2) | 0;
  b = (b + k0 + 5) | 0;
  out[0] = a;
  out[1] = b;
}

/**
 * The key of a seed, as `jax.random.key(seed)` for seeds below 2³².
 *
 * @throws {RangeError} if `seed` is not an integer in [0, 2³²)
 */
export function keyOf(seed: number): Key {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(`seed ${seed} is not an integer from 0 to ${2 ** 32 - 1}`);
  }
  return [0, seed];
}

/**
 * A key made of `key` and a name or number, as `jax.random.fold_in`: different data give independent keys.
 * Text is folded in by its 32-bit FNV-1a hash.
 */
export function foldIn(key: Key, data: number | string): Key {
  const out = new Uint32Array(2);
  threefry2x32(key, 0, typeof data === "number" ? data : hash(data), out);
  return [out[0], out[1]];
}

/** `count` independent keys, as `jax.random.split`. */
export function split(key: Key, count = 2): Key[] {
  return Array.from({ length: count }, (_, index) => foldIn(key, index));
}

/** Fills `out` with random unsigned 32-bit words, as `jax.random.bits`, and returns it. */
export function bits(key: Key, out: Uint32Array): Uint32Array {
  const pair = new Uint32Array(2);
  for (let index = 0; index < out.length; index++) {
    threefry2x32(key, 0, index, pair);
    out[index] = pair[0] ^ pair[1];
  }
  return out;
}

/** `count` float32 numbers uniform in [`low`, `high`), as `jax.random.uniform`. */
export function uniform(key: Key, count: number, low = 0, high = 1): Float32Array {
  const words = bits(key, new Uint32Array(count));
  // Loops, here and below: `from` with a function takes seven times as long.
  const out = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    out[index] = low + (words[index] >>> 9) * 2 ** -23 * (high - low);
  }
  return out;
}

/**
 * `count` integers uniform in [`low`, `high`), each drawn by widening multiplication: the bias is below 2⁻³² of the span.
 *
 * @throws {RangeError} if the range is empty
 */
export function randint(key: Key, count: number, low: number, high: number): Int32Array {
  if (!(high > low)) throw new RangeError(`no integers in [${low}, ${high})`);
  const words = bits(key, new Uint32Array(count));
  const out = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    out[index] = low + Math.floor((words[index] / 2 ** 32) * (high - low));
  }
  return out;
}

/** `count` float32 numbers from the standard normal distribution, by the Box–Muller transform. */
export function normal(key: Key, count: number): Float32Array {
  const words = bits(key, new Uint32Array(2 * count));
  const out = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    const radius = Math.sqrt(-2 * Math.log((words[2 * index] + 1) / 2 ** 32));
    out[index] = radius * Math.cos((2 * Math.PI * words[2 * index + 1]) / 2 ** 32);
  }
  return out;
}

/** A random order of the integers 0 to `count - 1`, by Fisher and Yates. */
export function permutation(key: Key, count: number): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const words = bits(key, new Uint32Array(count));
  for (let last = count - 1; last > 0; last--) {
    const pick = Math.floor((words[last] / 2 ** 32) * (last + 1));
    const kept = order[last];
    order[last] = order[pick];
    order[pick] = kept;
  }
  return order;
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
