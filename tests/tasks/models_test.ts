/**
 * `deno task models`: the published rows and their parameters, how parameters are counted, and the command itself.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import { convEncoder } from "../../models/conv_encoder.ts";
import type { Architecture, Model } from "../../models/model.ts";
import { countParams, disposeParams } from "../../models/params.ts";
import { resnet18, resnet50 } from "../../models/resnet.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { patches2d, pixels } from "../../models/tokenizers/patches.ts";
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts";
import { vit } from "../../models/vit.ts";
import { keyOf } from "../../pipeline/random.ts";
import { architectureOf, imageOf, type Row, ROWS, tokenizerOf } from "../../tasks/fmnist_vit/rows.ts";
import { countTrained, describe, type Description, modelsText } from "../../tasks/models/describe.ts";
import { canRunTasks, runTask } from "../support.ts";

const STRICT = { sanitizeOps: true, sanitizeResources: true };

/** Trained parameters and multiply-adds of the twelve published models, counted by hand from their layers. */
function countByHand(row: Row): { params: number; multiplyAdds: number } {
  const { cs, channels } = row;
  const conv = (size: number, inputs: number, outputs: number, pixels: number, hasBias: boolean) => ({
    params: size ** 2 * inputs * outputs + (hasBias ? outputs : 0),
    multiplyAdds: size ** 2 * inputs * outputs * pixels,
  });
  const dense = (inputs: number, outputs: number, rows = 1) => ({
    params: (inputs + 1) * outputs,
    multiplyAdds: rows * inputs * outputs,
  });
  const learned = (params: number) => ({ params, multiplyAdds: 0 });
  const parts = [dense(cs, 10)];
  if (row.model === "vit") {
    const { patch, layer, hidden, mlp } = row;
    const patches = (28 / patch) ** 2;
    const tokens = patches + 1;
    parts.push(dense(patch ** 2 * channels, hidden, patches), learned(hidden + tokens * hidden));
    for (let block = 0; block < layer; block++) {
      parts.push(learned(4 * hidden), dense(hidden, 3 * hidden, tokens), dense(hidden, hidden, tokens));
      parts.push(dense(hidden, mlp, tokens), dense(mlp, hidden, tokens));
      parts.push({ params: 0, multiplyAdds: 2 * tokens ** 2 * hidden });
    }
    parts.push(learned(2 * hidden), dense(hidden, cs));
  } else if (row.model === "cnn") {
    parts.push(conv(3, channels, 32, 26 ** 2, true), conv(3, 32, 32, 24 ** 2, true));
    parts.push(conv(3, 32, 32, 22 ** 2, true), dense(22 ** 2 * 32, cs));
  } else {
    parts.push(conv(7, channels, 64, 14 ** 2, false), learned(2 * 64));
    let inputs = 64;
    for (const [outputs, size] of [[64, 7], [128, 4], [256, 2], [512, 1]]) {
      for (const from of [inputs, outputs]) {
        parts.push(conv(3, from, outputs, size ** 2, false), conv(3, outputs, outputs, size ** 2, false));
        parts.push(learned(4 * outputs));
        if (from !== outputs) parts.push(conv(1, from, outputs, size ** 2, false), learned(2 * outputs));
      }
      inputs = outputs;
    }
    parts.push(dense(512, cs));
  }
  return {
    params: parts.reduce((sum, part) => sum + part.params, 0),
    multiplyAdds: parts.reduce((sum, part) => sum + part.multiplyAdds, 0),
  };
}

/** What the task says of a row. */
function describeRow(row: Row): Description {
  return describe({
    name: row.row,
    architecture: architectureOf(row),
    tokenizer: tokenizerOf(row),
    image: imageOf(row),
    published: row.published.params,
  });
}

Deno.test("the published rows: each has the parameters of the table, and costs what its layers do", () => {
  assertEquals(ROWS.length, 12);
  assertEquals(new Set(ROWS.map(({ row }) => row)).size, 12);
  assertEquals(new Set(ROWS.map((row) => row.published.params)).size, 8);
  for (const row of ROWS) {
    const { params, multiplyAdds } = describeRow(row);
    assertEquals([row.row, params], [row.row, row.published.params]);
    assertEquals({ params, multiplyAdds }, countByHand(row));
  }
});

Deno.test("the published rows: names say what is built", () => {
  for (const row of ROWS) {
    const { name, model, tokens, image } = describeRow(row);
    assertEquals(image, [28, 28, row.channels]);
    if (row.model !== "vit") {
      assertEquals([model.name, tokens], [
        name === "cnn" ? "conv-encoder" : "resnet18",
        [784, name === "cnn" ? 1 : 3],
      ]);
      continue;
    }
    assertEquals(tokens, [16, 147]);
    const [, layers, heads] = name.match(/^vit-l(\d+)-h(\d+)/)!;
    assertEquals([model.layers, model.heads], [Number(layers), Number(heads)]);
    const parts = { cs: 128, mlp: 512, d: 256 };
    for (const [, part, value] of name.matchAll(/-(cs|mlp|d)(\d+)/g)) {
      Object.assign(parts, { [part]: Number(value) });
    }
    assertEquals([model.code, model.mlp, model.embed], [parts.cs, parts.mlp, parts.d]);
  }
});

Deno.test("the published rows: from the least validation loss to the greatest, one with fewer inputs", () => {
  const losses = ROWS.map((row) => row.published.valLoss);
  assertEquals(losses, losses.toSorted((a, b) => a - b));
  const short = ROWS.filter((row) => row.published.inputs !== 2_000_000);
  assertEquals(short.map((row) => [row.row, row.published.inputs]), [["vit-l16-h8", 780_000]]);
});

