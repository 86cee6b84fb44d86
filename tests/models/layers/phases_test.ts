/**
 * Polyphases and the choice among them: against plain loops, and under every shift.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type BackendName, selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { choosePhase, expectDivides, phaseEnergies, tieExponent } from "../../../models/layers/phases.ts";
import { polyphaseDownsample } from "./polyphase_reference.ts";
import { roll } from "../../../models/backend/ops/roll.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";

const SHAPE: [number, number, number, number] = [3, 4, 6, 2];
const [BATCH, HEIGHT, WIDTH, CHANNELS] = SHAPE;

const random = (seed: number, shape: readonly number[] = SHAPE): Tensor =>
  tf.tensor(normal(keyOf(seed), shape.reduce((product, each) => product * each, 1)), [...shape]);
const at = (values: ArrayLike<number>, b: number, y: number, x: number, c: number) =>
  values[((b * HEIGHT + y) * WIDTH + x) * CHANNELS + c];

for (const backend of ["wasm", "cpu"] satisfies BackendName[]) {
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
          const shifted = roll(x, tf.tensor1d([dy]), tf.tensor1d([dx]));
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

Deno.test("a stride that does not divide the map is refused, with a map that it divides", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    assertThrows(
      () => expectDivides("strided", random(5), [3, 4]),
      PolyphaseError,
      "strided got a map of 4×6 and stride 3×4, expected a stride that divides it: make the map 3×8",
    );
    expectDivides("strided", random(5), [2, 3]);
  });
});

Deno.test("the exponent that settles ties is another one", () => {
  for (const p of [1.5, 2, 3, 4, 5]) assert(tieExponent(p) !== p);
});
