/**
 * `shift-vit --from`: which models of an earlier run are taken, and what is refused.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { PolyphaseError } from "../../pipeline/errors.ts";
import shiftVit from "../../tasks/shift_vit/sweep.ts";
import { trainedBefore } from "../../tasks/shift_vit/trained_before.ts";
import { inTempFolder, permitted } from "../support.ts";

const FILES = {
  name: "(needs --allow-read --allow-write)",
  ignore: !permitted({ name: "read" }) || !permitted({ name: "write" }),
  sanitizeOps: true,
  sanitizeResources: true,
};

/** A run folder with cells of these models and seeds, all finished but the last. */
async function runFolder(root: string, cells: readonly [model: string, seed: number][]): Promise<string> {
  const folder = `${root}/a run+1`;
  const named = cells.map(([model, seed], at) => ({ cell: `model=${model}_${at}`, seed, values: { model } }));
  for (const { cell } of named) await Deno.mkdir(`${folder}/${cell}`, { recursive: true });
  for (const { cell } of named.slice(0, -1)) {
    await Deno.writeTextFile(`${folder}/${cell}/model.safetensors`, "weights");
  }
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ task: "shift-vit", cells: named }));
  return folder;
}

Deno.test({
  ...FILES,
  name:
    `shift-vit --from takes the models and seeds that are asked for, at addresses that can be had ${FILES.name}`,
  fn: () =>
    inTempFolder(async (root) => {
      const folder = await runFolder(root, [["vit", 0], ["vit", 1], ["a-vit", 0], ["a-vit", 1], ["swin", 0]]);
      const found = await trainedBefore(folder, { models: ["vit", "a-vit"], seeds: [1] });
      assertEquals(found.map(({ model, seed }) => [model, seed]), [["vit", 1], ["a-vit", 1]]);
      for (const { weights } of found) {
        const response = await fetch(weights);
        assertEquals(await response.text(), "weights");
      }
      const all = await trainedBefore(folder, { models: ["vit", "a-vit"] });
      assertEquals(all.map(({ seed }) => seed), [0, 1, 0, 1]);
    }),
});

Deno.test({
  ...FILES,
  name: `shift-vit --from refuses what is not there, not finished, or there twice ${FILES.name}`,
  fn: () =>
    inTempFolder(async (root) => {
      const folder = await runFolder(root, [["vit", 0], ["vit", 0], ["a-vit", 0], ["swin", 1]]);
      const cases = [
        [folder, { models: ["cvt"], seeds: [0] }, "has no cvt of seed 0"],
        [folder, { models: ["a-vit"], seeds: [0, 1] }, "has no a-vit of seed 1"],
        [folder, { models: ["vit"] }, "has vit of seed 0 more than once"],
        [folder, { models: ["swin"] }, "has not finished model=swin_3"],
        [root, {}, "there is no"],
      ] as const;
      for (const [where, choice, line] of cases) {
        await assertRejects(() => trainedBefore(where, choice), PolyphaseError, line);
      }
      await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ task: "fmnist-vit", cells: [] }));
      await assertRejects(() => trainedBefore(folder, {}), PolyphaseError, "is of no run of shift-vit");
      await Deno.writeTextFile(`${folder}/config.json`, "{");
      await assertRejects(() => trainedBefore(folder, {}), PolyphaseError, "is not JSON");
    }),
});

Deno.test("shift-vit --from: a cell for each model that was trained, with its own weights and no training", () => {
  const trained = [["vit", 0], ["vit", 2], ["a-vit", 2]].map(([model, seed]) => ({
    model: `${model}`,
    seed: Number(seed),
    weights: `file:///${model}-${seed}`,
  }));
  const cells = shiftVit({
    preset: "fashion",
    models: ["vit", "a-vit"],
    dataset: "fashion-mnist",
    data: null,
    trainSizes: [null],
    testSize: null,
    epochs: null,
    maxInputs: null,
    inputsOf: {},
    batchSize: 32,
    offsetImages: 1000,
    shiftTrain: false,
    workers: null,
    trained,
  }).cells();
  assertEquals(cells.map(({ slug }) => slug), ["model=vit_seed=0", "model=vit_seed=2", "model=a-vit_seed=2"]);
  for (const [at, { config, seed }] of cells.entries()) {
    const stages = config.stages as readonly { name: string; config: { weights?: string } }[];
    assertEquals(stages.some(({ name }) => name === "train"), false);
    assertEquals(stages.find(({ name }) => name === "restore")?.config.weights, trained[at].weights);
    assertEquals(seed, trained[at].seed);
  }
});