Deno.test("parameters are counted from layouts as they are from fresh parameters", STRICT, async () => {
  await selectBackend("cpu");
  const before = tf.memory().numTensors;
  const cases: readonly (readonly [Architecture, Tokenizer, hasLayout: boolean])[] = [
    [vit({ layers: 2, heads: 2, embed: 16, mlp: 24, code: 7 }), patches2d({ size: 7 }), true],
    [vit({ layers: 1, heads: 2, embed: 16, mlp: 24, classToken: false }), patches2d({ size: 7 }), true],
    // These have running statistics, which are not counted.
    [resnet18({ width: 4, code: 5 }), pixels(), true],
    [resnet50({ width: 2 }), pixels(), true],
    [convEncoder({ channels: [3, 4], code: 5 }), pixels(), true],
    [tokenMeanMlp(), patches2d({ size: 7 }), false],
  ];
  for (const [architecture, tokenizer, hasLayout] of cases) {
    const grid = tokenizer.grid({ height: 28, width: 28, channels: 3 });
    const model: Model = architecture.build({ grid, classes: 10 });
    assertEquals(model.torch !== undefined, hasLayout, architecture.name);
    const params = model.init(keyOf(0));
    assertEquals(countTrained(model), countParams(params, model), architecture.name);
    disposeParams(params);
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("the table: numbers with separators, and settings that are off left out", () => {
  const described: Description = {
    name: "demo",
    model: { name: "vit", layers: 2, dropout: 0, classToken: true, exact: false, code: null, sizes: [3, 4] },
    tokenizer: { name: "adaptive", patches: { name: "patches-2d", size: 7 }, gap: { p: 2, off: false } },
    image: [28, 28, 3],
    tokens: [16, 147],
    classes: 10,
    params: 1234567,
    publishedParams: null,
    multiplyAdds: null,
  };
  assertEquals(modelsText([described]).split("\n").map((line) => line.split(/ {2,}/)), [
    ["Models"],
    [""],
    ["model", "parameters", "multiply-adds", "image", "tokenizer", "tokens", "classes", "configuration"],
    [5, 10, 13, 7, 46, 6, 7, 38].map((width) => "─".repeat(width)),
    [
      ...[
        "demo",
        "1,234,567",
        "–",
        "28×28×3",
        "adaptive patches=(patches-2d size=7) gap=(p=2)",
        "16×147",
        "10",
      ],
      "vit layers=2 classToken=true sizes=3,4",
    ],
  ]);
});

function taskTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `deno task models ${name} (needs --allow-run --allow-read)`,
    ignore: !canRunTasks(),
    ...STRICT,
    fn,
  });
}

taskTest("--json prints one document, in which all eight published counts are met", async () => {
  const { code, stdout, stderr } = await runTask("tasks/models.ts", ["--json"]);
  assertEquals([code, stderr], [0, ""]);
  const { task, models }: { task: string; models: Description[] } = JSON.parse(stdout);
  assertEquals(task, "models");
  const names = models.map(({ name }) => name);
  assertEquals(names.slice(0, 12), ROWS.map(({ row }) => row));
  assertEquals(new Set(names).size, names.length);
  for (
    const family of [
      "resnet18-aps",
      "a-vit-28-tiny",
      "a-swin-nano",
      "a-swin-v2-tiny",
      "cvt-micro",
      "mvit-v2-tiny",
    ]
  ) {
    assert(names.includes(family), family);
  }
  const counts = [
    ...[11_243_466, 2_185_610, 2_185_610, 2_185_610, 4_294_026, 4_294_026, 4_469_178],
    ...[6_395_274, 2_185_610, 8_510_858, 2_002_698, 25_453_962],
  ];
  assertEquals(models.slice(0, 12).map(({ params }) => params), counts);
  assertEquals(models.slice(0, 12).map(({ publishedParams }) => publishedParams), counts);
  const notebook = 4 * 32 + 32 + 49 * 196 + 196 + 196 * 10 + 10;
  assertEquals([models[12].name, models[12].params, models[12].publishedParams], [
    "token-mean-mlp",
    notebook,
    null,
  ]);
  for (const { name, params, publishedParams, tokens, image } of models) {
    assert(Number.isInteger(params) && params > 0, name);
    assertEquals([name, publishedParams ?? params], [name, params]);
    assertEquals(tokens[0] * tokens[1], image[0] * image[1] * image[2], name);
  }
  const sizes = ["vit-base-patch16-224", "swin-tiny", "swin-small", "swin-base", "swin-v2-tiny"];
  assertEquals(
    models.filter(({ name, publishedParams }) => sizes.includes(name) && publishedParams).length,
    5,
  );
});

taskTest("prints a table", async () => {
  const { code, stdout, stderr } = await runTask("tasks/models.ts");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^Models\n\nmodel +parameters +multiply-adds +image /);
  assertMatch(
    stdout,
    /\nvit-l4-h16 +2,185,610 +36,879,616 +28×28×3 +patches-2d size=7 +16×147 +10 +vit layers=4 /,
  );
  assertMatch(
    stdout,
    /\ncnn +2,002,698 +11,947,392 +28×28×1 +pixels +784×1 +10 +conv-encoder channels=32,32,32 /,
  );
});

taskTest("--help explains the columns, and flags that do nothing are refused", async () => {
  const help = await runTask("tasks/models.ts", ["--help"]);
  assertEquals(help.code, 0);
  for (const part of ["Usage: deno task models", "--json", "multiply-adds"]) {
    assertStringIncludes(help.stdout, part);
  }
  const refused = await runTask("tasks/models.ts", ["--seed", "1"]);
  assertEquals([refused.code, refused.stdout], [2, ""]);
  assertMatch(refused.stderr, /^error: .*--seed.*\n$/);
});
