/**
 * The page of `shift-vit` beside the tables of every sweep: what a model gains by being exact, and where others are not.
 *
 * @module
 */

import { type ChartFigure, chartFigure } from "../../pipeline/report/curves.ts";
import { percent, thousands } from "../../pipeline/report/format.ts";
import type { Section } from "../../pipeline/report/page.ts";
import { deviationKey, summarize } from "../../pipeline/report/statistics.ts";
import { type Column, tableHtml, type TableRow } from "../../pipeline/report/table.ts";
import type { CellResult } from "../../pipeline/sweep.ts";
import { columnOf, MAIN_KEYS } from "./columns.ts";
import { ablations, ADAPTIVE_MODULES, isSeparable, parseModelName } from "./model_names.ts";
import { gridSection, layersSection, offsetsSection, type Once, type Shown, shownOf } from "./pictures.ts";
import { scatterFigure } from "./scatter.ts";

/** The parts of the page; none while there is no result. */
export async function sectionsOf(results: readonly CellResult[], once: Once): Promise<Section[]> {
  if (results.length === 0) return [];
  const largest = Math.max(...results.map(({ row }) => Number(row.train_size)));
  const main = results.filter(({ row }) => row.train_size === largest);
  const firstSeed = main[0].seed;
  const whole = main.filter((result) => !isAblated(result));
  const shown = main.filter(({ seed }) => seed === firstSeed).map(shownOf);
  const sections = [
    await balanceSection(whole.length > 0 ? whole : main),
    await sizesSection(results),
    modulesSection(main),
    changesSection(main),
    await offsetsSection(shown, once),
    gridSection(shown),
    await layersSection(shown, once),
    choicesSection(shown),
  ];
  return sections.filter((section) => section !== undefined);
}

/** Whether a model has some of its adaptive modules alone; there is a table for these. */
function isAblated({ row }: CellResult): boolean {
  const [head] = String(row.model).split("+");
  return ablations(parseModelName(head).base).includes(head);
}

/** A row a model: means and standard deviations over seeds. */
function meansOf(results: readonly CellResult[], keys: readonly string[], by: readonly string[]): TableRow[] {
  const rows = results.map(({ row }): TableRow =>
    Object.fromEntries(
      Object.entries(row).map(([key, value]) => [key, typeof value === "boolean" ? String(value) : value]),
    )
  );
  return summarize(rows, by, keys);
}

/** Columns with their standard deviations where there are several seeds. */
function columnsWithDeviations(results: readonly CellResult[], keys: readonly string[]): Column[] {
  const isRepeated = new Set(results.map(({ seed }) => seed)).size > 1;
  return keys.map((key): Column => ({
    ...columnOf(key),
    ...isRepeated ? { deviation: deviationKey(key) } : {},
  }));
}

/** Accuracy against consistency, under circular shifts and under zero-filled ones. */
async function balanceSection(results: readonly CellResult[]): Promise<Section> {
  const keys = [...MAIN_KEYS, "s_shift_acc", "params", "train_seconds"];
  const rows = meansOf(results, keys, ["model"]);
  const scatter = (title: string, x: readonly [key: string, label: string], y: typeof x) =>
    scatterFigure({
      title,
      x: { label: x[1], percent: true },
      y: { label: y[1], percent: true },
      dots: rows.map((row) => ({
        name: String(row.model),
        x: Number(row[x[0]]),
        y: Number(row[y[0]]),
        dx: row[deviationKey(x[0])] as number | null,
        dy: row[deviationKey(y[0])] as number | null,
        filled: parseModelName(String(row.model)).modules.length > 0,
      })),
    });
  const table = tableHtml({
    columns: [
      { key: "model", label: "model" },
      ...columnsWithDeviations(results, MAIN_KEYS),
      { ...columnOf("params"), format: thousands() },
      columnOf("train_seconds"),
    ],
    rows,
  });
  return {
    title: "Accuracy and consistency",
    intro:
      "C-Cons compares two random circular shifts of an image with each other, not with the label: a model that always says " +
      "the same is wholly consistent, so it is to be read beside the accuracy. Adaptive models are dots, others rings.",
    body: [
      table,
      await scatter(
        "Circular shifts",
        ["c_cons", "Consistency (C-Cons)"],
        ["val_acc", "Accuracy on images as they are"],
      ),
      await scatter(
        "Zero-filled shifts of up to 3 pixels",
        ["s_cons", "Consistency (S-Cons)"],
        ["s_shift_acc", "Accuracy on shifted images"],
      ),
    ].join("\n"),
    note:
      "What is exact is exact for circular shifts of the image that goes into the network, and for those alone: shifts that " +
      "lose pixels at one border and bring others in at the other change the image. On images that all lie in the same place " +
      "a plain model may use that place, which an exact one cannot.",
  };
}

