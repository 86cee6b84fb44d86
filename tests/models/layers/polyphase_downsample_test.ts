/**
 * Rolls, polyphases and the choice among them: against plain loops, and under every shift.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type BackendName, selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { choosePhase, phaseEnergies } from "../../../models/layers/phases.ts";
import { polyphaseDownsample, subsample, takePhase } from "../../../models/layers/polyphase_downsample.ts";
import { rollImages } from "../../../models/layers/roll_images.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";

const SHAPE: [number, number, number, number] = [3, 4, 6, 2];
const [BATCH, HEIGHT, WIDTH, CHANNELS] = SHAPE;

const random = (seed: number, shape: readonly number[] = SHAPE): Tensor =>
  tf.tensor(normal(keyOf(seed), shape.reduce((product, each) => product * each, 1)), [...shape]);
const at = (values: ArrayLike<number>, b: number, y: number, x: number, c: number) =>
  values[((b * HEIGHT + y) * WIDTH + x) * CHANNELS + c];
const modulo = (value: number, length: number) => ((value % length) + length) % length;

for (const backend of ["wasm", "cpu"] satisfies BackendName[]) {
  Deno.test(`rollImages: reads from the offset on, around the border (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const x = random(1);
      const [rows, columns] = [[0, 5, -1], [2, -7, 6]];
      const out = rollImages(x, tf.tensor1d(rows), tf.tensor1d(columns)).dataSync();
      const values = x.dataSync();
      for (let b = 0; b < BATCH; b++) {
        for (let y = 0; y < HEIGHT; y++) {
          for (let column = 0; column < WIDTH; column++) {
            for (let c = 0; c < CHANNELS; c++) {
              const from = at(values, b, modulo(y + rows[b], HEIGHT), modulo(column + columns[b], WIDTH), c);
              assertEquals(at(out, b, y, column, c), from);
            }
          }
        }
      }
      // One offset for all images.
      const same = rollImages(x, tf.tensor1d([1]), tf.tensor1d([-2]));
      const each = rollImages(x, tf.tensor1d([1, 1, 1]), tf.tensor1d([-2, -2, -2]));
      assertEquals(same.dataSync(), each.dataSync());
      assertEquals(rollImages(tf.zeros([0, 2, 2, 1]), tf.tensor1d([]), tf.tensor1d([])).shape, [0, 2, 2, 1]);
    });
    assertEquals(tf.memory().numTensors, before);
  });

  Deno.test(`rollImages: the gradient is rolled back, and has derivatives of its own (${backend})`, async () => {
    await selectBackend(backend);
    tf.tidy(() => {
      const [x, weight] = [random(2), random(3)];
      const [rows, columns] = [tf.tensor1d([1, 2, 3]), tf.tensor1d([5, 0, -1])];
      const loss = (each: Tensor) =>
        tf.sum(tf.mul(weight, tf.square(rollImages(each, rows, columns)))).asScalar();
      const expected = tf.mul(tf.mul(x, 2), rollImages(weight, tf.neg(rows), tf.neg(columns)));
      const gradient = tf.grad(loss)(x);
      assertEquals([...gradient.dataSync()], [...expected.dataSync()]);
      const second = tf.grad((each) => tf.sum(tf.grad(loss)(each)))(x);
      const twice = tf.mul(2, rollImages(weight, tf.neg(rows), tf.neg(columns)));
      second.dataSync().forEach((value, place) => assertAlmostEquals(value, twice.dataSync()[place], 1e-6));
    });
  });

  Deno.test(`polyphases: energies, and the best of them at every shift (${backend})`, async () => {
    await selectBackend(backend);
    tf.tidy(() => {
      const x = random(4);
      const stride = [2, 3] as const;
      const values = x.dataSync();
      const energies = phaseEnergies(x, stride, 3).arraySync() as number[][];
      for (let b = 0; b < BATCH; b++) {
        const expected = new Array(6).fill(0);
        for (let y = 0; y < HEIGHT; y++) {
          for (let column = 0; column < WIDTH; column++) {
            for (let c = 0; c < CHANNELS; c++) {
              expected[(y % 2) * 3 + column % 3] += Math.abs(at(values, b, y, column, c)) ** 3;
            }
          }
        }
        expected.forEach((energy, phase) => assertAlmostEquals(energies[b][phase], energy, 1e-4));
      }
      const { output, choice } = polyphaseDownsample(x, stride);
      assertEquals(output.shape, [BATCH, 2, 2, CHANNELS]);
      const sums = tf.sum(tf.square(output), [1, 2, 3]).dataSync();
      const all = phaseEnergies(x, stride).arraySync() as number[][];
      const gaps = choice.gap.dataSync();
      all.forEach((row, b) => {
        const [best, second] = row.toSorted((left, right) => right - left);
        assertAlmostEquals(sums[b], best, 1e-4);
        assertAlmostEquals(gaps[b], (best - second) / best, 1e-5);
      });
      // The output of a shifted map is the output, shifted: the same pixels in the same cyclic order.
      const plain = output.arraySync() as number[][][][];
      for (let dy = 0; dy < HEIGHT; dy++) {
        for (let dx = 0; dx < WIDTH; dx++) {
          const shifted = rollImages(x, tf.tensor1d([dy]), tf.tensor1d([dx]));
          const made = polyphaseDownsample(shifted, stride).output.arraySync() as number[][][][];
          made.forEach((image, b) => {
            const isShift = [0, 1].some((qy) =>
              [0, 1].some((qx) =>
                image.every((line, y) =>
                  line.every((pixel, column) =>
                    pixel.every((value, c) => value === plain[b][(y + qy) % 2][(column + qx) % 2][c])
                  )
                )
              )
            );
            assert(isShift, `image ${b} shifted by ${dy}, ${dx}`);
          });
        }
      }
    });
  });

  Deno.test(`polyphases: ties are settled by the second functional, not by place (${backend})`, async () => {
    await selectBackend(backend);
    tf.tidy(() => {
      const energies = tf.tensor2d([[5, 5 * (1 - 1e-8), 1, 5], [0, 0, 0, 0], [1, 2, 3, 2.9]]);
      const ties = tf.tensor2d([[1, 2, 9, 3], [0, 0, 0, 0], [9, 9, 0, 9]]);
      const { row, column, gap } = choosePhase(energies, ties, [2, 2]);
      assertEquals([...row.dataSync()], [1, 0, 1]);
      assertEquals([...column.dataSync()], [1, 0, 0]);
      const only = choosePhase(tf.tensor2d([[3], [0]]), tf.tensor2d([[1], [1]]), [1, 1]);
      assertEquals([[...only.row.dataSync()], [...only.gap.dataSync()]], [[0, 0], [1, 0]]);
      const [tied, nothing, clear] = gap.dataSync();
      assertEquals([Math.abs(tied) < 1e-6, nothing], [true, 0]);
      assertAlmostEquals(clear, 0.1 / 3, 1e-6);
    });
  });
}

Deno.test("takePhase and subsample: every n-th pixel, with a gradient; a stride that does not divide is refused", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const x = random(5);
    const kept = subsample(x, [2, 3]).arraySync() as number[][][][];
    const values = x.dataSync();
    assertEquals(kept[2][1][1], [0, 1].map((c) => at(values, 2, 2, 3, c)));
    const moved = takePhase(x, { row: tf.tensor1d([1, 1, 1]), column: tf.tensor1d([2, 2, 2]) }, [2, 3]);
    assertEquals((moved.arraySync() as number[][][][])[2][1][1], [0, 1].map((c) => at(values, 2, 3, 5, c)));
    const gradient = tf.grad((each) => tf.sum(subsample(each, [2, 3])))(x);
    assertEquals(tf.sum(gradient).dataSync()[0], BATCH * 4 * CHANNELS);
    assertThrows(
      () => polyphaseDownsample(x, [3, 4]),
      PolyphaseError,
      "map of 4×6 and stride 3×4, expected a stride that divides it: make the map 3×8",
    );
  });
});
