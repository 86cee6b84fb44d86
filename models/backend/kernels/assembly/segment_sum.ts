/** Sums of the rows that share a number: what the gradient of gathering rows is made of. */

/**
 * `sums[ids[row]] += x[row]` for all rows in order, from zeros. Rows whose number is not in [0, segments) are left out.
 */
export function segmentSum(
  rows: i32, columns: i32, segments: i32, x: usize, ids: usize, sums: usize,
): void {
  const step: usize = 4 * <usize>columns;
  memory.fill(sums, 0, <usize>segments * step);
  for (let row = 0; row < rows; row++) {
    const id = load<u32>(ids + 4 * <usize>row);
    if (id < <u32>segments) add(columns, x, sums + <usize>id * step);
    x += step;
  }
}

function add(count: i32, x: usize, y: usize): void {
  for (; count >= 4; count -= 4) {
    v128.store(y, f32x4.add(v128.load(y), v128.load(x)));
    x += 16;
    y += 16;
  }
  for (; count > 0; count--) {
    store<f32>(y, load<f32>(y) + load<f32>(x));
    x += 4;
    y += 4;
  }
}