/** Curves against the number of training images; `undefined` where that is the same for all. */
async function sizesSection(results: readonly CellResult[]): Promise<Section | undefined> {
  if (new Set(results.map(({ row }) => row.train_size)).size < 2) return undefined;
  const keys = ["val_acc", "mean_shift_acc", "c_cons"];
  const rows = meansOf(results, keys, ["model", "train_size"]);
  const models = [...new Set(rows.map(({ model }) => String(model)))];
  const chart = (key: string, title: string): ChartFigure => ({
    title,
    // Sizes grow by factors: equal steps of the axis are equal factors.
    x: { label: "training images, as a power of ten" },
    y: { label: key === "c_cons" ? "consistency" : "accuracy", percent: true },
    series: models.map((model, index) => ({
      name: model,
      dashed: index >= 8,
      points: rows.filter((row) => row.model === model)
        .map((row) => ({ x: Math.log10(Number(row.train_size)), y: Number(row[key]) }))
        .sort((a, b) => a.x - b.x),
    })),
  });
  const charts = [
    chart("val_acc", "Accuracy on images as they are"),
    chart("mean_shift_acc", "Accuracy under circular shifts"),
    chart("c_cons", "Consistency under circular shifts (C-Cons)"),
  ];
  return {
    title: "Training images",
    intro: "Means over seeds. Pictures of single models on this page are of the largest number of images.",
    body: [
      tableHtml({
        columns: [
          { key: "model", label: "model" },
          { key: "train_size", label: "train_size", format: thousands() },
          ...columnsWithDeviations(results, keys).map(({ better: _, ...column }): Column => column),
        ],
        rows,
      }),
      ...await Promise.all(charts.map((each) => chartFigure(each))),
    ].join("\n"),
  };
}

/** What each adaptive module does alone, and the others without it; `undefined` where none is switched. */
function modulesSection(results: readonly CellResult[]): Section | undefined {
  const nameOf = ({ row }: CellResult) => parseModelName(String(row.model));
  const bases = [...new Set(results.map((result) => nameOf(result).base))].filter((base) =>
    results.some((result) => isAblated(result) && nameOf(result).base === base)
  );
  if (bases.length === 0) return undefined;
  const keys = ["val_acc", "mean_shift_acc", "c_cons", "s_cons", "exact_share"];
  const tables = bases.map((base) => {
    const modules: readonly string[] = isSeparable(base) ? ADAPTIVE_MODULES[base] : [];
    const plain = base.replace(/^a-/, "").replace(/-box$/, "");
    const some = results.filter((result) => [base, plain].includes(nameOf(result).base));
    const rows = meansOf(some, keys, ["model"]).map((row) => {
      const on = parseModelName(String(row.model)).modules;
      const marks = modules.map((module) => [`on ${module}`, on.includes(module) ? "✓" : "–"]);
      return { ...row, ...Object.fromEntries(marks) };
    });
    return tableHtml({
      caption: base,
      columns: [
        { key: "model", label: "model" },
        ...modules.map((module): Column => ({ key: `on ${module}`, label: module })),
        ...columnsWithDeviations(some, keys),
      ],
      rows,
    });
  });
  return {
    title: "Module by module",
    intro:
      "A shift of the image by whole patches is a shift of the tokens, and each later module that has a grid of its own breaks " +
      "it again. So one module alone gives little, and a single one left out leaves the shifts that its grid respects.",
    body: tables.join("\n"),
  };
}

/** Changed images: what is learned from shifts may not carry over to them, what an architecture guarantees does. */
function changesSection(results: readonly CellResult[]): Section {
  const keys = [
    "val_acc",
    "c_cons",
    ...["erase", "flip", "noise"].flatMap((each) => [`${each}_acc`, `${each}_c_cons`]),
  ];
  return {
    title: "Changed images",
    intro:
      "Accuracy and C-Cons with a square of 3 pixels erased, upside down and mirrored, and with noise. No model saw such images.",
    body: tableHtml({
      columns: [{ key: "model", label: "model" }, ...columnsWithDeviations(results, keys)],
      rows: meansOf(results, keys, ["model"]),
    }),
  };
}

/** How sure adaptive modules are; `undefined` where there are none. */
function choicesSection(models: readonly Shown[]): Section | undefined {
  const rows = models.flatMap(({ model, details: { phases } }) => phases.map((each) => ({ model, ...each })));
  if (rows.length === 0) return undefined;
  const small = (value: string | number) =>
    typeof value === "string" ? value : value === 0 ? "0" : value.toExponential(1);
  const [{ images }] = rows;
  return {
    title: "How sure the choices are",
    intro:
      "An adaptive module takes the phase of most energy. The gap is the share by which the second best stands back; where it " +
      `is near 0 rounding chooses. First seed, ${images} test images.`,
    body: tableHtml({
      columns: [
        { key: "model", label: "model" },
        { key: "module", label: "module" },
        { key: "medianGap", label: "median gap", format: small },
        { key: "lowGap", label: "gap of the lowest 1%", format: small },
        { key: "leastGap", label: "least gap", format: small },
        { key: "ties", label: "equal energies", format: percent(2) },
        { key: "nearTies", label: "gaps below 1e-6", format: percent(2) },
      ],
      rows,
    }),
  };
}
