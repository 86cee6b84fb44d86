/**
 * Normalization: the numbers that a model sees, and the patches that an adaptive tokenizer chooses by them.
 *
 * @module
 */

import { assertAlmostEquals, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { disposeParams } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { load } from "../../pipeline/load.ts";
import { foldNormalization, normalize } from "../../pipeline/normalize.ts";
import { pipe, run } from "../../pipeline/pipe.ts";
import { readEmbedding, tokenTensor } from "../../pipeline/predict.ts";
import { keyOf, uniform } from "../../pipeline/random.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { tinyDataset } from "./fixtures.ts";

const GRID = { shape: [2], tokens: 2, patch: 6, patchShape: [1, 2, 3] } as const;

Deno.test("normalize: each channel of each byte by its own mean and deviation", async () => {
  await selectBackend("cpu");
  const bytes = Uint8Array.from({ length: 12 }, (_, index) => 20 * index);
  const normalization = { mean: [0.1, 0.2, 0.3], std: [0.5, 1, 2] };
  const tensor = tokenTensor(bytes, 1, GRID, normalization);
  const values = await tensor.data();
  tensor.dispose();
  bytes.forEach((byte, index) => {
    const [mean, std] = [normalization.mean[index % 3], normalization.std[index % 3]];
    assertAlmostEquals(values[index], (byte / 255 - mean) / std, 1e-6);
  });
});

Deno.test("normalize: the folded embedding makes of plain values what the embedding makes of normalized ones", () => {
  const normalization = { mean: [0.1, 0.2, 0.3], std: [0.5, 1, 2] };
  const embedding = { weight: uniform(keyOf(1), 6 * 4, -1, 1), bias: uniform(keyOf(2), 4, -1, 1) };
  const folded = foldNormalization(embedding, 3, normalization);
  const patch = uniform(keyOf(3), 6, 0, 1);
  const token = ({ weight, bias }: typeof embedding, values: ArrayLike<number>) =>
    Array.from(bias, (start, unit) => {
      let sum = start;
      for (let row = 0; row < 6; row++) sum += values[row] * weight[row * 4 + unit];
      return sum;
    });
  const normalized = patch.map((value, row) =>
    (value - normalization.mean[row % 3]) / normalization.std[row % 3]
  );
  const expected = token(embedding, normalized);
  token(folded, patch).forEach((value, unit) => assertAlmostEquals(value, expected[unit], 1e-5));
  // One number stands for every channel.
  const single = foldNormalization(embedding, 3, { mean: [0.2], std: [0.5] });
  assertEquals(single, foldNormalization(embedding, 3, { mean: [0.2, 0.2, 0.2], std: [0.5, 0.5, 0.5] }));
});

Deno.test("normalize: the stage is part of the record, and adaptive tokenizers see it", async () => {
  const record = await run(
    pipe(load(tinyDataset()), normalize({ mean: [0.4], std: [0.25] }), tokenize(patches1d({ size: 4 }))),
    { backend: "cpu" },
  );
  assertEquals(record.normalization, { mean: [0.4], std: [0.25] });
  const model = tokenMeanMlp({ embed: 4, hidden: 4 }).build({ grid: record.grid, classes: 3 });
  const params = model.init(keyOf(0));
  const folded = await readEmbedding({ ...record, model, params });
  const plain = await readEmbedding({ ...record, normalization: undefined, model, params });
  assertNotEquals(folded.weight, plain.weight);
  assertEquals(folded, foldNormalization(plain, 1, { mean: [0.4], std: [0.25] }));
  disposeParams(params);
});

for (
  const [normalization, text] of [
    [{ mean: [0, 0], std: [1] }, "2 numbers for mean and 1 channels"],
    [{ mean: [0], std: [] }, "0 numbers for std and 1 channels"],
  ] as const
) {
  Deno.test(`normalize: ${text} is refused`, async () => {
    await assertRejects(
      () => run(pipe(load(tinyDataset()), normalize(normalization)), {}),
      PolyphaseError,
      text,
    );
  });
}

Deno.test("normalize: numbers that nothing can be scaled by are refused before anything runs", () => {
  for (
    const [normalization, text] of [
      [{ mean: [0], std: [0] }, "std 0 is no finite number above 0"],
      [{ mean: [0], std: [NaN] }, "std NaN is no finite number above 0"],
      [{ mean: [0, Infinity], std: [1] }, "mean Infinity is no finite number"],
    ] as const
  ) {
    assertThrows(() => normalize(normalization), PolyphaseError, text);
  }
});
