/** Runs of bytes picked by number: slices of an array along one axis. */

/**
 * `y[b, o, i] = x[b, o, ids[b, i]]`, each of them `run` bytes: x `[batch, outer, length]`, ids `[batch, picks]`, y
 * `[batch, outer, picks]`. Gives back the place of the first id that is not in [0, length), before which nothing is
 * written, or −1.
 */
export function gather(
  batch: i32, outer: i32, picks: i32, length: i32, run: usize, x: usize, ids: usize, y: usize,
): i32 {
  const count = batch * picks;
  for (let i = 0; i < count; i++) {
    if (load<u32>(ids + 4 * <usize>i) >= <u32>length) return i;
  }
  for (; batch > 0; batch--) {
    for (let left = outer; left > 0; left--) {
      for (let i = 0; i < picks; i++) {
        copyRun(y, x + <usize>load<u32>(ids + 4 * <usize>i) * run, run);
        y += run;
      }
      x += <usize>length * run;
    }
    ids += 4 * <usize>picks;
  }
  return -1;
}

/** Copies a run; the engine's own copy pays only where it is long. */
export function copyRun(to: usize, from: usize, bytes: usize): void {
  if (bytes > 256) {
    memory.copy(to, from, bytes);
    return;
  }
  for (; bytes >= 16; bytes -= 16) {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  }
  for (; bytes >= 4; bytes -= 4) {
    store<u32>(to, load<u32>(from));
    to += 4;
    from += 4;
  }
  for (; bytes > 0; bytes--) {
    store<u8>(to, load<u8>(from));
    to++;
    from++;
  }
}
