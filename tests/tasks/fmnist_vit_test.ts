/**
 * `deno task fmnist-vit`: its recipe, its quirks on demand, and a small run of two rows side by side.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { synthetic } from "../../datasets/synthetic.ts";
import type { JsonObject } from "../../pipeline/json.ts";
import { type AnyStage, runConfig } from "../../pipeline/pipe.ts";
import { rebuild } from "../../pipeline/rebuild.ts";
import { registry } from "../../pipeline/registry.ts";
import { pipelineOf, type Settings } from "../../tasks/fmnist_vit/pipeline.ts";
import { ROWS } from "../../tasks/fmnist_vit/rows.ts";
import { canRunTasks, inTempFolder, permitted, runTask } from "../support.ts";

const SETTINGS: Settings = {
  dataset: synthetic({ size: 28 }),
  maxInputs: 1000,
  batchSize: 64,
  evaluateEvery: 1,
  compat: false,
};

/** The configurations of the stages of a row, by name. */
function stagesOf(row: string, settings: Partial<Settings> = {}): Record<string, JsonObject> {
  const pipeline = pipelineOf(ROWS.find((each) => each.row === row)!, { ...SETTINGS, ...settings });
  const { stages } = runConfig(pipeline as AnyStage);
  return Object.fromEntries(
    (stages as readonly JsonObject[]).map(({ name, config }) => [String(name), config as JsonObject]),
  );
}

Deno.test("fmnist-vit: the recipe is the published one, image by image", () => {
  const { augment, train, evaluate } = stagesOf("vit-l4-h16");
  assertEquals(augment.augmentations, [
    { name: "trivial-augment-wide", magnitudeBins: 31, per: "image", fill: 0 },
  ]);
  assertEquals(train.optimizer, {
    name: "adamw",
    learningRate: 3e-4,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
    decayVectors: true,
  });
  assertEquals(train.loss, { name: "l2" });
  assertEquals(train.schedule, { name: "cosine-annealing", minFactor: 0, steps: null, clamp: false });
  assertEquals([train.evaluation, evaluate.protocol], [undefined, undefined]);
});

Deno.test("fmnist-vit: the quirks of the original come together, and only on demand", () => {
  const { augment, train, evaluate } = stagesOf("rn18", { compat: true });
  const protocol = { batchSize: 64, training: true, lossMean: "batches" };
  assertEquals((augment.augmentations as JsonObject[])[0].per, "batch");
  assertEquals(train.evaluation, protocol);
  assertEquals(evaluate.protocol, protocol);
  // 1000 images are 15 whole batches and one that is cut short.
  assertEquals((train.schedule as JsonObject).steps, 15);
});

Deno.test("fmnist-vit: every row is rebuilt from its configuration", () => {
  for (const { row } of ROWS) {
    for (const compat of [false, true]) {
      const pipeline = pipelineOf(ROWS.find((each) => each.row === row)!, { ...SETTINGS, compat });
      const config = runConfig(pipeline as AnyStage);
      assertEquals(runConfig(rebuild(JSON.parse(JSON.stringify(config)), registry)), config);
    }
  }
});

Deno.test({
  name: "fmnist-vit: two rows side by side, with tables and page " +
    "(needs --allow-run --allow-read --allow-write)",
  ignore: !canRunTasks() || !permitted({ name: "write" }),
  sanitizeOps: true,
  sanitizeResources: true,
  fn: () =>
    inTempFolder(async (out) => {
      const flags = [
        "--rows",
        "cnn,vit-l4-h4",
        "--dataset",
        "synthetic",
        "--train-size",
        "48",
        "--test-size",
      ];
      const rest = ["30", "--max-inputs", "96", "--batch-size", "16", "--out", out, "--json", "--quiet"];
      const { code, stdout, stderr } = await runTask("tasks/fmnist_vit.ts", [...flags, ...rest], {
        seconds: 300,
      });
      assertEquals([code, stderr], [0, ""]);
      const { task, seed, results } = JSON.parse(stdout);
      assertEquals([task, seed], ["fmnist-vit", 0]);
      assertEquals(
        results.map((row: JsonObject) => [row.model, row.params, row.patch, row.head, row.inputs]),
        [
          ["cnn", 2_002_698, null, null, 96],
          ["vit-l4-h4", 2_185_610, 7, 4, 96],
        ],
      );
      for (const row of results) {
        assertEquals(row.acc_argmax, row.val_acc);
        assertAlmostEquals(row.acc_se, Math.sqrt(row.val_acc * (1 - row.val_acc) / 30), 1e-12);
        assert(row.acc_svc >= 0 && row.acc_svc <= 1 && row.acc_svc_resub >= 0.1, JSON.stringify(row));
        assert(row.inputs_per_second > 0);
      }
      const folder = `${out}/fmnist-vit/version_1`;
      const [header] = (await Deno.readTextFile(`${folder}/results.csv`)).split("\n");
      assertMatch(header, /^model,params,seed,epochs,train_loss,val_loss,val_acc,seconds,ms_per_step,/);
      const page = await Deno.readTextFile(`${folder}/report.html`);
      assertStringIncludes(page, "Beside the published table");
      assertStringIncludes(page, "0.9086");
    }),
});

Deno.test({
  name: "fmnist-vit: a row that there is not is refused with the nearest (needs --allow-run --allow-read)",
  ignore: !canRunTasks(),
  async fn() {
    const { code, stderr } = await runTask("tasks/fmnist_vit.ts", ["--rows", "vit-l4-h9"]);
    assertEquals(code, 2);
    assertMatch(stderr, /vit-l4-h[0-9]/);
  },
});
