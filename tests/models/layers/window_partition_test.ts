/**
 * Windows cut from maps and put together again, and masks of shifted ones, against plain loops.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type BackendName, selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { windowMask } from "../../../models/layers/window_mask.ts";
import { fromWindows, toWindows } from "../../../models/layers/window_partition.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";

const SHAPE: [number, number, number, number] = [3, 4, 6, 2];
const [BATCH, HEIGHT, WIDTH, CHANNELS] = SHAPE;
const WINDOW = [2, 3] as const;
const OFFSETS = { rows: [0, 3, -1], columns: [2, -7, 5] };

const modulo = (value: number, length: number) => ((value % length) + length) % length;
const random = (seed: number, shape: readonly number[]): Tensor =>
  tf.tensor(normal(keyOf(seed), shape.reduce((product, each) => product * each, 1)), [...shape]);

/** The windows of a map, read one by one. */
function byHand(values: ArrayLike<number>): number[] {
  const out: number[] = [];
  for (let b = 0; b < BATCH; b++) {
    for (let top = 0; top < HEIGHT; top += WINDOW[0]) {
      for (let left = 0; left < WIDTH; left += WINDOW[1]) {
        for (let row = 0; row < WINDOW[0]; row++) {
          for (let column = 0; column < WINDOW[1]; column++) {
            const y = modulo(top + row + OFFSETS.rows[b], HEIGHT);
            const x = modulo(left + column + OFFSETS.columns[b], WIDTH);
            for (let c = 0; c < CHANNELS; c++) {
              out.push(values[((b * HEIGHT + y) * WIDTH + x) * CHANNELS + c]);
            }
          }
        }
      }
    }
  }
  return out;
}

for (const backend of ["wasm", "cpu"] satisfies BackendName[]) {
  Deno.test(`windows: are read from the offset on, around the border, and put back (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const x = random(1, SHAPE);
      const offset = { row: tf.tensor1d(OFFSETS.rows), column: tf.tensor1d(OFFSETS.columns) };
      const windows = toWindows(x, WINDOW, offset);
      assertEquals(windows.shape, [BATCH * 4, 6, CHANNELS]);
      assertEquals([...windows.dataSync()], byHand(x.dataSync()));
      const back = fromWindows(windows, [HEIGHT, WIDTH], WINDOW, offset);
      assertEquals([back.shape, back.dataSync()], [x.shape, x.dataSync()]);
      // One offset for all images, and none: the map then begins with the first window.
      const one = { row: tf.tensor1d([3]), column: tf.tensor1d([4]) };
      const each = { row: tf.tensor1d([3, 3, 3]), column: tf.tensor1d([4, 4, 4]) };
      assertEquals(toWindows(x, WINDOW, one).dataSync(), toWindows(x, WINDOW, each).dataSync());
      const none = { row: tf.zeros([1]), column: tf.zeros([1]) };
      const moved = fromWindows(toWindows(x, WINDOW, one), [HEIGHT, WIDTH], WINDOW, none)
        .arraySync() as number[][][][];
      const values = x.arraySync() as number[][][][];
      moved[1].forEach((line, y) =>
        line.forEach((pixel, column) =>
          assertEquals(pixel, values[1][(y + 3) % HEIGHT][(column + 4) % WIDTH])
        )
      );
      assertEquals(toWindows(tf.zeros([0, 4, 6, 2]), WINDOW, none).shape, [0, 6, 2]);
    });
    assertEquals(tf.memory().numTensors, before);
  });

  Deno.test(`windows: gradients go back to where tokens came from, and have derivatives (${backend})`, async () => {
    await selectBackend(backend);
    tf.tidy(() => {
      const offset = { row: tf.tensor1d(OFFSETS.rows), column: tf.tensor1d(OFFSETS.columns) };
      const [x, weight] = [random(2, SHAPE), random(3, [BATCH * 4, 6, CHANNELS])];
      const home = fromWindows(weight, [HEIGHT, WIDTH], WINDOW, offset);
      const loss = (each: Tensor) =>
        tf.sum(tf.mul(weight, tf.square(toWindows(each, WINDOW, offset)))).asScalar();
      assertEquals(tf.grad(loss)(x).dataSync(), tf.mul(tf.mul(x, 2), home).dataSync());
      const second = tf.grad((each) => tf.sum(tf.grad(loss)(each)))(x);
      assertEquals(second.dataSync(), tf.mul(home, 2).dataSync());
      const back = tf.grad((each) => tf.sum(tf.mul(x, fromWindows(each, [HEIGHT, WIDTH], WINDOW, offset))))(
        weight,
      );
      assertEquals(back.dataSync(), toWindows(x, WINDOW, offset).dataSync());
    });
  });
}

Deno.test("window mask: tokens see those of the same side of the border", () => {
  assertEquals(windowMask([4, 6], WINDOW, [0, 0]), undefined);
  for (const [down, right] of [[1, 1], [0, 2], [1, 0]] as const) {
    const mask = windowMask([HEIGHT, WIDTH], WINDOW, [down, right])!;
    assertEquals(mask.length, 4 * 36);
    let place = 0;
    for (let window = 0; window < 4; window++) {
      const [top, left] = [Math.floor(window / 2) * 2, window % 2 * 3];
      // Where a token stands in the image, before the shift: neighbours there differ by less than a window.
      const at = (token: number) => [
        (top + Math.floor(token / 3) + down) % HEIGHT,
        (left + token % 3 + right) % WIDTH,
      ];
      for (let query = 0; query < 6; query++) {
        for (let key = 0; key < 6; key++) {
          const [[y, x], [v, u]] = [at(query), at(key)];
          assertEquals(mask[place++], Number(Math.abs(y - v) < 2 && Math.abs(x - u) < 3));
        }
      }
    }
  }
});
