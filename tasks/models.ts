/**
 * `deno task models`: lists the models with their configuration, trained parameters and cost.
 *
 * @module
 */

import { selectBackend } from "../models/backend/select.ts";
import { command } from "./command.ts";
import { pickFlags } from "./common_flags.ts";
import type { Usage } from "./flag.ts";
import { parseFlags } from "./flags.ts";
import { describe, modelsText } from "./models/describe.ts";
import { NAMED_MODELS } from "./models/named_models.ts";

const USAGE = {
  task: "models",
  summary:
    "Lists the models: those of the published Fashion-MNIST table, the classifier of the notebook, and every family in small " +
    "sizes and published ones, plain and adaptive, with their configuration, input, trained parameters and cost.",
  flags: pickFlags(["json"]),
  notes: "parameters     numbers that are trained; running statistics are not\n" +
    "multiply-adds  of the forward pass of one image, in matrix products and convolutions\n" +
    "image          height × width × channels\n" +
    "tokens         tokens × values per token, as the tokenizer cuts the image\n" +
    "classes        that go out\n" +
    "configuration  of the model; settings that are 0 or false are left out, and are in --json",
} as const satisfies Usage;

await command(async () => {
  const flags = parseFlags(USAGE, Deno.args);
  // Starts at once, and nothing is computed.
  await selectBackend("cpu");
  const models = NAMED_MODELS.map(describe);
  if (flags.json) console.log(JSON.stringify({ task: USAGE.task, models }, null, 2));
  else console.log(modelsText(models, Deno.stdout.isTerminal() ? Deno.consoleSize().columns : undefined));
});
