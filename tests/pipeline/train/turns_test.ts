/**
 * What each step trains on: every image once an epoch, and the same for a step whatever was asked for before it.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { sgd } from "../../../models/optimizers/sgd.ts";
import { crossEntropy } from "../../../models/losses.ts";
import { patches1d } from "../../../models/tokenizers/patches.ts";
import { tokenMeanMlp } from "../../../models/token_mean_mlp.ts";
import { augment, rolledCopies } from "../../../pipeline/augment.ts";
import { load } from "../../../pipeline/load.ts";
import { pipe, run } from "../../../pipeline/pipe.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { planSteps } from "../../../pipeline/step_plan.ts";
import { tokenize } from "../../../pipeline/tokenize.ts";
import { type Setup, trainKeys } from "../../../pipeline/train/setup.ts";
import { turnsOf } from "../../../pipeline/train/turns.ts";
import { tinyDataset } from "../fixtures.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

/** Training on `train` images with two copies each for three epochs. */
async function setupOf(train: number, batchSize: number): Promise<Setup> {
  const data = await run(
    pipe(load(tinyDataset({ train })), augment(rolledCopies({ max: 1 })), tokenize(patches1d({ size: 4 }))),
    { backend: "cpu" },
  );
  const architecture = tokenMeanMlp({ embed: 2, hidden: 2 });
  return {
    architecture,
    model: architecture.build({ grid: data.grid, classes: 3 }),
    loss: crossEntropy(),
    optimizer: sgd({ learningRate: 0.1 }),
    schedule: { name: "linear", config: { name: "linear" }, factor: (step, steps) => 1 - step / steps },
    data,
    plan: planSteps(data, { batchSize, epochs: 3, evaluateEvery: 1 }),
    keys: trainKeys(keyOf(1)),
    monitor: "valLoss",
    keep: "last",
    backend: { name: "cpu", description: "" },
  };
}

Deno.test(
  "turns: the batches of an epoch hold every image and copy once, each epoch in another order",
  SANITIZED,
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 40 }),
        async (train, batchSize) => {
          const setup = await setupOf(train, batchSize);
          const { plan } = setup;
          const turnOf = turnsOf(setup);
          const turns = Array.from({ length: plan.steps }, (_, step) => turnOf(step));
          const orders = [0, 1, 2].map((epoch) =>
            turns.slice(epoch * plan.stepsPerEpoch, (epoch + 1) * plan.stepsPerEpoch).flatMap(
              ({ order, place, count }) => Array.from(order.subarray(place, place + count)),
            )
          );
          const all = Array.from({ length: 2 * train }, (_, image) => image);
          for (const order of orders) assertEquals(order.toSorted((a, b) => a - b), all);
          if (train > 8) assertNotEquals(orders[0], orders[1]);
          for (const { count } of turns) assert(count >= 1 && count <= batchSize);
          assertEquals(turns.map(({ rate }) => rate), turns.map((_, step) => 1 - step / plan.steps));
        },
      ),
      { seed: 3, numRuns: 20 },
    );
  },
);

Deno.test("turns: a step sees the same whatever was asked for before it", SANITIZED, async () => {
  const setup = await setupOf(25, 16);
  const forwards = turnsOf(setup);
  const backwards = turnsOf(setup);
  const steps = Array.from({ length: setup.plan.steps }, (_, step) => step);
  const seen = steps.map((step) => forwards(step));
  assertEquals(steps.toReversed().map((step) => backwards(step)).toReversed(), seen);
  // Workers are handed an order once: within an epoch it is one and the same array.
  assert(seen[0].order === seen[setup.plan.stepsPerEpoch - 1].order);
});
