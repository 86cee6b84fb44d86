/**
 * Paddings other than zeros, circular and mirrored: against plain loops, and their gradients.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type BackendName, selectBackend } from "../../../models/backend/select.ts";
import { tf } from "../../../models/backend/tf.ts";
import { circularPad, type Sides } from "../../../models/layers/circular_pad.ts";
import { reflectPad } from "../../../models/layers/reflect_pad.ts";
import { around, mirrored, pixelsAt, places, randomMap, valuesOf } from "./padding_maps.ts";

const CASES: readonly [shape: [number, number, number, number], sides: Sides][] = [
  [[2, 4, 5, 3], [1, 1, 1, 1]],
  [[2, 4, 5, 3], [1, 2, 0, 3]],
  [[2, 3, 2, 1], [0, 0, 0, 0]],
  // A signal is a map of height 1; it goes around, or back and forth, more than once.
  [[1, 1, 6, 2], [0, 0, 2, 2]],
  [[1, 1, 2, 2], [1, 1, 5, 4]],
  [[2, 3, 1, 1], [7, 4, 3, 3]],
];

for (const backend of ["wasm", "cpu"] satisfies BackendName[]) {
  for (
    const [name, pad, rule] of [["circularPad", circularPad, around], [
      "reflectPad",
      reflectPad,
      mirrored,
    ]] as const
  ) {
    Deno.test(`${name}: every pixel is the one it should be, and gets the gradient of its copies (${backend})`, async () => {
      await selectBackend(backend);
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        for (const [shape, sides] of CASES) {
          const [, height, width] = shape;
          const rows = places(height, sides[0], sides[1], rule(height));
          const columns = places(width, sides[2], sides[3], rule(width));
          const x = randomMap(1, shape);
          const padded = pad(x, sides);
          assertEquals(valuesOf(padded), pixelsAt(valuesOf(x), rows, columns));
          const weight = randomMap(2, padded.shape);
          const sums = valuesOf(tf.zeros(shape));
          valuesOf(weight).forEach((image, b) =>
            image.forEach((line, y) =>
              line.forEach((pixel, column) =>
                pixel.forEach((value, c) => sums[b][rows[y]][columns[column]][c] += value)
              )
            )
          );
          const gradient = tf.grad((each) => tf.sum(tf.mul(weight, pad(each, sides))))(x);
          const error = tf.max(tf.abs(tf.sub(gradient, tf.tensor(sums)))).dataSync()[0];
          assert(error < 1e-5, `${shape}, ${sides}: ${error}`);
          // The weighted sum of squares has second derivatives twice that gradient, added up along x.
          const first = (each: typeof x) =>
            tf.grad((z) => tf.sum(tf.mul(weight, tf.square(pad(z, sides)))))(each);
          const second = tf.grad((each) => tf.sum(first(each)))(x);
          assert(tf.max(tf.abs(tf.sub(second, tf.mul(2, gradient)))).dataSync()[0] < 1e-4);
        }
      });
      assertEquals(tf.memory().numTensors, before);
    });
  }
}

Deno.test("reflectPad: the border stands once, as in numpy.pad(mode='reflect')", async () => {
  await selectBackend("cpu");
  tf.tidy(() => {
    const x = tf.tensor4d([1, 2, 3], [1, 1, 3, 1]);
    assertEquals([...reflectPad(x, [0, 0, 2, 4]).dataSync()], [3, 2, 1, 2, 3, 2, 1, 2, 3]);
    assertEquals([...circularPad(x, [0, 0, 2, 4]).dataSync()], [2, 3, 1, 2, 3, 1, 2, 3, 1]);
  });
});
