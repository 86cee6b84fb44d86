/**
 * Attention of one head, `y = p v` with `p = softmax(scale · q kᵀ + bias)`, and its gradient: q is [queries, dim],
 * k [keys, dim], v [keys, width], y [queries, width].
 *
 * Heads lie one after the other, [batch, heads, rows, dim], or they are packed: q, k and v are parts of one array
 * [batch, keys, 3, heads, dim], the queries being the first of its rows, and y is [batch, queries, heads, dim]. Steps
 * between rows are in elements.
 *
 * Scores are made for a block of queries at a time, by the matrix product, and never leave the cache for long. The
 * gradient makes them again from logSumExp.
 */

import { expBelow4, log } from "./functions";
import { gemm, gemmScratch } from "./gemm";
import { sumLanes } from "./reduce";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/** Queries whose scores are in memory at once: enough that packing k and v for them costs little. */
const BLOCK_QUERIES: i32 = 96;

/** Blocks of about equal size, of whole tiles of the matrix product. */
function blockOf(queries: i32): i32 {
  if (queries <= BLOCK_QUERIES) return queries;
  const blocks = (queries + BLOCK_QUERIES - 1) / BLOCK_QUERIES;
  return ((queries + blocks - 1) / blocks + 5) / 6 * 6;
}

/** Bytes of scratch that `attention` needs. */
export function attentionScratch(queries: i32, keys: i32, dim: i32, width: i32): usize {
  const scores: usize = 4 * <usize>blockOf(queries) * <usize>keys;
  return 64 + scores + max(gemmScratch(keys, dim), gemmScratch(width, keys));
}

/** Bytes of scratch that `attentionGrad` needs. */
export function attentionGradScratch(queries: i32, keys: i32, dim: i32, width: i32): usize {
  const block = blockOf(queries);
  const scores: usize = 4 * <usize>block * <usize>keys;
  const forward = max(gemmScratch(keys, dim), gemmScratch(keys, width));
  const back = max(gemmScratch(dim, max(keys, block)), gemmScratch(width, block));
  return 64 + 2 * scores + max(forward, back);
}

/** C[rows, columns] = A B, or what C holds and A B. */
@inline
function product(
  rows: i32, columns: i32, depth: i32, a: usize, aRow: usize, aColumn: usize, b: usize, bRow: usize, bColumn: usize,
  c: usize, cRow: usize, adds: bool, scratch: usize,
): void {
  gemm(1, rows, columns, depth, a, 0, aRow, aColumn, b, 0, bRow, bColumn, c, 0, cRow, 0, 0, 0, adds, scratch);
}

/** Bytes to the rows of one head of one sample. */
@inline
function headOffset(
  sample: usize, head: usize, heads: i32, rows: i32, width: i32, step: usize, isPacked: bool,
): usize {
  if (isPacked) return 4 * (sample * <usize>rows * step + head * <usize>width);
  return 4 * (sample * <usize>heads + head) * <usize>rows * <usize>width;
}

/** All bits of a lane if the query sees that key: `count` lanes, 1 to 4; one byte for all of them if `step` is 0. */
@inline
function seen4(mask: usize, step: usize, count: i32): v128 {
  let bytes: u32 = <u32>load<u8>(mask);
  if (step == 0) {
    bytes *= 0x01010101;
  } else if (count >= 4) {
    bytes = load<u32>(mask);
  } else {
    if (count > 1) bytes |= <u32>load<u8>(mask, 1) << 8;
    if (count > 2) bytes |= <u32>load<u8>(mask, 2) << 16;
  }
  const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(i32x4.splat(<i32>bytes)));
  return i32x4.ne(wide, i32x4.splat(0));
}

/** Four scores, -∞ where the key is not seen, and in the lanes beyond `count`. */
@inline
function scores4(
  x: usize, scale: v128, bias: usize, biasStep: usize, mask: usize, maskStep: usize, count: i32,
): v128 {
  let score = loadLanes(x, count);
  if (bias) {
    const start = biasStep ? loadLanes(bias, count) : v128.load32_splat(bias);
    score = multiplyAdd(score, scale, start);
  } else {
    score = f32x4.mul(score, scale);
  }
  const nothing = f32x4.splat(-Infinity);
  if (mask) score = v128.bitselect(score, nothing, seen4(mask, maskStep, count));
  if (count >= 4) return score;
  return v128.bitselect(score, nothing, i32x4.gt_s(i32x4.splat(count), i32x4(0, 1, 2, 3)));
}

