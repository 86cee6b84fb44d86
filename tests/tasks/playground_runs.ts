/**
 * Folders of runs for tests of the playground.
 *
 * @module
 */

import { selectBackend } from "../../models/backend/select.ts";
import { disposeParams } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { encodeModel } from "../../pipeline/checkpoint.ts";
import { keyOf } from "../../pipeline/random.ts";

/**
 * Writes the folder of a run as tasks do, on generated images of 8×8: `flat`, `canonical` and `unfinished`.
 *
 * @param names those that have a model; none of them is trained
 */
export async function writeRun(folder: string, names: readonly string[]): Promise<void> {
  await selectBackend("cpu");
  const [tokenizer, architecture] = [patches1d({ size: 4 }), tokenMeanMlp({ embed: 4, hidden: 4 })];
  const runs = ["flat", "canonical", "unfinished"].map((model) => ({
    model,
    slug: `model=${model}`,
    seed: 0,
    stages: [
      {
        name: "load",
        config: { dataset: { name: "synthetic", size: 8, train: 20, test: 20 }, trainSize: null },
      },
      {
        name: "tokenize",
        config: {
          tokenizer: model === "flat"
            ? tokenizer.config
            : { name: "adaptive", patches: tokenizer.config, order: "canonical" },
        },
      },
      { name: "train", config: { model: architecture.config } },
    ],
  }));
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ task: "test", runs }));
  const grid = tokenizer.grid({ height: 8, width: 8, channels: 1 });
  for (const name of names) {
    const params = architecture.build({ grid, classes: 10 }).init(keyOf(1));
    await Deno.writeFile(
      `${folder}/model-${name}.safetensors`,
      await encodeModel(params, { val_acc: "0.5" }),
    );
    disposeParams(params);
  }
}
