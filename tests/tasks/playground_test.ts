/**
 * `deno task playground`: its parts, the models that it ships, and the models of a run. The page itself has a test of
 * its own.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { type Images, takeImages } from "../../datasets/dataset.ts";
import { shiftImages } from "../../datasets/shift.ts";
import { synthetic } from "../../datasets/synthetic.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { keyOf } from "../../pipeline/random.ts";
import { decodeSamples, encodeSamples, pickSamples, readCard } from "../../tasks/playground/model_file.ts";
import { stepOf } from "../../tasks/playground/page/moves.ts";
import { blankPicture, paint, repeatPicture } from "../../tasks/playground/page/picture.ts";
import { argmax, firstShift, greatestChange } from "../../tasks/playground/page/shift_map.ts";
import { openModel, type ShownModel } from "../../tasks/playground/page/shown_model.ts";
import { unsupported } from "../../tasks/playground/page/wasm_simd.ts";
import { runExhibits } from "../../tasks/playground/run_exhibits.ts";
import { answer, shippedExhibits, type Site } from "../../tasks/playground/site.ts";
import { trainTwins, TWINS } from "../../tasks/playground/train.ts";
import { canRunTasks, inTempFolder, permitted, runTask } from "../support.ts";
import { writeRun } from "./playground_runs.ts";

const canRead = permitted({ name: "read" });
const canWriteRuns = permitted({ name: "read" }, { name: "write" });
Deno.test("an arrow key is a step of one pixel, with the shift key of four, and other keys are none", () => {
  assertEquals(stepOf({ key: "ArrowLeft", shiftKey: false }), { dy: 0, dx: -1 });
  assertEquals(stepOf({ key: "ArrowDown", shiftKey: true }), { dy: 4, dx: 0 });
  assertEquals(stepOf({ key: "toString", shiftKey: false }), undefined);
});

Deno.test("a browser without SIMD in WebAssembly is told so in plain words", () => {
  assertEquals(unsupported(), undefined);
  const { validate } = WebAssembly;
  try {
    WebAssembly.validate = () => false;
    assertMatch(unsupported()!, /SIMD.*does not know.*Use a current version of/);
  } finally {
    WebAssembly.validate = validate;
  }
});

Deno.test("the spot that is painted goes around the border, and is wiped away again", () => {
  const blank = blankPicture({ height: 28, width: 28, channels: 1 });
  const painted = paint(blank, { dy: 0, dx: 0 }, true);
  const lit = Array.from(painted.pixels, (value, place) => value > 0 ? place : -1).filter((place) =>
    place >= 0
  );
  assertEquals(painted.pixels[0], 255);
  assert(lit.includes(27) && lit.includes(27 * 28), `only ${lit} are lit`);
  assertEquals(blank.pixels.every((value) => value === 0), true);
  assertEquals(paint(painted, { dy: 0, dx: 0 }, false).pixels[0], 0);
});

Deno.test("the map of shifts has the picture as it is in its middle", () => {
  assertEquals([firstShift(28), firstShift(7)], [-14, -3]);
});

Deno.test("samples are the first of each class, and come back from their file", () => {
  const images: Images = {
    count: 6,
    height: 1,
    width: 2,
    channels: 1,
    pixels: Uint8Array.from({ length: 12 }, (_, i) => i),
  };
  const split = { images, labels: Uint8Array.of(1, 0, 1, 1, 0, 2) };
  const picked = pickSamples(split, 3, 2);
  assertEquals(Array.from(picked.labels), [0, 0, 1, 1, 2]);
  assertEquals(Array.from(picked.images.pixels), [2, 3, 8, 9, 0, 1, 4, 5, 10, 11]);
  assertEquals(decodeSamples(encodeSamples(picked), "samples"), picked);
  assertThrows(() => readCard(encodeSamples(picked), "samples"), PolyphaseError, "does not say what model");
});

Deno.test("a site answers with its files and nothing else", async () => {
  const site: Site = new Map([["index.html", new TextEncoder().encode("<p>")]]);
  const got = answer(site, new Request("http://x/"));
  assertEquals([got.status, got.headers.get("content-type"), await got.text()], [
    200,
    "text/html; charset=utf-8",
    "<p>",
  ]);
  assertEquals(answer(site, new Request("http://x/../deno.json")).status, 404);
});

Deno.test({
  name: "the shipped models are those that the training describes, small and tested (needs --allow-read)",
  ignore: !canRead,
  fn: async () => {
    const { models } = await shippedExhibits();
    for (const [index, { name, bytes }] of models.entries()) {
      const { tokenizer, model, accuracy } = readCard(bytes, name);
      const twin = TWINS[index];
      assertEquals({ tokenizer, model }, {
        tokenizer: twin.tokenizer.config,
        model: twin.architecture.config,
      });
      assert(accuracy !== undefined && accuracy > 0.8, `${name} is right in ${accuracy}`);
      assert(bytes.length < 4 * 300_000, `${name} has ${bytes.length} bytes`);
    }
  },
});

Deno.test("the twins are trained alike, to the same bits again, and the adaptive one is as right when shifted", async () => {
  await selectBackend("wasm");
  const dataset = synthetic({ size: 28, train: 64, test: 32 });
  const kept = tf.memory().numTensors;
  const files = await trainTwins({ dataset, maxInputs: 128 });
  assertEquals(await trainTwins({ dataset, maxInputs: 128 }), files);
  assertEquals(files.map(({ name }) => name), [
    "plain.safetensors",
    "adaptive.safetensors",
    "samples.safetensors",
  ]);
  const { accuracy, shiftedAccuracy } = readCard(files[1].bytes, files[1].name);
  assert(
    accuracy !== undefined && accuracy === shiftedAccuracy,
    `right in ${accuracy}, shifted in ${shiftedAccuracy}`,
  );
  assertEquals(tf.memory().numTensors, kept);
});

/** The greatest change of a probability over every circular shift, and whether the class changes. */
async function overAllShifts(model: ShownModel, picture: Images): Promise<{ change: number; same: boolean }> {
  const { height, width } = picture;
  const before = await model.probabilities(picture, keyOf(0));
  const offsets = Array.from(
    { length: height * width },
    (_, place) => ({ dy: Math.floor(place / width), dx: place % width }),
  );
  const after = await model.probabilities(
    shiftImages(repeatPicture(picture, offsets.length), offsets, "circular-2d"),
    keyOf(0),
  );
  let [change, same] = [0, true];
  for (let start = 0; start < after.length; start += before.length) {
    const own = after.subarray(start, start + before.length);
    change = Math.max(change, greatestChange(own, before));
    same &&= argmax(own) === argmax(before);
  }
  return { change, same };
}