/** Whether there is a key that the query sees. */
function seesKey(keys: i32, mask: usize, maskStep: usize): bool {
  if (!mask) return keys > 0;
  for (; keys > 0; keys--) {
    if (load<u8>(mask)) return true;
    mask += maskStep;
  }
  return false;
}

/** Turns one row of q kᵀ into probabilities, zeros if no key is seen. @returns logSumExp */
function probabilities(
  keys: i32, x: usize, scale: f32, bias: usize, biasStep: usize, mask: usize, maskStep: usize,
): f32 {
  const scales = f32x4.splat(scale);
  const row = x;
  const firstMask = mask;
  // Where there is a NaN the maximum is less, but the row comes out as NaN all the same.
  let greatest4 = f32x4.splat(-Infinity);
  for (let left = keys; left > 0; left -= 4) {
    const score = scores4(x, scales, bias, biasStep, mask, maskStep, left);
    greatest4 = f32x4.pmax(greatest4, score);
    storeLanes(x, score, left);
    x += 16;
    if (bias) bias += 4 * biasStep;
    if (mask) mask += maskStep;
  }
  greatest4 = f32x4.pmax(greatest4, i32x4.shuffle(greatest4, greatest4, 2, 3, 0, 1));
  const greatest = f32x4.extract_lane(f32x4.pmax(greatest4, i32x4.shuffle(greatest4, greatest4, 1, 0, 3, 2)), 0);
  if (greatest == -Infinity && !seesKey(keys, firstMask, maskStep >> 2)) {
    memory.fill(row, 0, 4 * <usize>keys);
    return -Infinity;
  }
  const shift = f32x4.splat(greatest);
  let sums = f32x4.splat(0);
  x = row;
  let left = keys;
  for (; left >= 4; left -= 4) {
    const value = expBelow4(f32x4.sub(v128.load(x), shift));
    sums = f32x4.add(sums, value);
    v128.store(x, value);
    x += 16;
  }
  if (left > 0) {
    const value = expBelow4(f32x4.sub(scores4(x, f32x4.splat(1), 0, 0, 0, 0, left), shift));
    sums = f32x4.add(sums, value);
    storeLanes(x, value, left);
  }
  const sum = sumLanes(sums);
  const share = f32x4.splat(1 / sum);
  x = row;
  for (let left = keys; left > 0; left -= 4) {
    storeLanes(x, f32x4.mul(loadLanes(x, left), share), left);
    x += 16;
  }
  return <f32>(<f64>greatest + log(<f64>sum));
}

/**
 * y, and logSumExp [batch, heads, queries] of the scores.
 *
 * Steps of bias (floats) and mask (bytes) are in elements, 0 to stretch an axis; either address may be 0.
 */
export function attention(
  batch: i32, heads: i32, queries: i32, keys: i32, dim: i32, width: i32, isPacked: bool,
  q: usize, k: usize, v: usize, scale: f32,
  bias: usize, biasBatch: usize, biasHead: usize, biasRow: usize, biasColumn: usize,
  mask: usize, maskBatch: usize, maskHead: usize, maskRow: usize, maskColumn: usize,
  y: usize, logSumExp: usize, scratch: usize,
): void {
  const row: usize = isPacked ? 3 * <usize>heads * <usize>dim : <usize>dim;
  const valueRow = isPacked ? row : <usize>width;
  const yRow = isPacked ? <usize>heads * <usize>width : <usize>width;
  for (let sample: usize = 0; sample < <usize>batch; sample++) {
    for (let head: usize = 0; head < <usize>heads; head++) {
      const biasAt = bias ? bias + 4 * (sample * biasBatch + head * biasHead) : 0;
      const maskAt = mask ? mask + sample * maskBatch + head * maskHead : 0;
      attend(
        queries, keys, dim, width, row, valueRow, yRow,
        q + headOffset(sample, head, heads, isPacked ? keys : queries, dim, row, isPacked),
        k + headOffset(sample, head, heads, keys, dim, row, isPacked),
        v + headOffset(sample, head, heads, keys, width, valueRow, isPacked), scale,
        biasAt, biasRow, biasColumn, maskAt, maskRow, maskColumn,
        y + headOffset(sample, head, heads, queries, width, yRow, isPacked), logSumExp, scratch,
      );
      logSumExp += 4 * <usize>queries;
    }
  }
}

