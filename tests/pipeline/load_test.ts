/**
 * Loading: whole sets, random parts of them, and sizes that there are not.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import type { Dataset } from "../../datasets/dataset.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { load, type LoadSizes } from "../../pipeline/load.ts";
import { run, type RunOptions } from "../../pipeline/pipe.ts";
import { tinyDataset } from "./fixtures.ts";

const CPU = { backend: "cpu" } as const;
const loaded = (sizes: LoadSizes, options: RunOptions = {}) =>
  run(load(tinyDataset({ train: 40, test: 20 }), sizes), { ...CPU, ...options });

/** Each image with its label, as text, so that parts can be looked up in the whole. */
function rows({ images, labels }: Awaited<ReturnType<typeof loaded>>["train"]): string[] {
  const size = images.height * images.width * images.channels;
  return Array.from(
    labels,
    (label, row) => `${label}:${images.pixels.subarray(row * size, (row + 1) * size)}`,
  );
}

Deno.test("load: the whole set, as it is", async () => {
  const dataset = tinyDataset({ train: 40, test: 20 });
  const { train, test, classes } = await dataset.load();
  const record = await loaded({});
  assertEquals(record, {
    kind: "data",
    dataset: "tiny",
    classes,
    image: { height: 8, width: 8, channels: 1 },
    train,
    test,
    augmentations: [],
  });
  assertEquals(await loaded({ trainSize: 40, testSize: 20 }), record);
});

Deno.test("load: sizes take that many different images with their labels", async () => {
  const whole = await loaded({});
  const part = await loaded({ trainSize: 15, testSize: 7 });
  assertEquals([part.train.images.count, part.train.labels.length, part.test.images.count], [15, 15, 7]);
  for (const split of ["train", "test"] as const) {
    const taken = rows(part[split]);
    assertEquals(new Set(taken).size, taken.length);
    const all = new Set(rows(whole[split]));
    assert(taken.every((row) => all.has(row)));
  }
});

Deno.test("load: a part is that of the seed, and the smaller part is in the larger", async () => {
  const first = await loaded({ trainSize: 15, testSize: 7 }, { seed: 1 });
  assertEquals(await loaded({ trainSize: 15, testSize: 7 }, { seed: 1 }), first);
  const other = await loaded({ trainSize: 15, testSize: 7 }, { seed: 2 });
  assertNotEquals(rows(other.train), rows(first.train));
  assertNotEquals(rows(other.test), rows(first.test));
  assertEquals(
    rows((await loaded({ trainSize: 5, testSize: 7 }, { seed: 1 })).train),
    rows(first.train).slice(0, 5),
  );
});

Deno.test("load: sizes that there are not are refused in one line", async () => {
  for (const size of [0, -1, 41, 2.5, NaN]) {
    const { message } = await assertRejects(() => loaded({ trainSize: size }), PolyphaseError);
    assertEquals(
      message,
      `trainSize (--train-size) ${size} is not from 1 to 40, the train images there are: choose one that is`,
    );
  }
  const { message } = await assertRejects(() => loaded({ testSize: 21 }), PolyphaseError);
  assertMatch(message, /^testSize \(--test-size\) 21 is not from 1 to 20, the test images/);
});

Deno.test("load: hands the run's signal to the data set, and its progress on under the stage's name", async () => {
  const dataset: Dataset = {
    ...tinyDataset(),
    load(options) {
      assert(options?.signal === controller.signal);
      options?.progress?.({ text: "downloading", done: 1, total: 2 });
      return tinyDataset().load();
    },
  };
  const controller = new AbortController();
  const events: unknown[] = [];
  await run(load(dataset), { ...CPU, signal: controller.signal, progress: (event) => events.push(event) });
  assertEquals(events, [{ stage: "load", text: "downloading", done: 1, total: 2 }]);
});

Deno.test("load: the configuration is that of the data set and the sizes", () => {
  const dataset = tinyDataset();
  assertEquals(load(dataset).config, { dataset: dataset.config, trainSize: null, testSize: null });
  assertEquals(load(dataset, { trainSize: 3 }).config, {
    dataset: dataset.config,
    trainSize: 3,
    testSize: null,
  });
});
