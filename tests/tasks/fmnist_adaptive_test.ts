/**
 * `deno task fmnist-adaptive` from end to end: wrong command lines, what a run leaves behind, and repeating it.
 *
 * @module
 */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { countParams, disposeParams } from "../../models/params.ts";
import { decodeModel } from "../../pipeline/checkpoint.ts";
import { type BackendName, type JsonObject, rebuild, registry, runConfig } from "../../mod.ts";
import {
  assertRefused,
  namesIn,
  type Row,
  RUNS,
  table,
  task,
  taskTest,
  timeless,
} from "./fmnist_adaptive_runs.ts";

const MODELS = ["base", "adaptive-notebook", "adaptive-polyphase", "adaptive-canonical", "augmented"];
const COLUMNS = [
  ...["model", "params", "seed", "epochs", "train_loss", "val_loss", "val_acc", "seconds", "ms_per_step"],
  ...["shifted_val_acc", "shift_consistency", "worst_shift_acc", "mean_shift_acc", "shift_unanimity"],
];
const PARAMS = 4 * 32 + 32 + 49 * 196 + 196 + 196 * 10 + 10;

/** 500 steps of each model on drawn images: enough for the models to tell them apart. */
const LEARNS = "--dataset synthetic --train-size 400 --test-size 50 --batch-size 4 --max-inputs 2000";
/** Runs the task and gives back its JSON document. */
async function results(flags: string): Promise<{ out: string; results: Row[] } & JsonObject> {
  const { code, stdout, stderr } = await task(`${flags} --json`);
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout);
}

taskTest("--help lists flags, models, and metrics with their direction", async () => {
  const { code, stdout, stderr } = await task("--help");
  assertEquals([code, stderr], [0, ""]);
  const flags = [
    ...["models", "dataset", "data", "train-size", "test-size", "epochs", "max-inputs", "batch-size", "seed"],
    ...["seeds", "backend", "workers", "out", "resume", "json", "quiet", "help"],
  ];
  assertEquals([...stdout.matchAll(/^ {2}--([\w-]+)/gm)].map(([, name]) => name).sort(), flags.sort());
  for (const model of MODELS) assertMatch(stdout, new RegExp(`^  ${model} +[A-Z].{15}`, "m"));
  assertMatch(stdout, /losses: lower is better; accuracies and shares, from 0 to 1: higher is better/);
  for (const column of COLUMNS.slice(4)) assertMatch(stdout, new RegExp(`^  (\\w+, )?${column}\\b`, "m"));
});

taskTest(
  "refuses a wrong command line with one line, exit code 2, and leaves nothing behind",
  async (_, folder) => {
    const cases: [string, RegExp][] = [
      ["--epoch 3", /Unknown flag --epoch: did you mean --epochs\?/],
      ["--test-sizes 3", /Unknown flag --test-sizes: did you mean --test-size\?/],
      ["--models base,adaptve", /--models: "adaptve" is not one of base, .*, augmented/],
      ["--epochs 0", /--epochs: "0" is not an integer of 1 or more/],
      ["--epochs 1.5", /--epochs: "1.5" is not an integer/],
      ["--batch-size -4", /--batch-size: "-4" is not an integer of 1 or more/],
      ["--seed 1 --seeds 1,2", /--seeds and --seed exclude each other/],
      ["--backend gpu", /--backend: "gpu" is not one of wasm, webgpu, cpu/],
      ["--train-size", /--train-size needs a value/],
    ];
    for (const [flags, line] of cases) assertRefused(await task(`--out ${folder}/runs ${flags}`), 2, line);
    assertEquals(namesIn(folder), []);
  },
);

