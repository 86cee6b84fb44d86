/**
 * `deno task playground`: a page in the browser on which a picture can be shifted in front of a plain vision transformer
 * and its adaptive twin.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { command } from "./command.ts";
import { pickFlags } from "./common_flags.ts";
import type { Usage } from "./flag.ts";
import { parseFlags, UsageError } from "./flags.ts";
import { showProgress } from "./progress.ts";
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
        "Train the two models that Polyphase brings along anew, write them to --out (default: their own place), and stop.",
    },
    ...pickFlags(["data"]),
    {
      name: "out",
      kind: "string",
      placeholder: "DIR",
      group: "Output",
      help:
        "Write the files of the page to a folder, for any web server, and stop. With --train, the models.",
    },
    ...pickFlags(["quiet"]),
  ],
  notes: `The page needs no network. Bundling it does the first time, when Deno fetches its bundler.

--data goes with --run, for the pictures that the page offers, and with --train. Training takes each model through
180,000 images, three epochs of Fashion-MNIST.`,
} as const satisfies Usage;

await command(async (signal) => {
  const flags = parseFlags(USAGE, Deno.args);
  const { data, out } = flags;
  if (data !== undefined && !flags.train && flags.run === undefined) {
    throw new UsageError(
      "--data goes with --run or --train: the pictures of the page are part of it. See --help.",
    );
  }
  const progress = showProgress({ quiet: flags.quiet });
  try {
    // Loaded here, so that a mere --help does not wait for the tensor library.
    if (flags.train) {
      const { trainTwins } = await import("./playground/train.ts");
      const { fashionMnist } = await import("../datasets/fashion_mnist.ts");
      const dataset = fashionMnist({ dir: data });
      const files = await trainTwins({ dataset, signal, progress: progress.report });
      const folder = out ?? decodeURIComponent(new URL("playground/models", import.meta.url).pathname);
      await writeFiles(folder, files.map(({ name, bytes }): [string, Uint8Array] => [name, bytes]));
      progress.close();
      console.log(`Wrote ${files.map(({ name }) => name).join(", ")} to ${folder}`);
      return;
    }
    const { answer, makeSite, shippedExhibits } = await import("./playground/site.ts");
    const said = (text: string) => progress.report({ stage: "run", text });
    const exhibits = flags.run === undefined
      ? await shippedExhibits()
      : await (await import("./playground/run_exhibits.ts")).runExhibits(flags.run, { data, signal, said });
    progress.report({ stage: "page", text: "bundling" });
    const site = await makeSite(exhibits);
    progress.close();
    if (out !== undefined) {
      await writeFiles(out, site);
      console.log(`Wrote the page to ${out}: index.html and what belongs to it, for any web server`);
      return;
    }
    await serve(flags.port, (request) => answer(site, request), signal);
  } finally {
    progress.close();
  }
});

/** Hands out the page until a signal comes. */
async function serve(
  port: number,
  handler: (request: Request) => Response,
  signal: AbortSignal,
): Promise<void> {
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      hostname: "127.0.0.1",
      port,
      signal,
      onListen: (address) => console.log(`http://127.0.0.1:${address.port}/  (Ctrl-C ends it)`),
    }, handler);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
    throw new PolyphaseError(`Port ${port} is in use: choose another with --port, or --port 0 for any`, {
      cause,
    });
  }
  await server.finished;
}

async function writeFiles(folder: string, files: Iterable<readonly [string, Uint8Array]>): Promise<void> {
  await guarded(folder, () => Deno.mkdir(folder, { recursive: true }));
  for (const [name, bytes] of files) {
    const path = `${folder}/${name}`;
    await guarded(path, () => writeWhole(path, bytes));
  }
}
