/**
 * `deno task data`: fetches a data set and verifies it ahead of time, and says where its files are.
 *
 * @module
 */

import { cifar10, cifar100 } from "../datasets/cifar.ts";
import type { Dataset } from "../datasets/dataset.ts";
import { fashionMnist } from "../datasets/fashion_mnist.ts";
import type { PublishedOptions } from "../datasets/idx_dataset.ts";
import { mnist } from "../datasets/mnist.ts";
import { datasetByName } from "../datasets/registry.ts";
import { hostSystem, type System } from "../datasets/system.ts";
import { command } from "./command.ts";
import { pickFlags } from "./common_flags.ts";
import { summarize, summaryText } from "./data/summary.ts";
import { watchFiles } from "./data/used_files.ts";
import type { Usage } from "./flag.ts";
import { parseFlags } from "./flags.ts";
import { showProgress } from "./progress.ts";

const USAGE = {
  task: "data",
  summary:
    "Fetches a data set and verifies every file, so that later runs need no network; says where the files " +
    "are and how many images there are of each class.",
  flags: pickFlags(["dataset", "data", "json", "quiet"]),
  notes:
    "Files are looked for in the folder given by --data, and nowhere else if it is given; then in the cache\n" +
    "($POLYPHASE_DATA, else the platform's cache folder with /polyphase), in the system's folders, on the\n" +
    "publisher's mirrors, and in Debian's package where there is one. What is fetched is kept in the cache.",
} as const satisfies Usage;

/** Data sets with published files; what is read for them is shown. */
const PUBLISHED: Readonly<Record<string, (options: PublishedOptions, system: System) => Dataset>> = {
  "fashion-mnist": fashionMnist,
  mnist,
  cifar10,
  cifar100,
};

await command(async (signal) => {
  const flags = parseFlags(USAGE, Deno.args);
  const options = { dir: flags.data };
  const watched = watchFiles(hostSystem());
  const dataset = Object.hasOwn(PUBLISHED, flags.dataset)
    ? PUBLISHED[flags.dataset](options, watched.system)
    : datasetByName(flags.dataset, options);
  const progress = showProgress({ quiet: flags.quiet });
  try {
    const splits = await dataset.load({
      signal,
      progress: (event) => progress.report({ stage: "data", ...event }),
    });
    const summaries = summarize(splits);
    const files = watched.used();
    progress.close();
    if (flags.json) {
      const document = {
        task: USAGE.task,
        dataset: dataset.name,
        config: dataset.config,
        files,
        results: summaries,
      };
      console.log(JSON.stringify(document, null, 2));
    } else console.log(summaryText(dataset.name, files, summaries));
  } finally {
    progress.close();
  }
});
