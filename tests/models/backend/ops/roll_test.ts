/**
 * Rolled images and the energies of polyphases by their definitions, fused and composed.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { hasFused } from "../../../../models/backend/ops/fused_kernels.ts";
import { polyphaseEnergies } from "../../../../models/backend/ops/polyphase_energies.ts";
import { roll } from "../../../../models/backend/ops/roll.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { keyOf, normal } from "../../../../pipeline/random.ts";
import { assertClose, PLATFORMS, selectPlatform } from "./support.ts";

const mod = (a: number, b: number) => (a % b + b) % b;

for (const platform of PLATFORMS) {
  Deno.test(`an image rolls by its own offset on ${platform}, runs of any length`, async () => {
    await selectPlatform(platform);
    for (const [height, width, channels] of [[1, 1, 1], [3, 5, 1], [4, 3, 7], [2, 5, 70], [5, 2, 3]]) {
      const shape = [4, height, width, channels];
      const values = normal(keyOf(height), 4 * height * width * channels);
      const [rows, columns] = [[0, -1, 7, height], [2, -width, -3, 1]];
      const y = tf.tidy(() =>
        roll(tf.tensor(values, shape), tf.tensor1d(rows), tf.tensor1d(columns, "int32"))
      );
      const rolled = values.map((_, place) => {
        const channel = place % channels;
        const x = Math.floor(place / channels) % width;
        const y = Math.floor(place / channels / width) % height;
        const b = Math.floor(place / channels / width / height);
        const from = (b * height + mod(y + rows[b], height)) * width + mod(x + columns[b], width);
        return values[from * channels + channel];
      });
      assertEquals([...await y.data()], [...rolled]);
      y.dispose();
    }
  });

  Deno.test(`energies of polyphases are their sums of powers on ${platform}, whatever the exponent`, async () => {
    await selectPlatform(platform);
    const [batch, height, width, channels, rows, columns] = [2, 6, 4, 13, 3, 2];
    const values = normal(keyOf(1), batch * height * width * channels);
    for (const p of [1, 2, 2.5, 3, 4, 6]) {
      const energies = tf.tidy(() =>
        polyphaseEnergies(tf.tensor(values, [batch, height, width, channels]), [3, 2], p)
      );
      const expected = new Float64Array(batch * rows * columns);
      values.forEach((value, place) => {
        const x = Math.floor(place / channels) % width;
        const y = Math.floor(place / channels / width) % height;
        const b = Math.floor(place / channels / width / height);
        expected[(b * rows + y % rows) * columns + x % columns] += Math.abs(value) ** p;
      });
      assertEquals(energies.shape, [batch, rows * columns]);
      assertClose(await energies.data(), expected, 2e-6, `p = ${p}`);
      energies.dispose();
    }
  });
}

Deno.test("a circular shift permutes the fused energies and changes none of their bits", async () => {
  await selectPlatform("wasm");
  assert(hasFused("PolyphaseRoll", "PolyphasePhaseEnergies"));
  const x = tf.tensor(normal(keyOf(2), 8 * 8 * 32), [1, 8, 8, 32]);
  const energies = [0, 3].map((shift) =>
    tf.tidy(() => polyphaseEnergies(roll(x, tf.tensor1d([shift]), tf.tensor1d([0])), [2, 1], 4).dataSync())
  );
  assertEquals([...energies[1]], [...energies[0]].reverse());
  x.dispose();
});

Deno.test("NaN has the energy NaN, and an offset that is no number is none", async () => {
  await selectPlatform("wasm");
  tf.tidy(() => {
    const x = tf.tensor([1, NaN, 2, 3], [1, 1, 4, 1]);
    assertEquals([...polyphaseEnergies(x, [1, 2], 2).dataSync()], [5, NaN]);
    assertEquals([...roll(x, tf.tensor1d([NaN]), tf.tensor1d([1])).dataSync()], [NaN, 2, 3, 1]);
    assertEquals(roll(tf.zeros([0, 2, 2, 1]), tf.tensor1d([]), tf.tensor1d([1])).shape, [0, 2, 2, 1]);
    assertEquals(polyphaseEnergies(tf.zeros([0, 2, 2, 1]), [2, 2], 2).shape, [0, 4]);
  });
});

for (const backend of ["wasm", "cpu"] as const) {
  Deno.test(`roll leaves nothing but its result on ${backend}, with its gradient too`, async () => {
    await selectPlatform(backend);
    const inputs = [tf.ones([2, 4, 6, 3]), tf.tensor1d([1, -2], "int32"), tf.tensor1d([5])];
    const before = tf.memory().numTensors;
    const y = roll(inputs[0], inputs[1], inputs[2]);
    assertEquals(tf.memory().numTensors - before, 1);
    const dx = tf.grad((x: Tensor) => tf.sum(roll(x, inputs[1], inputs[2])))(inputs[0]);
    assertEquals(tf.memory().numTensors - before, 2);
    tf.dispose([...inputs, y, dx]);
  });
}

Deno.test("shapes that do not fit are refused in one line", async () => {
  await selectPlatform("cpu");
  tf.tidy(() => {
    const x = tf.zeros([3, 4, 4, 1]);
    assertThrows(() => roll(x, tf.zeros([2]), tf.zeros([3])), PolyphaseError, "rows [2]");
    assertThrows(() => roll(tf.zeros([4, 4]), tf.zeros([1]), tf.zeros([1])), PolyphaseError, "x [4,4]");
    assertThrows(() => polyphaseEnergies(x, [3, 2], 2), PolyphaseError, "stride [3,2]");
  });
});
