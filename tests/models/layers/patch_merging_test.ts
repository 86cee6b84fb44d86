/**
 * Patch merging against plain loops, and on the grid of most energy under every shift.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import {
  initPatchMerging,
  type MergingNorm,
  mergingStride,
  patchMerging,
  type PatchMergingParams,
} from "../../../models/layers/patch_merging.ts";
import { roll } from "../../../models/backend/ops/roll.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";

const CHANNELS = 3;

const random = (seed: number, shape: readonly number[]): Tensor =>
  tf.tensor(normal(keyOf(seed), shape.reduce((product, each) => product * each, 1)), [...shape]);

function drawn(norm: MergingNorm, merged = 4): PatchMergingParams {
  const features = norm === "before" ? merged * CHANNELS : 2 * CHANNELS;
  return {
    norm: { weight: random(1, [features]), bias: random(2, [features]) },
    reduction: { weight: random(3, [merged * CHANNELS, 2 * CHANNELS]) },
  };
}

/** What the cell that begins at a row and a column becomes, and that before a normalization that comes last. */
function byHand(
  image: number[][][],
  row: number,
  column: number,
  params: PatchMergingParams,
  norm: MergingNorm,
) {
  const [height, width] = [image.length, image[0].length];
  const [rows, columns] = mergingStride([height, width]);
  const normalized = (x: number[]) => {
    const [weight, bias] = [params.norm.weight.dataSync(), params.norm.bias.dataSync()];
    const mean = x.reduce((sum, each) => sum + each, 0) / x.length;
    const variance = x.reduce((sum, each) => sum + (each - mean) ** 2, 0) / x.length;
    return x.map((each, at) => (each - mean) / Math.sqrt(variance + 1e-5) * weight[at] + bias[at]);
  };
  const beside: number[] = [];
  for (let dy = 0; dy < rows; dy++) {
    for (let dx = 0; dx < columns; dx++) beside.push(...image[(row + dy) % height][(column + dx) % width]);
  }
  const weight = params.reduction.weight.arraySync() as number[][];
  const x = norm === "before" ? normalized(beside) : beside;
  const linear = weight[0].map((_, out) => x.reduce((sum, each, at) => sum + each * weight[at][out], 0));
  return { linear, output: norm === "before" ? linear : normalized(linear) };
}

for (const backend of ["wasm", "cpu"] as const) {
  for (const norm of ["before", "after"] as const) {
    Deno.test(`patch merging: is that of plain loops, on a fixed and a chosen grid (norm ${norm}, ${backend})`, async () => {
      await selectBackend(backend);
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        for (const [height, width] of [[4, 6], [1, 6]]) {
          const params = drawn(norm, height === 1 ? 2 : 4);
          const x = random(4, [3, height, width, CHANNELS]);
          const images = x.arraySync() as number[][][][];
          const [rows, columns] = mergingStride([height, width]);
          const cells = (row: number, column: number, image: number[][][]) =>
            Array.from(
              { length: height / rows },
              (_, y) =>
                Array.from({ length: width / columns }, (_, at) =>
                  byHand(image, row + y * rows, column + at * columns, params, norm)),
            ).flat();
          const fixed = patchMerging(params, x, { norm });
          assertEquals([fixed.output.shape, fixed.choice], [
            [3, height / rows, width / columns, 6],
            undefined,
          ]);
          const expected = images.flatMap((image) => cells(0, 0, image));
          assert(relativeError(fixed.output.dataSync(), expected.flatMap(({ output }) => output)) < 1e-5);
          assert(relativeError(fixed.linear.dataSync(), expected.flatMap(({ linear }) => linear)) < 1e-5);
          const { output, choice } = patchMerging(params, x, { norm, energy: 2 });
          const best = images.flatMap((image, b) => {
            const grids = Array.from(
              { length: rows * columns },
              (_, phase) => cells(Math.floor(phase / columns), phase % columns, image),
            );
            const energies = grids.map((grid) =>
              grid.flatMap(({ linear }) => linear).reduce((sum, each) => sum + each * each, 0)
            );
            const [first, second] = energies.toSorted((left, right) => right - left);
            const at = energies.indexOf(first);
            assertEquals(choice!.row.dataSync()[b] * columns + choice!.column.dataSync()[b], at);
            assertAlmostEquals(choice!.gap.dataSync()[b], (first - second) / first, 1e-4);
            return grids[at].flatMap(({ output }) => output);
          });
          assert(relativeError(output.dataSync(), best) < 1e-5);
        }
      });
      assertEquals(tf.memory().numTensors, before);
    });
  }
}

