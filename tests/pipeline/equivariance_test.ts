/** Equivariance layer by layer, on models of which it is known. @module */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { tf } from "../../models/backend/tf.ts";
import { disposeParams } from "../../models/params.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d, pixels } from "../../models/tokenizers/patches.ts";
import { vit } from "../../models/vit.ts";
import { equivarianceError, type EquivarianceOptions, type LayerError } from "../../pipeline/equivariance.ts";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import { run } from "../../pipeline/pipe.ts";
import type { Trained } from "../../pipeline/records.ts";
import { circularMaps, drawnRecord, noiseSplit } from "./shift_fixtures.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

async function layersOf(
  record: Trained,
  options: EquivarianceOptions,
  seed = 0,
): Promise<readonly LayerError[]> {
  const { equivariance } = await run(equivarianceError(options), { backend: "wasm", seed }, record);
  return equivariance.layers;
}

Deno.test(
  "equivarianceError: an adaptive model is exact in every layer at every offset, before training too",
  SANITIZED,
  async () => {
    const record = await drawnRecord(circularMaps(true), pixels(), noiseSplit(4, 6));
    const before = tf.memory().numTensors;
    const { equivariance } = await run(
      equivarianceError({ images: 3, offsets: "all" }),
      { backend: "wasm" },
      record,
    );
    assertEquals(tf.memory().numTensors, before);
    assertEquals([equivariance.mode, equivariance.images, equivariance.offsets], ["circular-2d", 3, 35]);
    const { layers } = equivariance;
    assertEquals(
      layers.map(({ layer, moment, compared, shape }) => [layer, moment, compared, shape.join()]),
      [
        ["input", "init", "tokens", "36,1"],
        ["filter", "init", "map", "6,6,4"],
        ["down", "init", "map", "3,3,4"],
        ["code", "init", "vector", "4"],
        ["logits", "init", "vector", "3"],
        ["input", "trained", "tokens", "36,1"],
        ["filter", "trained", "map", "6,6,4"],
        ["down", "trained", "map", "3,3,4"],
        ["code", "trained", "vector", "4"],
        ["logits", "trained", "vector", "3"],
      ],
    );
    for (const { layer, meanError, maxError } of layers) {
      assert(maxError < 1e-5 && meanError <= maxError, `${layer} ${maxError}`);
    }
    // The input follows each offset, of which there are all but 0, for three images each.
    for (const each of layers.filter(({ layer }) => layer === "input" || layer === "filter")) {
      assertEquals(each.recovered.length, 35);
      assert(each.recovered.every(({ dy, dx, count }) => count === 3 && (dy !== 0 || dx !== 0)));
    }
    // Vectors are not shifted.
    assertEquals(layers.at(-1)!.recovered, [{ dy: 0, dx: 0, count: 105 }]);
    disposeParams(record.params);
  },
);

Deno.test(
  "equivarianceError: a plain twin loses it where it takes every second pixel",
  SANITIZED,
  async () => {
    const record = await drawnRecord(circularMaps(false), pixels(), noiseSplit(4, 6));
    const layers = await layersOf(record, { images: 3, offsets: "all", moments: ["trained"] });
    const error = Object.fromEntries(layers.map(({ layer, meanError }) => [layer, meanError]));
    assert(error.input < 1e-6 && error.filter < 1e-6, JSON.stringify(error));
    assert(error.down > 0.1 && error.logits > 1e-3, JSON.stringify(error));
    disposeParams(record.params);
  },
);

