/**
 * Masks of dropout from random bits: threefry2x32 with 20 rounds, as `pipeline/random.ts` has it, four numbers at a time.
 *
 * J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */

import { storeLanes } from "./simd";

@inline
function rotateXor(b: v128, a: v128, left: i32): v128 {
  return v128.xor(v128.or(i32x4.shl(b, left), i32x4.shr_u(b, 32 - left)), a);
}

/**
 * Element `i` is `kept`, or 0 where the upper 23 bits of word `i` of the key are below `threshold`.
 */
export function dropoutMask(count: i32, key0: i32, key1: i32, threshold: i32, kept: f32, to: usize): void {
  const schedule0 = i32x4.splat(key0);
  const schedule1 = i32x4.splat(key1);
  const schedule2 = i32x4.splat(key0 ^ key1 ^ 0x1bd11bda);
  const limits = i32x4.splat(threshold);
  const keeps = f32x4.splat(kept);
  let index = i32x4(0, 1, 2, 3);
  for (let left = count; left > 0; left -= 4) {
    let a = schedule0;
    let b = i32x4.add(index, schedule1);
    let next0 = schedule1;
    let next1 = schedule2;
    let next2 = schedule0;
    for (let group = 0; group < 5; group++) {
      const isOdd = group & 1;
      a = i32x4.add(a, b);
      b = rotateXor(b, a, isOdd ? 17 : 13);
      a = i32x4.add(a, b);
      b = rotateXor(b, a, isOdd ? 29 : 15);
      a = i32x4.add(a, b);
      b = rotateXor(b, a, isOdd ? 16 : 26);
      a = i32x4.add(a, b);
      b = rotateXor(b, a, isOdd ? 24 : 6);
      a = i32x4.add(a, next0);
      b = i32x4.add(i32x4.add(b, next1), i32x4.splat(group + 1));
      const first = next0;
      next0 = next1;
      next1 = next2;
      next2 = first;
    }
    const draws = i32x4.shr_u(v128.xor(a, b), 9);
    storeLanes(to, v128.andnot(keeps, i32x4.lt_s(draws, limits)), left);
    to += 16;
    index = i32x4.add(index, i32x4.splat(4));
  }
}