function attend(
  queries: i32, keys: i32, dim: i32, width: i32, row: usize, valueRow: usize, yRow: usize,
  q: usize, k: usize, v: usize, scale: f32,
  bias: usize, biasRow: usize, biasColumn: usize, mask: usize, maskRow: usize, maskColumn: usize,
  y: usize, logSumExp: usize, scratch: usize,
): void {
  const block = blockOf(queries);
  const scores = (scratch + 63) & ~63;
  const work = scores + 4 * <usize>block * <usize>keys;
  for (; queries > 0; queries -= block) {
    const rows = min(queries, block);
    product(rows, keys, dim, q, row, 1, k, 1, row, scores, <usize>keys, false, work);
    let at = scores;
    for (let i = 0; i < rows; i++) {
      store<f32>(
        logSumExp,
        probabilities(keys, at, scale, bias, 4 * biasColumn, mask, 4 * maskColumn),
      );
      logSumExp += 4;
      at += 4 * <usize>keys;
      if (bias) bias += 4 * biasRow;
      if (mask) mask += maskRow;
    }
    product(rows, width, keys, scores, <usize>keys, 1, v, valueRow, 1, y, yRow, false, work);
    q += 4 * <usize>rows * row;
    y += 4 * <usize>rows * yRow;
  }
}

/** The sum of `x ⊙ y` over one row. */
function dot(count: i32, x: usize, y: usize): f32 {
  let sum = f32x4.splat(0);
  for (; count > 0; count -= 4) {
    sum = multiplyAdd(loadLanes(x, count), loadLanes(y, count), sum);
    x += 16;
    y += 16;
  }
  return sumLanes(sum);
}

/**
 * For one query: turns `x`, its row of q kᵀ, into probabilities p, and `slopes`, its row of dy vᵀ, into
 * `scale · ds`, `ds = p ⊙ (slopes − along)`. Adds ds to dbias.
 */
function slopesOf(
  keys: i32, x: usize, slopes: usize, scale: f32, level: f32, along: f32,
  bias: usize, biasStep: usize, mask: usize, maskStep: usize, dbias: usize,
): void {
  const scales = f32x4.splat(scale);
  // A query that sees no key has only scores of -∞: any finite shift makes zeros of them.
  const shift = f32x4.splat(level == -Infinity ? 0 : level);
  const alongs = f32x4.splat(along);
  let sums = f32x4.splat(0);
  const first = dbias;
  for (let left = keys; left > 0; left -= 4) {
    const p = expBelow4(f32x4.sub(scores4(x, scales, bias, biasStep, mask, maskStep, left), shift));
    storeLanes(x, p, left);
    const ds = f32x4.mul(p, f32x4.sub(loadLanes(slopes, left), alongs));
    storeLanes(slopes, f32x4.mul(ds, scales), left);
    if (bias) {
      if (biasStep) storeLanes(dbias, f32x4.add(loadLanes(dbias, left), ds), left);
      else sums = f32x4.add(sums, ds);
      bias += 4 * biasStep;
      dbias += 4 * biasStep;
    }
    if (mask) mask += maskStep;
    x += 16;
    slopes += 16;
  }
  if (bias && !biasStep && keys > 0) store<f32>(first, load<f32>(first) + sumLanes(sums));
}

/**
 * Gradients dq, dk and dv, which lie as q, k and v do; those of the bias are added to dbias, which lies as the bias does.
 */