Deno.test({
  name:
    "the shipped adaptive model is the same at all 784 shifts, its plain twin is not (needs --allow-read)",
  ignore: !canRead,
  fn: async () => {
    await selectBackend("wasm");
    const { models, samples } = await shippedExhibits();
    const { images } = decodeSamples(samples.bytes, samples.name);
    const picture = takeImages(images, [0]);
    const kept = tf.memory().numTensors;
    for (const { name, bytes } of models) {
      const model = await openModel(bytes, name);
      const { change, same } = await overAllShifts(model, picture);
      if (model.adaptive) {
        assert(change < 1e-5 && same, `${name} changes by ${change}`);
      } else assert(change > 0.1 && !same, `${name} changes by ${change} only`);
      const first = model.cut(picture, keyOf(0));
      const moved = model.cut(shiftImages(picture, [{ dy: 6, dx: 3 }], "circular-2d"), keyOf(0));
      const at = (start: number, dy: number, dx: number) =>
        (Math.floor(start / 4) + dy) % 4 * 4 + (start + dx) % 4;
      assertEquals(moved.start, model.adaptive ? at(first.start, 6, 3) : 0);
      for (let start = 0; start < 16; start++) {
        assertEquals(moved.energies![at(start, 6, 3)], first.energies![start]);
      }
      if (model.adaptive) assertEquals(first.energies![first.start], Math.max(...first.energies!));
      model.dispose();
    }
    assertEquals(tf.memory().numTensors, kept);
  },
});

Deno.test({
  name: "the models of a run are shown with pictures of their data set (needs --allow-read --allow-write)",
  ignore: !canWriteRuns,
  fn: async () => {
    await inTempFolder(async (folder) => {
      const lines: string[] = [];
      const said = (line: string) => lines.push(line);
      await assertRejects(() => runExhibits(folder, { said }), PolyphaseError, "There is no");
      await writeRun(folder, []);
      await assertRejects(() => runExhibits(folder, { said }), PolyphaseError, "No trained model is in");
      await writeRun(folder, ["flat", "canonical"]);
      lines.length = 0;
      const { models, samples } = await runExhibits(folder, { said });
      assertEquals(lines.length, 1);
      assertMatch(lines[0], /^unfinished has no model/);
      assertEquals(models.map(({ name, bytes }) => readCard(bytes, name).title), ["flat", "canonical"]);
      const { images } = decodeSamples(samples.bytes, samples.name);
      assertEquals([images.height, images.width], [8, 8]);
      await selectBackend("wasm");
      const model = await openModel(models[1].bytes, models[1].name);
      assertEquals([model.adaptive, model.card.accuracy], [true, 0.5]);
      assertEquals(model.cut(takeImages(images, [0]), keyOf(0)).energies!.length, 4);
      model.dispose();
    });
  },
});

Deno.test({
  name: "flags that do not go together are refused (needs --allow-run --allow-read)",
  ignore: !canRunTasks(),
  fn: async () => {
    const { code, stderr } = await runTask("tasks/playground.ts", ["--data", "x"]);
    assertEquals(code, 2);
    assertMatch(stderr, /^error: --data goes with --run or --train/);
  },
});