Deno.test(
  "equivarianceError: adaptive tokens are exact, and learned positions are not",
  SANITIZED,
  async () => {
    const architecture = vit({ layers: 1, embed: 16, heads: 2, mlp: 16 });
    for (
      const [tokenizer, mode] of [
        [adaptive(patches2d({ size: 2 })), "circular-2d"],
        [adaptive(patches1d({ size: 4 })), "circular-flat"],
      ] as const
    ) {
      const record = await drawnRecord(architecture, tokenizer, noiseSplit(4, 8));
      const { equivariance } = await run(equivarianceError({ offsets: 5 }), { backend: "wasm" }, record);
      assertEquals([equivariance.mode, equivariance.images, equivariance.offsets], [mode, 4, 5]);
      const of = (name: string) => equivariance.layers.filter(({ layer }) => layer === name);
      for (const { maxError, compared } of of("input")) assertEquals([maxError, compared], [0, "tokens"]);
      for (const each of [...of("embedding"), ...of("blocks.0")]) {
        assertEquals([each.shape, each.compared], [[17, 16], "tokens"]);
        assert(each.meanError > 0.01, `${each.layer} ${each.meanError}`);
      }
      // A fresh head makes nothing of anything, which no shift changes.
      assertEquals(of("logits").map(({ moment, maxError }) => [moment, maxError > 0]), [
        ["init", false],
        ["trained", true],
      ]);
      disposeParams(record.params);
    }
    const fixed = await drawnRecord(architecture, patches2d({ size: 2 }), noiseSplit(4, 8));
    const [input] = await layersOf(fixed, { moments: ["trained"] });
    assert(input.meanError > 0.1, `${input.meanError}`);
    disposeParams(fixed.params);
  },
);

Deno.test("equivarianceError: offsets follow their own seed", SANITIZED, async () => {
  const record = await drawnRecord(circularMaps(false), pixels(), noiseSplit(4, 6));
  const options = { moments: ["trained"], offsets: 3 } as const;
  const first = await layersOf(record, options);
  assertEquals(await layersOf(record, options, 5), first);
  const other = await layersOf(record, { ...options, seed: 1 });
  assert(other[2].meanError !== first[2].meanError);
  // With "init" the parameters are those of the run.
  const fresh = async (seed: number) =>
    (await layersOf(drawnRecordOfVit, { offsets: 2, moments: ["init"] }, seed))[2].meanError;
  const drawnRecordOfVit = await drawnRecord(
    vit({ layers: 1, embed: 8, heads: 2, mlp: 8 }),
    patches2d({ size: 2 }),
    noiseSplit(3, 6),
  );
  assertEquals(await fresh(1), await fresh(1));
  assert(await fresh(1) !== await fresh(2));
  disposeParams(drawnRecordOfVit.params);
  disposeParams(record.params);
});

Deno.test(
  "equivarianceError: a signal stops it without a leak, and progress tells how far it is",
  SANITIZED,
  async () => {
    const record = await drawnRecord(circularMaps(true), pixels(), noiseSplit(2, 4));
    const before = tf.memory().numTensors;
    const controller = new AbortController();
    const done: number[] = [];
    const options = {
      backend: "wasm",
      signal: controller.signal,
      progress: (event: { done?: number; total?: number }) => {
        done.push(event.done!);
        assertEquals(event.total, 6);
        if (event.done === 2) controller.abort();
      },
    } as const;
    await assertRejects(
      () => run(equivarianceError({ offsets: 3 }), options, record),
      AbortedError,
      "equivarianceError",
    );
    assertEquals(done, [0, 1, 2]);
    assertEquals(tf.memory().numTensors, before);
    disposeParams(record.params);
  },
);

Deno.test(
  "equivarianceError: options out of range, and images that cannot be shifted, are refused",
  SANITIZED,
  async () => {
    for (
      const options of [
        { images: 0 },
        { images: 1.5 },
        { offsets: 0 },
        { offsets: -2 },
        { moments: [] },
      ] as EquivarianceOptions[]
    ) assertThrows(() => equivarianceError(options), PolyphaseError);
    const single = await drawnRecord(
      vit({ layers: 1, embed: 4, heads: 1, mlp: 4 }),
      pixels(),
      noiseSplit(1, 1),
    );
    await assertRejects(() => layersOf(single, {}), PolyphaseError, "one pixel");
    disposeParams(single.params);
  },
);

Deno.test("equivarianceError: the configuration holds every setting", () => {
  assertEquals(equivarianceError().config, { images: 8, offsets: 8, moments: ["init", "trained"], seed: 0 });
  const options = { mode: "circular-flat", images: 2, offsets: "all", moments: ["init"], seed: 3 } as const;
  assertEquals(equivarianceError(options).config, { ...options, moments: ["init"] });
});
