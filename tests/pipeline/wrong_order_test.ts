/**
 * Pipelines in the wrong order do not compile, and what the compiler says points at the stage that comes too early.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { augment, circularShift } from "../../pipeline/augment.ts";
import { evaluate } from "../../pipeline/evaluate.ts";
import { load } from "../../pipeline/load.ts";
import { describe, pipe, replace, run } from "../../pipeline/pipe.ts";
import { shiftEval } from "../../pipeline/shift_eval.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train } from "../../pipeline/train.ts";
import { permitted } from "../support.ts";
import { tinyDataset } from "./fixtures.ts";

const loading = load(tinyDataset());
const cutting = tokenize(patches1d({ size: 4 }));
const training = train(tokenMeanMlp(), { optimizer: sgd({ learningRate: 0.1 }), epochs: 1 });

Deno.test("order: the right ones compile", () => {
  const right = pipe(loading, augment(circularShift({ max: 1 })), cutting, training, evaluate(), shiftEval());
  assertEquals(describe(right), "load → augment → tokenize → train → evaluate → shiftEval");
  assertEquals(describe(pipe(loading, cutting, training, shiftEval(), evaluate())).split(" → ").length, 5);
  // Shifts between tokenize and train would belong to the images, and an augmentation belongs to the data: it resets the
  // kind.
  assertEquals(describe(pipe(loading, augment(), augment(), cutting, training)).split(" → ").length, 5);
  // Two trainings, for example to go on with another optimizer.
  assertEquals(describe(pipe(loading, cutting, training, training)).split(" → ").length, 4);
  assertEquals(describe(pipe(loading, cutting, pipe(training, shiftEval()))).split(" → ").length, 4);
});

Deno.test("order: the wrong ones do not compile", () => {
  const wrong = [
    // @ts-expect-error: train before tokenize
    () => pipe(loading, training),
    () =>
      pipe(
        loading,
        // @ts-expect-error: train before tokenize, in a longer pipeline
        training,
        cutting,
        shiftEval(),
      ),
    () =>
      pipe(
        loading,
        cutting,
        // @ts-expect-error: shiftEval before train
        shiftEval(),
        training,
      ),
    () =>
      pipe(
        loading,
        augment(circularShift({ max: 1 })),
        cutting,
        // @ts-expect-error: evaluate before train
        evaluate(),
      ),
    () =>
      pipe(
        loading,
        cutting,
        training,
        // A tokenizer after training makes the model's tokens stale.
        cutting,
        // @ts-expect-error: shiftEval of a record that was tokenized anew
        shiftEval(),
      ),
    () =>
      pipe(
        loading,
        cutting,
        augment(circularShift({ max: 1 })),
        // @ts-expect-error: train right after augment, which hands on plain data
        training,
      ),
    () =>
      pipe(
        cutting,
        // @ts-expect-error: load takes nothing, so nothing can come before it
        loading,
      ),
    // @ts-expect-error: a pipeline that begins with tokenize needs data to run on
    () => run(pipe(cutting, training)),
    // @ts-expect-error: another kind of stage in the place of tokenize
    () => replace(pipe(loading, cutting, training), "tokenize", shiftEval()),
    // @ts-expect-error: no stage is called that
    () => replace(pipe(loading, cutting, training), "tokenise", cutting),
    // @ts-expect-error: train without an optimizer
    () => train(tokenMeanMlp(), { epochs: 1 }),
  ];
  assertEquals(wrong.length, 11);
});

Deno.test("order: replace takes a stage that fits, in a pipeline made of pipelines too", () => {
  const flat = pipe(loading, cutting, training);
  assertEquals(replace(flat, "tokenize", tokenize(patches1d({ size: 2 }))).stages[1].config, {
    tokenizer: { name: "patches-1d", size: 2 },
  });
  const data = pipe(loading, cutting);
  const nested = pipe(data, training);
  assertEquals(describe(replace(nested, "train", training)), "load → tokenize → train");
});

const NEEDS = [{ name: "run" }, { name: "read" }, { name: "write" }] as const;
const ROOT = new URL("../../", import.meta.url);
const HEADER = `
import { describe, pipe, replace } from "${ROOT}pipeline/pipe.ts";
import { load } from "${ROOT}pipeline/load.ts";
import { tokenize } from "${ROOT}pipeline/tokenize.ts";
import { train } from "${ROOT}pipeline/train.ts";
import { shiftEval } from "${ROOT}pipeline/shift_eval.ts";
import { tokenMeanMlp } from "${ROOT}models/token_mean_mlp.ts";
import { sgd } from "${ROOT}models/optimizers/sgd.ts";
import { patches1d } from "${ROOT}models/tokenizers/patches.ts";
import type { Dataset } from "${ROOT}datasets/dataset.ts";
declare const images: Dataset;
export const used = [describe, pipe, replace, load, tokenize, train, shiftEval, tokenMeanMlp, sgd, patches1d];
`;
const LOADING = "load(images)";
const CUTTING = "tokenize(patches1d({ size: 4 }))";
const TRAINING = "train(tokenMeanMlp(), { optimizer: sgd({ learningRate: 0.1 }), epochs: 1 })";

/** Type-checks files with the project's settings; gives back the errors in each, by name, without colours. */
async function check(files: Readonly<Record<string, string>>): Promise<Record<string, string[]>> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, HEADER + text);
    }
    const config = fromFileUrl(new URL("deno.json", ROOT));
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "check",
        "--no-lock",
        "--config",
        config,
        ...Object.keys(files).map((name) => `${folder}/${name}`),
      ],
      env: { NO_COLOR: "1" },
      stdout: "null",
      stderr: "piped",
    }).output();
    const said = new TextDecoder().decode(stderr);
    // TS2793 is a note on the implementation of the overloads, which comes with the error itself.
    const errors = said.split(/^(?=TS\d+ )/m).slice(1).filter((each) => !each.startsWith("TS2793"));
    const found = Object.fromEntries(
      Object.keys(files).map((name) => [name, errors.filter((each) => each.includes(`/${name}:`))]),
    );
    // What the compiler says of other files, or before it begins, is not to be lost.
    assertEquals(Object.values(found).flat().length, errors.length, said);
    assertStringIncludes(said, "error: Type checking failed.");
    return found;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function fromFileUrl(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.slice(1) : path;
}

