/** Gaps and phases of adaptive modules: by hand, and of modules that choose. @module */

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Architecture } from "../../models/model.ts";
import { disposeParams } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d, pixels } from "../../models/tokenizers/patches.ts";
import { AbortedError, PolyphaseError } from "../../pipeline/errors.ts";
import { type ModulePhases, phaseStats, type PhaseStatsOptions } from "../../pipeline/phase_stats.ts";
import { run } from "../../pipeline/pipe.ts";
import { readEmbedding } from "../../pipeline/predict.ts";
import type { Trained } from "../../pipeline/records.ts";
import { circularMaps, drawnRecord, noiseSplit } from "./shift_fixtures.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

/** A model that says of itself what the test wants: a gap for each image, by its place in the batch, and a phase. */
function saying(gaps: readonly number[]): Architecture {
  const config = { name: "saying" };
  return {
    name: config.name,
    config,
    build: ({ classes }) => ({
      name: config.name,
      config,
      init: () => ({}),
      apply(_params, tokens, { collect } = {}): Tensor {
        const [batch] = tokens.shape;
        collect?.("blocks.0.window.gap", tf.tensor1d(gaps.slice(0, batch)));
        const phases = gaps.slice(0, batch).map((_, row) => [row % 2, 1]);
        collect?.("blocks.0.window.phase", tf.tensor2d(phases, [batch, 2]));
        collect?.("blocks.0.feature", tokens);
        return tf.zeros([batch, classes]);
      },
    }),
  };
}

async function phasesOf(
  record: Trained,
  options: PhaseStatsOptions = {},
  texts: string[] = [],
): Promise<readonly ModulePhases[]> {
  const progress = ({ text }: { text: string }) => void texts.push(text);
  return (await run(phaseStats(options), { backend: "wasm", progress }, record)).phases;
}

Deno.test("phaseStats: median, quantiles, ties and histogram, by hand", SANITIZED, async () => {
  const gaps = [0, 5e-10, 5e-7, 5e-4, 5e-3, 0.05, 0.5, 1];
  const record = await drawnRecord(saying(gaps), pixels(), noiseSplit(8, 2));
  const texts: string[] = [];
  const [window, ...others] = await phasesOf(record, {}, texts);
  assertEquals(others, []);
  assertEquals([window.module, window.images], ["blocks.0.window", 8]);
  assertAlmostEquals(window.medianGap, (5e-4 + 5e-3) / 2, 1e-8);
  assertAlmostEquals(window.lowGap, 0.07 * 5e-10, 1e-14);
  assertEquals([window.leastGap, window.ties, window.nearTies, window.degenerate], [0, 1 / 8, 3 / 8, false]);
  assertEquals(window.histogram.map(({ count }) => count), [1, 1, 0, 1, 0, 0, 1, 1, 1, 2]);
  assertEquals(window.histogram.map(({ low }) => low), [
    0,
    1e-9,
    1e-8,
    1e-7,
    1e-6,
    1e-5,
    1e-4,
    1e-3,
    1e-2,
    1e-1,
  ]);
  assertEquals(window.phases, [{ dy: 0, dx: 1, count: 4 }, { dy: 1, dx: 1, count: 4 }]);
  assert(!texts.some((text) => text.startsWith("warning")));
});

Deno.test("phaseStats: a degenerate energy is told in one line", SANITIZED, async () => {
  const texts: string[] = [];
  const [window] = await phasesOf(
    await drawnRecord(saying([1e-7, 2e-6, 0.5]), pixels(), noiseSplit(3, 2)),
    {},
    texts,
  );
  assertEquals(window.degenerate, true);
  const warnings = texts.filter((text) => text.startsWith("warning"));
  assertEquals(warnings.length, 1);
  assert(
    warnings[0].includes("blocks.0.window") && warnings[0].includes("2.0e-6") && !warnings[0].includes("\n"),
  );
});