taskTest("says in one line what is wrong with the data, and leaves it as it was", async (_, folder) => {
  const [mnist, cifar] = [`${folder}/mnist`, `${folder}/cifar`];
  for (const path of [mnist, cifar]) await Deno.mkdir(path);
  const out = `--out ${folder}/runs`;
  assertRefused(await task(`${out} --dataset fashon-mnist`), 1, /did you mean fashion-mnist\?/);
  assertRefused(await task(`${out} --dataset synthetic --train-size 2001`), 1, /\b2001\b.*\b2000\b/);
  assertRefused(
    await task(`${out} --dataset synthetic --data ${mnist}`),
    1,
    /its images are drawn, not read/,
  );
  assertRefused(
    await task(`${out} --data ${mnist}`),
    1,
    /No train-images-idx3-ubyte or train-images-idx3-ubyte\.gz in /,
  );

  // Well formed, of one black image, and not what was published.
  const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28, ...new Uint8Array(784));
  const plain = `${mnist}/train-images-idx3-ubyte`;
  await Deno.writeFile(plain, images);
  assertRefused(
    await task(`${out} --data ${mnist}`),
    1,
    /\/train-images-idx3-ubyte has a wrong checksum \(SHA-256 \w+…, expected c59f468a2f67…\): replace it/,
  );
  assertEquals(await Deno.readFile(plain), images);
  await Deno.remove(plain);

  const packed = new Blob([images]).stream().pipeThrough(new CompressionStream("gzip"));
  const cut = new Uint8Array(await new Response(packed).arrayBuffer()).slice(0, -9);
  await Deno.writeFile(`${plain}.gz`, cut);
  const line = /\/train-images-idx3-ubyte\.gz is cut short or damaged: replace it/;
  assertRefused(await task(`${out} --data ${mnist}`), 1, line);
  assertEquals(await Deno.readFile(`${plain}.gz`), cut);

  // Loose files of CIFAR have no published checksum: here a label of 10 gets as far as the reader.
  for (const name of [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`).concat("test_batch.bin")) {
    const record = new Uint8Array(3073);
    record[0] = name === "data_batch_3.bin" ? 10 : 9;
    await Deno.writeFile(`${cifar}/${name}`, record);
  }
  assertRefused(
    await task(`${out} --dataset cifar10 --data ${cifar}`),
    1,
    /label 10 at index 0 of data_batch_3\.bin: there are 10 classes, so labels go from 0 to 9/,
  );
});

taskTest("says in one line that --out cannot be written to", async (_, folder) => {
  const file = `${folder}/file`;
  await Deno.writeTextFile(file, "mine");
  for (const out of [file, `${file}/below`]) {
    assertRefused(await task(`${RUNS} --out ${out}`), 1, /leads over a file where a folder is needed/);
  }
  assertEquals(await Deno.readTextFile(file), "mine");
  // Nobody makes folders in Linux's /sys, the superuser neither; elsewhere a folder is sealed for the test.
  const sealed = Deno.build.os === "linux" ? "/sys" : folder;
  if (sealed === folder && Deno.build.os !== "windows") await Deno.chmod(folder, 0o555);
  if (Deno.build.os !== "windows") {
    assertRefused(
      await task(`${RUNS} --out ${sealed}`),
      1,
      /(No permission for|Cannot write) ".*fmnist-adaptive".*--out DIR/,
    );
    if (sealed === folder) await Deno.chmod(folder, 0o755);
  }
  assertEquals(namesIn(folder), ["file"]);
});

taskTest("trains the five models, leaves whole files, and does the same again", async (t, folder) => {
  const command = `${LEARNS} --out ${folder}/runs`;
  const { code, stdout, stderr } = await task(`${command} --json`);
  assertEquals(code, 0, stderr);
  const document = JSON.parse(stdout);
  const path = `${folder}/runs/fmnist-adaptive/version_1`;
  const rows = await table(`${path}/results.csv`);

  await t.step(
    "--json prints one document of the documented shape, and the rest goes to standard error",
    () => {
      const { results, ...head } = document;
      assertEquals(Object.keys(document), ["task", "version", "out", "seed", "results"]);
      assertEquals(head, { task: "fmnist-adaptive", version: 1, out: path, seed: 0 });
      assertEquals(results.map((row: Row) => row.model), MODELS);
      for (const row of results) {
        assertEquals(Object.keys(row), COLUMNS);
        for (const column of COLUMNS.slice(1)) {
          assert(Number.isFinite(row[column]), `${row.model}: ${column}`);
        }
        for (const column of ["val_acc", ...COLUMNS.slice(9)]) {
          assert(row[column] >= 0 && row[column] <= 1, column);
        }
        assert(row.seconds > 0 && row.ms_per_step > 0);
      }
      for (const model of MODELS) {
        assertStringIncludes(stderr, `train: ${model} `);
      }
      assert(!stderr.includes("{"), stderr);
    },
  );

  await t.step("the files of the run are there, and no others", () => {
    const names = namesIn(path).filter((name) => !name.startsWith("best-"));
    const files = ["accuracy.svg", "config.json", "history.csv", "offsets.csv", "report.html", "results.csv"];
    assertEquals(names, [...files, ...MODELS.map((model) => `model-${model}.safetensors`)].sort());
  });

  await t.step("results.csv holds the rows of the document, history.csv each evaluation", async () => {
    const texts = document.results.map((row: Row) =>
      Object.fromEntries(COLUMNS.map((column) => [column, String(row[column])]))
    );
    assertEquals(rows, texts);
    const history = await table(`${path}/history.csv`);
    const columns = ["model", "seed", "epoch", "step", "inputs", "train_loss", "val_loss", "val_acc"];
    assertEquals(Object.keys(history[0]), columns);
    for (const row of rows) {
      const own = history.filter(({ model }) => model === row.model);
      // 2000 inputs are five epochs of 400 images, or one of their five copies.
      assertEquals(own.map(({ epoch }) => Number(epoch)), row.model === "augmented" ? [1] : [1, 2, 3, 4, 5]);
      const { step, inputs, epoch, train_loss, val_loss, val_acc } = own.at(-1)!;
      assertEquals([step, inputs, epoch, train_loss], ["500", "2000", row.epochs, row.train_loss]);
      // Where tokens start at random, another evaluation is another draw.
      if (row.model !== "adaptive-notebook") assertEquals([val_loss, val_acc], [row.val_loss, row.val_acc]);
    }
  });

  await t.step("offsets.csv holds the 196 rolls of each model, which the columns sum up", async () => {
    const offsets = await table(`${path}/offsets.csv`);
    for (const row of rows) {
      const own = offsets.filter(({ model }) => model === row.model);
      assertEquals(own.map(({ offset }) => Number(offset)), Array.from({ length: 196 }, (_, roll) => roll));
      assertEquals([own[0].accuracy, own[0].consistency], [row.val_acc, "1"]);
      const accuracies = own.map(({ accuracy }) => Number(accuracy));
      assertEquals(Math.min(...accuracies), Number(row.worst_shift_acc));
      assertAlmostEquals(accuracies.reduce((a, b) => a + b) / 196, Number(row.mean_shift_acc), 1e-12);
      const consistencies = own.slice(1).map(({ consistency }) => Number(consistency));
      assertAlmostEquals(consistencies.reduce((a, b) => a + b) / 195, Number(row.shift_consistency), 1e-12);
    }
  });

  await t.step("canonical tokens are invariant to every roll, and a fixed grid is not", () => {
    const [base, , , canonical] = document.results;
    assertEquals([canonical.shift_consistency, canonical.shift_unanimity], [1, 1]);
    assertEquals([canonical.worst_shift_acc, canonical.shifted_val_acc], [
      canonical.val_acc,
      canonical.val_acc,
    ]);
    assert(canonical.val_acc > 0.2, `no better than chance: ${canonical.val_acc}`);
    assert(base.val_acc > 0.5 && base.worst_shift_acc < 0.3 && base.shift_consistency < 0.5);
  });

  await t.step("the models can be read, and are the ones of the table", async () => {
    await selectBackend("cpu");
    for (const row of rows) {
      const file = `model-${row.model}.safetensors`;
      const params = decodeModel(await Deno.readFile(`${path}/${file}`), file);
      assertEquals([countParams(params), Number(row.params)], [PARAMS, PARAMS]);
      disposeParams(params);
    }
  });

  await t.step("config.json rebuilds each pipeline", async () => {
    const { task, runs } = JSON.parse(await Deno.readTextFile(`${path}/config.json`));
    assertEquals([task, runs.map(({ model }: Row) => model)], ["fmnist-adaptive", MODELS]);
    for (const { slug: _, model: __, ...config } of runs) {
      const { seed, backend } = config as { seed: number; backend: BackendName };
      assertEquals(runConfig(rebuild(config, registry), { seed, backend }), config);
    }
  });

  await t.step("report.html fetches nothing and shows every model", async () => {
    const html = await Deno.readTextFile(`${path}/report.html`);
    assertMatch(html, /<meta http-equiv="Content-Security-Policy" content="default-src 'none';/);
    assert(!/<(iframe|object|embed|base)\b|@import|\b(fetch|import|XMLHttpRequest|WebSocket)\(/i.test(html));
    for (
      const [, target] of html.matchAll(/(?:\b(?:src|href|srcset|poster)\s*=\s*|url\()["']?([^"')\s>]+)/gi)
    ) {
      assertMatch(target, /^(#|data:)/);
    }
    for (const model of MODELS) assertStringIncludes(html, model);
    assertEquals([html.startsWith("<!"), html.trimEnd().endsWith("</html>")], [true, true]);
  });

  await t.step(
    "the same command gives the same tables in version_2, and leaves version_1 alone",
    async () => {
      const files = namesIn(path);
      const before = await Promise.all(files.map((name) => Deno.readFile(`${path}/${name}`)));
      const again = await results(command);
      const other = `${folder}/runs/fmnist-adaptive/version_2`;
      assertEquals([again.version, again.out], [2, other]);
      assertEquals(timeless(await table(`${other}/results.csv`)), timeless(rows));
      for (
        const name of [...files.filter((file) => file.endsWith(".safetensors")), "history.csv", "offsets.csv"]
      ) {
        assertEquals(await Deno.readFile(`${other}/${name}`), before[files.indexOf(name)], name);
      }
      assertEquals(namesIn(path), files);
      assertEquals(await Promise.all(files.map((name) => Deno.readFile(`${path}/${name}`))), before);
    },
  );
});

taskTest("--seeds runs each seed, --quiet is silent, and backends agree", async (_, folder) => {
  const command = `--models base ${RUNS} --out ${folder}`;
  const document = await results(`${command} --seeds 3,4`);
  assertEquals(document.seed, [3, 4]);
  assertEquals(document.results.map(({ model, seed }) => [model, seed]), [["base", 3], ["base", 4]]);
  assertNotEquals(document.results[0].val_loss, document.results[1].val_loss);
  for (const seed of [3, 4]) assert(namesIn(document.out).includes(`model-base-seed${seed}.safetensors`));
  const offsets = await table(`${document.out}/offsets.csv`);
  assertEquals([3, 4].map((seed) => offsets.filter((row) => row.seed === `${seed}`).length), [196, 196]);
  // Of two numbers the standard deviation is their distance over the square root of two.
  const [first, second] = document.results.map(({ val_loss }) => Number(val_loss));
  const summary = [(first + second) / 2, Math.abs(first - second) / Math.SQRT2].map((part) =>
    part.toFixed(4)
  );
  const html = (await Deno.readTextFile(`${document.out}/report.html`)).replaceAll(
    /<[^>]+>|&[a-z]+;|\s+/g,
    "",
  );
  assertStringIncludes(html, `${summary[0]}±${summary[1]}`);

  const cpu = await task(`${command} --seed 4 --backend cpu --json --quiet`);
  assertEquals([cpu.code, cpu.stderr], [0, ""]);
  const [row] = JSON.parse(cpu.stdout).results;
  assertAlmostEquals(row.train_loss, Number(document.results[1].train_loss), 1e-3);
  assertAlmostEquals(row.val_loss, Number(document.results[1].val_loss), 1e-3);
});

taskTest(
  "learns the real Fashion-MNIST and prints a table beside the published figures",
  async (_, folder) => {
    const { code, stdout, stderr } = await task(
      `--models base,adaptive-canonical --test-size 500 --max-inputs 19200 --quiet --out ${folder}`,
    );
    assertEquals([code, stderr], [0, ""]);
    const path = `${folder}/fmnist-adaptive/version_1`;
    const [base, canonical] = await table(`${path}/results.csv`);
    assert(Number(base.val_acc) > 0.55 && Number(base.worst_shift_acc) < 0.25, JSON.stringify(base));
    assert(Number(canonical.val_acc) > 0.35, JSON.stringify(canonical));
    assertEquals([canonical.shift_consistency, canonical.worst_shift_acc], ["1", canonical.val_acc]);
    assertMatch(stdout, /^model +val_acc.* published .*\n.*\nbase +0\.\d{4} +0\.8674 /);
    assertStringIncludes(stdout, `\nReport: ${path}/report.html\n`);
    assertEquals(base.epochs, "0.32");
  },
);