Deno.test({
  name: "order: what the compiler says of pipelines (needs --allow-run, --allow-read, --allow-write)",
  ignore: !permitted(...NEEDS),
  sanitizeOps: true,
  sanitizeResources: true,
  async fn(context) {
    const opening = "export const experiment = pipe(";
    const firstLine = HEADER.split("\n").length + 1;
    const wrong: [name: string, stages: string[], early: number, missing: RegExp][] = [
      ["no_tokenize.ts", [LOADING, TRAINING, "shiftEval()"], 1, /tokenizer|"tokenized"/],
      ["no_train.ts", [LOADING, CUTTING, "shiftEval()"], 2, /model|params|"trained"/],
    ];
    const found = await check({
      ...Object.fromEntries(
        wrong.map(([name, stages]) => [name, `${opening}\n${stages.join(",\n")},\n);\n`]),
      ),
      "nested.ts":
        `export const nested = pipe(pipe(${LOADING}, ${CUTTING}), pipe(${TRAINING}, shiftEval()));\n` +
        `export const shift = async () => (await nested(undefined, null as never)).shift.consistency;\n`,
      "inline.ts":
        `export const swapped = replace(pipe(${LOADING}, ${CUTTING}, ${TRAINING}), "tokenize", ${CUTTING});\n`,
      "listed.ts": `export const text = describe(pipe(pipe(${LOADING}, ${CUTTING}), ${TRAINING}));\n`,
      "inner.ts": `const data = pipe(${LOADING}, ${CUTTING});\nconst whole = pipe(data, ${TRAINING});\n` +
        `export const swapped = replace(whole, "tokenize", ${CUTTING});\n`,
    });
    for (const [name, stages, early, missing] of wrong) {
      await context.step(`${name}: one error, on the line of the stage that comes too early`, () => {
        const [error, ...more] = found[name];
        assertEquals(more, []);
        assertStringIncludes(error, `${name}:${firstLine + early}:`);
        assertStringIncludes(error, stages[early]);
        assertMatch(error, missing);
      });
    }
    for (const name of ["nested.ts", "inline.ts", "listed.ts"]) {
      await context.step(
        `${name}: compiles with no name given to a part`,
        () => assertEquals(found[name], []),
      );
    }
    await context.step(
      "inner.ts: replace knows the pipeline's own stages, not those inside a nested one",
      () => {
        const [error, ...more] = found["inner.ts"];
        assertEquals(more, []);
        assertStringIncludes(error, `'"tokenize"' is not assignable to parameter of type '"train"'`);
      },
    );
  },
});