for (
  const [name, patches] of [["rows and columns", patches2d({ size: 2 })], [
    "flattened images",
    patches1d({ size: 4 }),
  ]] as const
) {
  Deno.test(
    `phaseStats: energies of adaptive tokens, beside those of embedded tokens (${name})`,
    SANITIZED,
    async () => {
      const split = noiseSplit(9, 4, 3);
      const tokenizer = adaptive(patches);
      const record = await drawnRecord(tokenMeanMlp({ embed: 5, hidden: 4 }), tokenizer, split);
      const before = tf.memory().numTensors;
      const [module, ...others] = await phasesOf(record, { batchSize: 4 });
      assertEquals(tf.memory().numTensors, before);
      assertEquals([module.module, module.images, others.length], ["tokenizer", 9, 0]);
      const { weight, bias } = await readEmbedding(record);
      const energy = (image: number, dy: number, dx: number): number => {
        let sum = 0;
        const lattice = patches.lattice(split.images);
        const { height, width, patchHeight, patchWidth } = lattice;
        for (let y = 0; y < height; y += patchHeight) {
          for (let x = 0; x < width; x += patchWidth) {
            for (let out = 0; out < 5; out++) {
              let value = bias[out];
              for (let j = 0; j < patchHeight; j++) {
                for (let i = 0; i < patchWidth; i++) {
                  const row = (y + j - dy + height) % height;
                  const column = (x + i - dx + width) % width;
                  value += split.images.pixels[image * 16 + row * width + column] / 255 *
                    weight[(j * patchWidth + i) * 5 + out];
                }
              }
              sum += value * value;
            }
          }
        }
        return sum;
      };
      const { patchHeight, patchWidth } = patches.lattice(split.images);
      const gaps = Array.from({ length: 9 }, (_, image) => {
        const energies = Array.from(
          { length: patchHeight * patchWidth },
          (_, phase) => energy(image, Math.floor(phase / patchWidth), phase % patchWidth),
        ).sort((a, b) => b - a);
        return (energies[0] - energies[1]) / energies[0];
      }).sort((a, b) => a - b);
      assertAlmostEquals(module.medianGap, gaps[4], 1e-9);
      assertAlmostEquals(module.leastGap, gaps[0], 1e-9);
      // The phases are those of the tokenizer itself.
      const { offsets } = tokenizer.tokenize(split.images, { embedding: { weight, bias } });
      for (const { dy, dx, count } of module.phases) {
        assertEquals(offsets.filter((each) => each.dy === dy && each.dx === dx).length, count);
      }
      disposeParams(record.params);
    },
  );
}

Deno.test(
  "phaseStats: modules inside of a model, some of the images, and models that choose nothing",
  SANITIZED,
  async () => {
    const split = noiseSplit(10, 6);
    const adaptiveMaps = await drawnRecord(circularMaps(true), pixels(), split);
    const [down, ...others] = await phasesOf(adaptiveMaps, { images: 7, batchSize: 3 });
    assertEquals([down.module, down.images, others.length], ["down", 7, 0]);
    assert(down.medianGap > 1e-5 && down.medianGap < 1 && !down.degenerate);
    assertEquals(down.phases.reduce((sum, { count }) => sum + count, 0), 7);
    assert(down.phases.every(({ dy, dx }) => [0, 1].includes(dy) && [0, 1].includes(dx)));
    assertEquals(down.histogram.reduce((sum, { count }) => sum + count, 0), 7);
    const plain = await drawnRecord(circularMaps(false), pixels(), split);
    assertEquals(await phasesOf(plain), []);
    disposeParams(adaptiveMaps.params);
    disposeParams(plain.params);
  },
);

Deno.test("phaseStats: raw patches under an orthogonal embedding are degenerate", SANITIZED, async () => {
  const split = noiseSplit(20, 8);
  const record = await drawnRecord(
    tokenMeanMlp({ embed: 4, hidden: 4 }),
    adaptive(patches2d({ size: 2 })),
    split,
  );
  const { model } = record;
  const embedding = { weight: tf.eye(4) as Tensor, bias: tf.zeros([4]) as Tensor };
  const texts: string[] = [];
  const [module] = await phasesOf({ ...record, model: { ...model, embedding: () => embedding } }, {}, texts);
  // Each pixel is in one patch of every grid, so all grids have the energy of the image.
  assert(module.degenerate && module.medianGap < 1e-12);
  assertEquals(module.nearTies, 1);
  assert(texts.some((text) => text.startsWith("warning: degenerate energy in tokenizer")));
  tf.dispose(embedding);
  disposeParams(record.params);
});

Deno.test(
  "phaseStats: a signal stops it; options out of range are refused; the configuration",
  SANITIZED,
  async () => {
    const record = await drawnRecord(saying(new Array(6).fill(0.1)), pixels(), noiseSplit(6, 2));
    const controller = new AbortController();
    const done: number[] = [];
    const options = {
      backend: "wasm",
      signal: controller.signal,
      progress: (event: { done?: number }) => {
        done.push(event.done!);
        if (event.done === 2) controller.abort();
      },
    } as const;
    await assertRejects(() => run(phaseStats({ batchSize: 2 }), options, record), AbortedError, "phaseStats");
    assertEquals(done, [0, 2]);
    assertThrows(() => phaseStats({ images: 0 }), PolyphaseError);
    assertThrows(() => phaseStats({ batchSize: 0.5 }), PolyphaseError);
    assertEquals(phaseStats().config, { batchSize: 500 });
    assertEquals(phaseStats({ images: 3, batchSize: 2 }).config, { images: 3, batchSize: 2 });
  },
);
