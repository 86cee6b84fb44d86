/** Energies of the polyphases of images. */

import { sumLanes } from "./reduce";
import { loadLanes } from "./simd";

/**
 * `energies[b, i, j] = Σ |x[b, i + k · rows, j + l · columns, c]|^power` over k, l and c: x `[batch, height, width,
 * channels]`, whose sides `rows` and `columns` divide, energies `[batch, rows, columns]`, power 1 to 4. Pixels are summed
 * up in double precision, so that a shift changes next to nothing.
 *
 * @param scratch `8 · rows · columns` bytes
 */
export function phaseEnergies(
  batch: i32, height: i32, width: i32, channels: i32, rows: i32, columns: i32, power: i32, x: usize, energies: usize,
  scratch: usize,
): void {
  const phases = rows * columns;
  for (; batch > 0; batch--) {
    memory.fill(scratch, 0, 8 * <usize>phases);
    for (let i = 0; i < height; i++) {
      const sums = scratch + 8 * <usize>((i % rows) * columns);
      let j = 0;
      for (let left = width; left > 0; left--) {
        const at = sums + 8 * <usize>j;
        store<f64>(at, load<f64>(at) + <f64>pixelEnergy(channels, x, power));
        x += 4 * <usize>channels;
        if (++j == columns) j = 0;
      }
    }
    for (let i = 0; i < phases; i++) {
      store<f32>(energies, <f32>load<f64>(scratch + 8 * <usize>i));
      energies += 4;
    }
  }
}

function pixelEnergy(channels: i32, x: usize, power: i32): f32 {
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  for (; channels >= 8; channels -= 8) {
    sum0 = f32x4.add(sum0, powerOf(v128.load(x), power));
    sum1 = f32x4.add(sum1, powerOf(v128.load(x, 16), power));
    x += 32;
  }
  for (; channels > 0; channels -= 4) {
    sum0 = f32x4.add(sum0, powerOf(loadLanes(x, channels), power));
    x += 16;
  }
  return sumLanes(f32x4.add(sum0, sum1));
}

@inline
function powerOf(x: v128, power: i32): v128 {
  if (power == 1) return f32x4.abs(x);
  const square = f32x4.mul(x, x);
  if (power == 2) return square;
  return f32x4.mul(square, power == 3 ? f32x4.abs(x) : square);
}
