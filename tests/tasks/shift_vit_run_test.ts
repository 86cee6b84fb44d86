/**
 * `deno task shift-vit` in small runs: adaptive models are exact and plain ones are not.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { JsonObject } from "../../pipeline/json.ts";
import { ablations } from "../../tasks/shift_vit/model_names.ts";
import { canRunTasks, inTempFolder, permitted, runTask } from "../support.ts";

Deno.test({
  name:
    "shift-vit: adaptive models are exact under every circular shift and plain ones are not, in rows and on the page " +
    "(needs --allow-run --allow-read --allow-write)",
  ignore: !canRunTasks() || !permitted({ name: "write" }),
  sanitizeOps: true,
  sanitizeResources: true,
  fn: () =>
    inTempFolder(async (out) => {
      const sizes = [
        "--train-size",
        "64",
        "--test-size",
        "20",
        "--max-inputs",
        "192",
        "--batch-size",
        "8",
        "--offset-images",
        "2",
      ];
      const models = [
        "vit",
        "a-vit",
        "a-vit-only-tokens",
        "a-swin",
        "a-swin-no-tokens",
        "resnet18-aps",
        "vit+shift",
        "swin+canonical",
        "a-vit+pixels",
      ];
      const shown = ["--models", models.join(), "--dataset", "synthetic"];
      const { code, stdout, stderr } = await runTask(
        "tasks/shift_vit.ts",
        ["--preset", "quick", ...sizes, ...shown, "--out", out, "--json", "--quiet"],
        { seconds: 300 },
      );
      assertEquals([code, stderr], [0, ""]);
      const { task, results } = JSON.parse(stdout);
      assertEquals([task, results.map((row: JsonObject) => row.model)], ["shift-vit", models]);
      const rowOf = (name: string) => results.find((row: JsonObject) => row.model === name);
      for (const name of ["a-vit", "a-swin", "resnet18-aps", "swin+canonical", "a-vit+pixels"]) {
        const row = rowOf(name);
        assertEquals([row.c_cons, row.c_cons_3, row.exact_share], [1, 1, 1], name);
        assertEquals([row.erase_c_cons, row.flip_c_cons, row.noise_c_cons], [1, 1, 1], name);
        assert(row.max_logit_diff < 1e-4, JSON.stringify(row));
        assertEquals(row.mean_shift_acc, row.val_acc, name);
      }
      for (const name of ["vit", "vit+shift", "a-vit-only-tokens", "a-swin-no-tokens"]) {
        const { exact_share, max_logit_diff } = rowOf(name);
        assert(exact_share < 0.9 && max_logit_diff > 1e-3, `${name}: ${exact_share}, ${max_logit_diff}`);
      }
      const { modules, train_size, test_size, inputs, offset_images, gap_tokens, gap_windows, gap_merge } =
        rowOf(
          "a-swin",
        );
      assertEquals([modules, train_size, test_size, inputs, offset_images], [
        "tokens+windows+merge+positions",
        64,
        20,
        192,
        2,
      ]);
      assert([gap_tokens, gap_windows, gap_merge].every((gap) => gap > 1e-6 && gap < 1));
      assertEquals([rowOf("vit").gap_tokens, rowOf("vit").modules, rowOf("a-vit").gap_merge], [
        null,
        null,
        null,
      ]);
      assert(rowOf("resnet18-aps").gap_strides > 0);
      // Pixels differ more than their tokens.
      assert(rowOf("a-vit+pixels").gap_tokens > rowOf("a-vit").gap_tokens);

      const folder = `${out}/shift-vit/version_1`;
      const [header] = (await Deno.readTextFile(`${folder}/results.csv`)).split("\n");
      assertMatch(header, /^model,params,seed,epochs,train_loss,val_loss,val_acc,seconds,ms_per_step,/);
      assertMatch(header, /,c_cons,c_cons_3,s_cons,mean_shift_acc,/);
      const { history, details } = JSON.parse(await Deno.readTextFile(`${folder}/model=a-vit/result.json`));
      assertEquals([history.length, details.offsets.consistency.length], [5, 256]);
      assertEquals(new Set(details.offsets.consistency), new Set([1]));
      const page = await Deno.readTextFile(`${folder}/report.html`);
      for (
        const title of [
          "Accuracy and consistency",
          "Module by module",
          "Changed images",
          "Every circular offset",
          "The grid moves with the image",
          "Layer by layer",
          "How sure the choices are",
        ]
      ) assertStringIncludes(page, `>${title}</h2>`);
      for (const name of ["a-vit", "resnet18-aps", "vit+shift"]) {
        assertStringIncludes(page, `${name}: consistency`);
      }
      assert(!page.includes(">Training images</h2>"));

      // The same models, examined again: nothing is trained, and what is asked again is answered alike.
      const again = await runTask(
        "tasks/shift_vit.ts",
        ["--preset", "quick", "--from", folder, "--models", "resnet18-aps,a-vit", ...sizes.slice(0, 4)]
          .concat(
            ["--offset-images", "3", "--dataset", "synthetic", "--out", out, "--json", "--quiet"],
          ),
        { seconds: 300 },
      );
      assertEquals([again.code, again.stderr], [0, ""]);
      const examined: JsonObject[] = JSON.parse(again.stdout).results;
      assertEquals(examined.map(({ model }) => model).sort(), ["a-vit", "resnet18-aps"]);
      for (const row of examined) {
        assertEquals([row.train_loss, row.inputs, row.offset_images, row.c_cons], [null, 0, 3, 1]);
        const before = rowOf(row.model as string);
        const same = [
          "val_acc",
          "val_loss",
          "s_cons",
          "mean_shift_acc",
          "erase_acc",
          "noise_acc",
          "gap_tokens",
        ];
        for (const column of same) assertEquals(row[column], before[column], `${row.model}: ${column}`);
      }
    }),
});

Deno.test({
  name:
    "shift-vit: several numbers of images, at random places, make curves, and --ablate adds models (needs --allow-run --allow-read --allow-write)",
  ignore: !canRunTasks() || !permitted({ name: "write" }),
  fn: () =>
    inTempFolder(async (out) => {
      const sizes = [
        "--train-sizes",
        "16,48",
        "--test-size",
        "10",
        "--max-inputs",
        "48",
        "--offset-images",
        "1",
      ];
      const shown = [
        "--models",
        "a-vit",
        "--ablate",
        "--dataset",
        "synthetic",
        "--shift-train",
        "--seeds",
        "3,4",
      ];
      const { code, stdout, stderr } = await runTask(
        "tasks/shift_vit.ts",
        ["--preset", "quick", ...sizes, ...shown, "--out", out, "--json", "--quiet"],
        { seconds: 300 },
      );
      assertEquals([code, stderr], [0, ""]);
      const { seed, results } = JSON.parse(stdout);
      assertEquals(seed, [3, 4]);
      assertEquals(
        new Set(results.map((row: JsonObject) => row.model)),
        new Set(["a-vit", ...ablations("a-vit")]),
      );
      assertEquals(results.slice(0, 4).map((row: JsonObject) => [row.train_size, row.seed, row.inputs]), [
        [16, 3, 48],
        [16, 4, 48],
        [48, 3, 48],
        [48, 4, 48],
      ]);
      const folder = `${out}/shift-vit/version_1`;
      const { cells: [{ stages: [{ config }] }] } = JSON.parse(
        await Deno.readTextFile(`${folder}/config.json`),
      );
      assertEquals(config.dataset.shifted, { mode: "circular-2d", seed: 0 });
      const page = await Deno.readTextFile(`${folder}/report.html`);
      assertStringIncludes(page, ">Training images</h2>");
      assertStringIncludes(page, "Accuracy under circular shifts");
    }),
});

Deno.test({
  name:
    "shift-vit: what makes no sense is refused before anything is written (needs --allow-run --allow-read)",
  ignore: !canRunTasks(),
  async fn() {
    const cases: [string[], RegExp][] = [
      [["--models", "a-vitt"], /did you mean a-vit\?/],
      [["--models", "vit", "--ablate"], /--ablate takes a-vit and a-swin apart/],
      [["--dataset", "folder:somewhere"], /give --train-size N/],
      [["--preset", "cifar10", "--equal-time", "--train-sizes", "10,20"], /give --max-inputs/],
      [["--from", "run", "--epochs", "2"], /--from and --epochs exclude each other/],
    ];
    for (const [flags, message] of cases) {
      const { code, stderr } = await runTask("tasks/shift_vit.ts", flags);
      assertEquals(code, 2, flags.join(" "));
      assertMatch(stderr, message);
    }
  },
});
