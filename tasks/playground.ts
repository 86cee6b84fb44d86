/**
 * `deno task playground`: a page in the browser on which a picture can be shifted in front of a plain vision transformer
 * and its adaptive twin.
 *
 * @module
 */

import { command } from "./command.ts";
import { pickFlags } from "./common_flags.ts";
import type { Usage } from "./flag.ts";
import { parseFlags } from "./flags.ts";
import { guarded, writeWhole } from "./whole_files.ts";

const USAGE = {
  task: "playground",
  summary:
    "Serves a page on which a picture can be dragged about in front of a plain vision transformer and its adaptive " +
    "twin: patches, energies, probabilities, and the predictions at every shift. The models run in the browser.",
  flags: [
    {
      name: "port",
      kind: "integer",
      default: 8000,
      min: 0,
      max: 65535,
      group: "Page",
      help: "Port on this machine; 0 takes a free one.",
    },
    {
      name: "run",
      kind: "string",
      placeholder: "DIR",
      group: "Page",
      help: "Show the trained models of a run, such as runs/fmnist-adaptive/version_1.",
    },
    {
      name: "train",
      kind: "boolean",
      excludes: ["run", "port"],
      group: "Models",
      help:
        "Train the two models that Polyphase brings along anew, write them to --out, by default their place, and stop.",
    },
    ...pickFlags(["data", "train-size", "test-size", "max-inputs"]),
    {
      name: "out",
      kind: "string",
      placeholder: "DIR",
      group: "Output",
      help: "Write the files of the page to a folder, for any web server, and stop.",
    },
    ...pickFlags(["quiet"]),
  ],
  notes: `The page needs no network. Bundling it does the first time, when Deno fetches its bundler.

--data, --train-size, --test-size and --max-inputs go with --train, and are those of other tasks; without them both
models see 180,000 images each, three epochs of Fashion-MNIST.`,
} as const satisfies Usage;