export function attentionGrad(
  batch: i32, heads: i32, queries: i32, keys: i32, dim: i32, width: i32, isPacked: bool,
  dy: usize, q: usize, k: usize, v: usize, y: usize, logSumExp: usize, scale: f32,
  bias: usize, biasBatch: usize, biasHead: usize, biasRow: usize, biasColumn: usize,
  mask: usize, maskBatch: usize, maskHead: usize, maskRow: usize, maskColumn: usize,
  dq: usize, dk: usize, dv: usize, dbias: usize, scratch: usize,
): void {
  const row: usize = isPacked ? 3 * <usize>heads * <usize>dim : <usize>dim;
  const valueRow = isPacked ? row : <usize>width;
  const yRow = isPacked ? <usize>heads * <usize>width : <usize>width;
  for (let sample: usize = 0; sample < <usize>batch; sample++) {
    for (let head: usize = 0; head < <usize>heads; head++) {
      const biasOffset: usize = 4 * (sample * biasBatch + head * biasHead);
      const maskAt = mask ? mask + sample * maskBatch + head * maskHead : 0;
      const queryAt = headOffset(sample, head, heads, isPacked ? keys : queries, dim, row, isPacked);
      const keyAt = headOffset(sample, head, heads, keys, dim, row, isPacked);
      const valueAt = headOffset(sample, head, heads, keys, width, valueRow, isPacked);
      const yAt = headOffset(sample, head, heads, queries, width, yRow, isPacked);
      attendGrad(
        queries, keys, dim, width, row, valueRow, yRow,
        dy + yAt, q + queryAt, k + keyAt, v + valueAt, y + yAt, logSumExp, scale,
        bias ? bias + biasOffset : 0, biasRow, biasColumn, maskAt, maskRow, maskColumn,
        dq + queryAt, dk + keyAt, dv + valueAt, dbias + biasOffset, scratch,
      );
      logSumExp += 4 * <usize>queries;
    }
  }
}

function attendGrad(
  queries: i32, keys: i32, dim: i32, width: i32, row: usize, valueRow: usize, yRow: usize,
  dy: usize, q: usize, k: usize, v: usize, y: usize, logSumExp: usize,
  scale: f32, bias: usize, biasRow: usize, biasColumn: usize, mask: usize, maskRow: usize, maskColumn: usize,
  dq: usize, dk: usize, dv: usize, dbias: usize, scratch: usize,
): void {
  const block = blockOf(queries);
  const scores = (scratch + 63) & ~63;
  const slopes = scores + 4 * <usize>block * <usize>keys;
  const work = slopes + 4 * <usize>block * <usize>keys;
  const step = <usize>keys;
  if (queries == 0) {
    // Products of no depth write zeros, in steps.
    product(keys, width, 0, 0, 0, 0, 0, 0, 0, dv, valueRow, false, work);
    product(keys, dim, 0, 0, 0, 0, 0, 0, 0, dk, row, false, work);
  }
  for (let adds = false; queries > 0; adds = true) {
    const rows = min(queries, block);
    product(rows, keys, dim, q, row, 1, k, 1, row, scores, step, false, work);
    product(rows, keys, width, dy, yRow, 1, v, 1, valueRow, slopes, step, false, work);
    let at: usize = 0;
    for (let i: usize = 0; i < <usize>rows; i++) {
      const across: usize = 4 * i * yRow;
      slopesOf(
        keys, scores + at, slopes + at, scale, load<f32>(logSumExp), dot(width, dy + across, y + across),
        bias, 4 * biasColumn, mask, 4 * maskColumn, dbias,
      );
      at += 4 * step;
      logSumExp += 4;
      if (bias) {
        bias += 4 * biasRow;
        dbias += 4 * biasRow;
      }
      if (mask) mask += maskRow;
    }
    product(rows, dim, keys, slopes, step, 1, k, row, 1, dq, row, false, work);
    product(keys, width, rows, scores, 1, step, dy, yRow, 1, dv, valueRow, adds, work);
    product(keys, dim, rows, slopes, 1, step, q, row, 1, dk, row, adds, work);
    q += 4 * <usize>rows * row;
    dq += 4 * <usize>rows * row;
    dy += 4 * <usize>rows * yRow;
    y += 4 * <usize>rows * yRow;
    queries -= rows;
  }
}
