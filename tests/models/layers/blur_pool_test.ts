/**
 * BlurPool: against plain loops, and what it leaves as it is.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type BackendName, selectBackend } from "../../../models/backend/select.ts";
import { tf } from "../../../models/backend/tf.ts";
import { blurPool } from "../../../models/layers/blur_pool.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { around, difference, mirrored, pixelsAt, places, randomMap, valuesOf } from "./padding_maps.ts";

/** Pascal's triangle. */
const BINOMIAL: readonly number[][] = [
  [1],
  [1, 1],
  [1, 2, 1],
  [1, 3, 3, 1],
  [1, 4, 6, 4, 1],
  [1, 5, 10, 10, 5, 1],
  [1, 6, 15, 20, 15, 6, 1],
];

for (const backend of ["wasm", "cpu"] satisfies BackendName[]) {
  Deno.test(`blurPool: each channel is filtered by itself, for every size and padding (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      for (const [height, width, channels] of [[6, 5, 3], [1, 8, 1], [2, 2, 2]]) {
        const x = randomMap(3, [2, height, width, channels]);
        for (const padding of ["zero", "circular"] as const) {
          for (const filterSize of [1, 2, 3, 4, 5, 6, 7]) {
            for (const stride of [1, 2]) {
              const rule = padding === "zero" ? mirrored : around;
              const [left, right] = [Math.floor((filterSize - 1) / 2), Math.ceil((filterSize - 1) / 2)];
              const padded = pixelsAt(
                valuesOf(x),
                places(height, left, right, rule(height)),
                places(width, left, right, rule(width)),
              );
              const row = BINOMIAL[filterSize - 1];
              const total = row.reduce((sum, each) => sum + each) ** 2;
              const made = valuesOf(blurPool(x, { filterSize, stride, padding }));
              assertEquals([made[0].length, made[0][0].length], [
                Math.ceil(height / stride),
                Math.ceil(width / stride),
              ]);
              made.forEach((image, b) =>
                image.forEach((line, y) =>
                  line.forEach((pixel, column) =>
                    pixel.forEach((value, c) => {
                      let sum = 0;
                      row.forEach((down, dy) =>
                        row.forEach((along, dx) =>
                          sum += down * along * padded[b][y * stride + dy][column * stride + dx][c]
                        )
                      );
                      assertAlmostEquals(value, sum / total, 1e-5);
                    })
                  )
                )
              );
            }
          }
        }
      }
    });
    assertEquals(tf.memory().numTensors, before);
  });

  Deno.test(`blurPool: the gradient is the transpose (${backend})`, async () => {
    await selectBackend(backend);
    tf.tidy(() => {
      for (const padding of ["zero", "circular"] as const) {
        const [x, other] = [randomMap(4, [2, 6, 4, 3]), randomMap(5, [2, 6, 4, 3])];
        const weight = randomMap(6, [2, 3, 2, 3]);
        const loss = (each: typeof x) => tf.sum(tf.mul(weight, blurPool(each, { padding })));
        const [through] = tf.sum(tf.mul(tf.grad(loss)(x), other)).dataSync();
        assertAlmostEquals(through, loss(other).dataSync()[0], 1e-4);
      }
    });
  });
}

Deno.test("blurPool: an image of one colour stays as it is, and size 1 filters nothing", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const grey = tf.fill([1, 4, 4, 2], 0.7);
    assert(difference(blurPool(grey), tf.fill([1, 2, 2, 2], 0.7)) < 1e-6);
    const x = randomMap(7, [1, 4, 4, 2]);
    assertEquals(blurPool(x, { filterSize: 1, stride: 1 }), x);
    const kept = blurPool(x, { filterSize: 1 });
    assertEquals(valuesOf(kept), pixelsAt(valuesOf(x), [0, 2], [0, 2]));
    for (const filterSize of [0, 8, 2.5]) {
      assertThrows(() => blurPool(x, { filterSize }), PolyphaseError, "expected a whole number from 1 to 7");
    }
  });
});
