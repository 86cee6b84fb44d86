/**
 * The tables, the page and the progress of sweeps.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { JsonObject } from "../../pipeline/json.ts";
import type { CellResult, SweepRow } from "../../pipeline/sweep.ts";
import { sweepPage } from "../../tasks/sweep/page.ts";
import { showSweep } from "../../tasks/sweep/progress.ts";
import { csvColumns, labelOf, resultsTable, seedsTable } from "../../tasks/sweep/table.ts";

/** A finished cell. */
function result(values: JsonObject, seed: number, valLoss: number, more: SweepRow = {}): CellResult {
  const slug = Object.entries(values).map(([axis, value]) => `${axis}=${value}`).join("_");
  const axes = values as SweepRow;
  const row = {
    model: "m",
    params: 10,
    seed,
    epochs: 1,
    val_loss: valLoss,
    val_acc: 0.5,
    cell: slug,
    ...axes,
    ...more,
  };
  const history = [1, 2].map((epoch) => (
    { epoch, step: epoch, inputs: 10 * epoch, trainLoss: 1, valLoss: valLoss / epoch, valAcc: 0.1 * epoch }
  ));
  return { slug, values, seed, row, history, details: null };
}

const RESULTS = [
  result({ rate: 0.1, kind: "a", seed: 0 }, 0, 2),
  result({ rate: 0.1, kind: "a", seed: 1 }, 1, 4, { probe_accuracy: 0.25, steady: true }),
];

Deno.test("sweep tables: standard columns, then axes and own ones; results in front", () => {
  assertEquals(csvColumns(RESULTS), [
    "model",
    "params",
    "seed",
    "epochs",
    "val_loss",
    "val_acc",
    "cell",
    "rate",
    "kind",
    "probe_accuracy",
    "steady",
  ]);
  const { columns, rows } = resultsTable(RESULTS);
  assertEquals(columns.map(({ key }) => key), [
    "cell",
    "rate",
    "kind",
    "seed",
    "val_acc",
    "val_loss",
    "probe_accuracy",
    "steady",
    "params",
    "epochs",
  ]);
  assertEquals(rows[1].steady, "true");
  const own = [{ key: "probe_accuracy", label: "probe ↑", better: "higher" as const }];
  const narrow = resultsTable(RESULTS, { axes: false, columns: own }).columns;
  assertEquals(narrow[3], own[0]);
  assert(!narrow.some(({ key }) => key === "rate"));
});

Deno.test("sweep tables: means over seeds, where there are several of one setting", () => {
  const table = seedsTable(RESULTS)!;
  assertEquals(table.caption, "Mean and standard deviation over 2 seeds.");
  assertEquals(table.rows.length, 1);
  const [row] = table.rows;
  assertEquals([row.rate, row.runs, row.val_loss, row.val_loss_sd], [0.1, 2, 3, Math.SQRT2]);
  assert(!table.columns.some(({ key }) => key === "steady"), "truth values have no mean");
  assertEquals(seedsTable([RESULTS[0]]), undefined);
  assertEquals(seedsTable([result({ rate: 1 }, 0, 1), result({ rate: 2 }, 1, 1)]), undefined);
});

Deno.test("sweep tables: labels name what varies", () => {
  assertEquals(RESULTS.map((each) => labelOf(each, RESULTS)), ["seed 0", "seed 1"]);
  const others = [result({ rate: 1, kind: "a" }, 0, 1), result({ rate: 2, kind: "a" }, 5, 1)];
  assertEquals(others.map((each) => labelOf(each, others)), ["rate 1, seed 0", "rate 2, seed 5"]);
  assertEquals(labelOf(others[0], [others[0]]), "rate=1_kind=a");
});

Deno.test("sweep page: results, failures, curves and own parts; what is text stays text", async () => {
  const failures = [{ slug: "rate=9", text: "loss <NaN> & more" }];
  const content = { title: "t", subtitle: "sweep, version 1", cells: 4 };
  const page = await sweepPage({ results: RESULTS, failures }, {
    ...content,
    intro: "About these.",
    sections: [{ title: "Mine", body: "<p>own</p>" }],
  });
  for (
    const part of [
      "sweep, version 1: 2 of 4 cells finished, 1 failed",
      "About these.",
      "loss &lt;NaN&gt; &amp; more",
      ">Failed</h2>",
      ">Over seeds</h2>",
      ">Training</h2>",
      "Accuracy on the test images",
      "<p>own</p>",
      "table[data-sortable]",
    ]
  ) assertStringIncludes(page, part);
  assertEquals(
    page,
    await sweepPage({ results: RESULTS, failures }, {
      ...content,
      intro: "About these.",
      sections: [{ title: "Mine", body: "<p>own</p>" }],
    }),
  );
  const empty = await sweepPage({ results: [], failures }, content);
  assertStringIncludes(empty, "0 of 4 cells finished, 1 failed");
  assert(!empty.includes(">Results</h2>") && !empty.includes("<svg"));
});

Deno.test("sweep page: of many cells the best are drawn, and the page says so", async () => {
  const many = Array.from({ length: 43 }, (_, index) => result({ rate: index }, 0, 100 - index));
  const page = await sweepPage({ results: many, failures: [] }, { title: "t", subtitle: "s", cells: 43 });
  assertStringIncludes(page, "The 40 cells of 43 that end with the least loss");
  assert(
    page.includes(">rate 3<") && !page.includes(">rate 2<"),
    "the three with the greatest loss are left out",
  );
});

/** What is shown of a sweep of two cells. */
function shown(options: { terminal: boolean; quiet?: boolean }): string {
  let text = "";
  const progress = showSweep(2, {
    ...options,
    columns: 60,
    now: () => 0,
    write: (part) => void (text += part),
  });
  const train = (slug: string, done: number) =>
    progress.report({ kind: "progress", slug, event: { stage: "train", text: "m", done, total: 40 } });
  progress.prepare({ stage: "load", text: "reading" });
  progress.report({ kind: "begun", slug: "a" });
  progress.report({ kind: "begun", slug: "b" });
  for (let done = 1; done <= 3; done++) train("a", done), train("b", 10 * done);
  progress.report({ kind: "finished", slug: "a", before: false });
  progress.report({ kind: "failed", slug: "b", text: "so it was" });
  progress.close();
  return text;
}

Deno.test("sweep progress: lines of cells that run side by side do not chase each other", () => {
  assertEquals(shown({ terminal: false }).trimEnd().split("\n"), [
    "load: reading",
    "train: a m, 1 of 40",
    "train: b m, 10 of 40",
    "train: a m, 3 of 40",
    "sweep: 1 of 2 cells finished",
    "train: b m, 30 of 40",
    "failed: b: so it was",
    "sweep: 1 of 2 cells finished, 1 failed",
  ]);
  assertEquals(shown({ terminal: false, quiet: true }), "");
});

Deno.test({
  name: "sweep progress: on a terminal a bar for the whole and one for each running cell",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: () => {
    const text = shown({ terminal: true });
    assertMatch(text, /sweep: 2 cells/);
    assertMatch(text, /█{15}░{5} train: b m, 30 of 40/);
    assertMatch(text, /█{10}░{10} sweep: 1 of 2 cells finished/);
    assertStringIncludes(text, "load: reading");
    // deno-lint-ignore no-control-regex -- control characters are what is taken away
    const lines = text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "").split(/[\r\n]+/);
    assert(lines.every((line) => [...line].length < 60), "a line is wider than the terminal");
  },
});
