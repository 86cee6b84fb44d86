/**
 * What the tests of data-parallel training share: one experiment with chance everywhere, and ways to run and compare it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import type { Architecture } from "../../models/model.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { disposeParams } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { augment, circularShift, rolledCopies } from "../../pipeline/augment.ts";
import { load } from "../../pipeline/load.ts";
import { pipe, run, type RunOptions } from "../../pipeline/pipe.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train, type TrainOptions } from "../../pipeline/train.ts";
import { permitted } from "../support.ts";
import { bitsOf, tinyDataset, type TinyOptions } from "./fixtures.ts";

/** Every operation and resource of a test must be closed at its end. */
export const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

/** Registers a test that starts workers. */
export function workerTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `parallel: ${name} (needs --allow-read)`,
    ignore: !permitted({ name: "read" }),
    ...SANITIZED,
    async fn() {
      // There is nothing to count with before some backend is chosen.
      await selectBackend("wasm");
      const before = tf.memory().numTensors;
      await fn();
      assertEquals(tf.memory().numTensors, before, "tensors are left over");
    },
  });
}

/** Fifty images, two copies each, with chance in augmentation and tokens, in batches of 15: the last one holds ten. */
export function experiment(
  { model = tokenMeanMlp({ embed: 4, hidden: 8 }), data = {}, ...options }: Partial<TrainOptions> & {
    model?: Architecture;
    data?: TinyOptions;
  } = {},
) {
  return pipe(
    load(tinyDataset(data)),
    augment(rolledCopies({ max: 1 }), circularShift({ max: 2 })),
    tokenize(adaptive(patches1d({ size: 4 }), { order: "random" })),
    train(model, {
      optimizer: sgd({ learningRate: 0.2, momentum: 0.9, weightDecay: 1e-3 }),
      batchSize: 15,
      epochs: 3,
      ...options,
    }),
  );
}

/** Runs {@linkcode experiment}, frees its tensors, and gives back what it came to. */
export async function outcome(options: Parameters<typeof experiment>[0], runOptions: RunOptions = {}) {
  const { params, history, workers } = await run(experiment(options), { seed: 4, ...runOptions });
  const bits = await bitsOf(params);
  disposeParams(params);
  return { bits, history, workers };
}

/** The greatest difference between parameters of the same names. */
export function greatestDifference(left: Record<string, number[]>, right: Record<string, number[]>): number {
  const floats = (bits: number[]) => new Float32Array(Uint32Array.from(bits).buffer);
  return Math.max(
    ...Object.keys(left).map((name) => {
      const other = floats(right[name]);
      return Math.max(...floats(left[name]).map((each, place) => Math.abs(each - other[place])));
    }),
  );
}