Deno.test("patch merging: on a chosen grid it follows every shift, on a fixed one it does not", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const [height, width] = [4, 6];
    const x = random(5, [3, height, width, CHANNELS]);
    for (const norm of ["before", "after"] as const) {
      for (const energy of [undefined, 2, 3]) {
        const params = drawn(norm);
        const plain = patchMerging(params, x, { norm, energy }).output;
        let misses = 0;
        for (let place = 0; place < height * width; place++) {
          const [dy, dx] = [tf.tensor1d([Math.floor(place / width)]), tf.tensor1d([place % width])];
          const made = patchMerging(params, roll(x, dy, dx), { norm, energy }).output;
          const errors = (made.unstack() as Tensor[]).map((image, b) =>
            Math.min(...Array.from({ length: 6 }, (_, q) => {
              const one = plain.slice([b, 0, 0, 0], [1, -1, -1, -1]);
              const moved = roll(one, tf.tensor1d([Math.floor(q / 3)]), tf.tensor1d([q % 3]));
              return relativeError(image.dataSync(), moved.dataSync());
            }))
          );
          misses += errors.filter((error) => error > 1e-5).length;
        }
        // Plain: right at the shifts by whole cells alone.
        assertEquals(misses, energy === undefined ? 3 * 18 : 0);
      }
    }
  });
});

Deno.test("patch merging: the gradient goes through the chosen grid", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const params = drawn("before");
    const x = random(6, [2, 4, 4, CHANNELS]);
    const loss = (options: { energy?: number }) => (each: Tensor, weight: Tensor) =>
      tf.sum(
        tf.square(
          patchMerging({ ...params, reduction: { weight } }, each, { norm: "before", ...options }).output,
        ),
      );
    const { row, column } = patchMerging(params, x, { norm: "before", energy: 2 }).choice!;
    const [dx, dw] = tf.grads(loss({ energy: 2 }))([x, params.reduction.weight]);
    const [moved, sameDw] = tf.grads(loss({}))([roll(x, row, column), params.reduction.weight]);
    assert(row.dataSync().some((at) => at > 0) || column.dataSync().some((at) => at > 0));
    assert(relativeError(dx.dataSync(), roll(moved, tf.neg(row), tf.neg(column)).dataSync()) < 1e-5);
    assert(relativeError(dw.dataSync(), sameDw.dataSync()) < 1e-5);
  });
});

Deno.test("patch merging: starts as Swin's, and refuses maps of odd sides", async () => {
  await selectBackend("cpu");
  const { norm, reduction } = initPatchMerging(keyOf(1), 4, 32, "before");
  assertEquals([norm.weight.shape, norm.bias.shape, reduction.weight.shape], [[128], [128], [128, 64]]);
  const values = await reduction.weight.data<"float32">();
  assertAlmostEquals(
    Math.sqrt(values.reduce((sum, each) => sum + each * each, 0) / values.length),
    0.02,
    1e-3,
  );
  const last = initPatchMerging(keyOf(1), 4, 32, "after");
  assertEquals(last.norm.weight.shape, [64]);
  assertThrows(
    () =>
      tf.tidy(() => patchMerging(drawn("before"), tf.zeros([1, 4, 5, CHANNELS]), { norm: "before" }).output),
    PolyphaseError,
    "patchMerging got a map of 4×5",
  );
  tf.dispose([norm, reduction, last]);
});
