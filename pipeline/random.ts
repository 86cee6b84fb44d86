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

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** The block cipher: encrypts the counter words `x0`, `x1` under `key` and writes two unsigned words to `out`. */
export function threefry2x32(key: Key, x0: number, x1: number, out: Uint32Array): void {
  const k0 = key[0] | 0;
  const k1 = key[1] | 0;
  const schedule = [k0, k1, k0 ^ k1 ^ 0x1bd11bda];
  let a = (x0 + k0) | 0;
  let b = (x1 + k1) | 0;
  for (let group = 0; group < 5; group++) {
    const base = (group & 1) * 4;
    for (let round = 0; round < 4; round++) {
      const r = ROTATIONS[base + round];
      a = (a + b) | 0;
      b = ((b << r) | (b >>> (32 - r))) ^ a;
    }
    a = (a + schedule[(group + 1) % 3]) | 0;
    b = (b + schedule[(group + 2) % 3] + group + 1) | 0;
  }
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
  return Float32Array.from(words, (word) => low + (word >>> 9) * 2 ** -23 * (high - low));
}

/**
 * `count` integers uniform in [`low`, `high`), each drawn by widening multiplication: the bias is below 2⁻³² of the span.
 *
 * @throws {RangeError} if the range is empty
 */
export function randint(key: Key, count: number, low: number, high: number): Int32Array {
  if (!(high > low)) throw new RangeError(`no integers in [${low}, ${high})`);
  const words = bits(key, new Uint32Array(count));
  return Int32Array.from(words, (word) => low + Math.floor((word / 2 ** 32) * (high - low)));
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
