/**
 * The page and the terminal table of `fmnist-adaptive`.
 *
 * @module
 */

import {
  type ChartFigure,
  chartFigure,
  lineChart,
  type Point,
  type Series,
} from "../../pipeline/report/curves.ts";
import { decimals, duration, percent, thousands } from "../../pipeline/report/format.ts";
import { escapeHtml } from "../../pipeline/report/html.ts";
import { imageGrid } from "../../pipeline/report/image_strip.ts";
import { page } from "../../pipeline/report/page.ts";
import { colors } from "../../pipeline/report/palette.ts";
import { deviationKey, meanAndDeviation, summarize } from "../../pipeline/report/statistics.ts";
import { type Column, type Table, tableHtml, type TableRow, tableText } from "../../pipeline/report/table.ts";
import { type CellResult, STRIP_OFFSETS } from "./cell.ts";
import { ABOUT, MODELS } from "./models.ts";

/** What the page says about the run beside its results. */
export interface RunFacts {
  /** Name of the data set. */
  readonly dataset: string;
  /** The N of `version_N`. */
  readonly version: number;
}

/** The same colour for a model in every run. */
const COLORS = colors(MODELS);

/** Columns that are averaged over seeds. */
const MEASURES = [
  "train_loss",
  "val_loss",
  "val_acc",
  "shifted_val_acc",
  "shift_consistency",
  "worst_shift_acc",
  "seconds",
  "ms_per_step",
];

/** The whole page. */
export async function reportPage(
  results: readonly CellResult[],
  { dataset, version }: RunFacts,
): Promise<string> {
  const seeds = [...new Set(results.map(({ seed }) => seed))];
  const averaged = seeds.length > 1 ? ` Curves are means over ${seeds.length} seeds.` : "";
  const { classes } = results[0];

  return page({
    title: "Shift classifiers on 14×14 images",
    subtitle: `fmnist-adaptive, version ${version}: ${dataset}, ${seeds.length > 1 ? "seeds" : "seed"} ${
      seeds.join(", ")
    }`,
    sections: [
      {
        title: "Results",
        intro:
          "The same small classifier, told apart only by how images become tokens and what it is trained on. " +
          "A roll moves every pixel of the image, flattened row by row, and brings what leaves at the end back at the start.",
        body: tableHtml(resultsTable(results, dataset)),
      },
      {
        title: "The models",
        body: modelsOf(results)
          .map((model) => `<p><strong>${escapeHtml(model)}</strong>: ${escapeHtml(ABOUT[model].what)}</p>`)
          .join("\n"),
      },
      {
        title: "Cost",
        body: tableHtml(costTable(results)),
      },
      {
        title: "Accuracy at every roll",
        intro:
          "A model that is invariant to circular shifts draws a level line. A fixed grid recognises what it was trained on, " +
          `at roll 0, and what looks alike: rolls by whole rows of 14 pixels.${averaged}`,
        body: await chartFigure(rollChart(results, "accuracy")),
      },
      {
        title: "Consistency at every roll",
        intro: "The share of test images whose predicted class the roll does not change, right or wrong.",
        body: await chartFigure(rollChart(results, "consistency")),
      },
      {
        title: "Training",
        intro: `An epoch of augmented holds five rolled copies of each image.${averaged}`,
        body: (await Promise.all([
          chartFigure(historyChart(results, "val_acc", "Accuracy on the test images as they are")),
          chartFigure(historyChart(results, "train_loss", "Loss on the training images")),
          chartFigure(historyChart(results, "val_loss", "Loss on the test images")),
        ])).join("\n"),
      },
      {
        title: "What the models say of rolled images",
        intro: `Test images, the first of each class, rolled by the number of pixels above them${
          seeds.length > 1 ? `, and the predictions at seed ${seeds[0]}` : ""
        }.`,
        body: imageGrid({
          columns: STRIP_OFFSETS.map((roll) => roll === 0 ? "as it is" : `roll ${roll}`),
          rows: results[0].samples.map((sample, row) => ({
            label: classes[sample.label],
            cells: STRIP_OFFSETS.map((roll, column) => ({
              image: { ...sample, pixels: rolled(sample.pixels, roll) },
              verdicts: results.filter(({ seed }) => seed === seeds[0]).map(({ model, samples }) => ({
                name: model,
                text: classes[samples[row].predictions[column]],
                ok: samples[row].predictions[column] === sample.label,
                color: COLORS.get(model),
              })),
            })),
          })),
        }),
      },
    ],
    footer:
      "Made by Polyphase. The numbers of this page stand in results.csv, history.csv and offsets.csv beside it; " +
      "config.json holds the pipelines that made them.",
  });
}

/** Accuracy against roll as one SVG picture, for a page or a paper of one's own. */
export async function accuracyPicture(results: readonly CellResult[]): Promise<string> {
  const svg = await lineChart(rollChart(results, "accuracy"));
  // Away from the page, whose style knows light and dark, the picture brings its own paper.
  return svg.replace('style="', 'style="background:white;color:#1b1f24;');
}

/** The tables that a terminal shows at the end. */
export function resultsText(results: readonly CellResult[], dataset: string): string {
  return `${tableText(resultsTable(results, dataset))}\n\n${tableText(costTable(results))}`;
}

/** How well each model does, beside the published figures where they are of the same data. */
export function resultsTable(results: readonly CellResult[], dataset: string): Table {
  const published = dataset === "fashion-mnist" &&
    results.some(({ model }) => ABOUT[model].published !== undefined);
  const share = decimals(4);
  const shifted = "Accuracy with one random roll by 1 to 4 pixels for each batch of 32.";
  return overSeeds(results, [
    {
      key: "val_acc",
      format: share,
      better: "higher",
      description: "Accuracy on the test images as they are.",
    },
    ...(published
      ? [{ key: "published", format: share, description: "val_acc of the original notebook." }]
      : []),
    { key: "shifted_val_acc", format: share, better: "higher", description: shifted },
    ...(published
      ? [{
        key: "published_shifted",
        format: share,
        description: "shifted_val_acc of the original notebook.",
      }]
      : []),
    {
      key: "shift_consistency",
      format: percent(2),
      better: "higher",
      description: "Mean share of images whose predicted class a roll by 1 to 195 does not change.",
    },
    {
      key: "worst_shift_acc",
      format: share,
      better: "higher",
      description: "Least accuracy at any one of the 196 rolls.",
    },
    {
      key: "val_loss",
      format: share,
      better: "lower",
      description: "Mean cross-entropy over the test images.",
    },
  ]);
}

/** What each model took to train. */
export function costTable(results: readonly CellResult[]): Table {
  const loss = "Mean cross-entropy over the last epoch of training.";
  return overSeeds(results, [
    { key: "params", format: thousands() },
    { key: "epochs" },
    { key: "train_loss", format: decimals(4), description: loss },
    { key: "ms_per_step", format: decimals(2), description: "Mean milliseconds of an optimizer step." },
    { key: "seconds", format: duration(), description: "Time of training and evaluation." },
  ]);
}

/** A table with a row for each model, of means and standard deviations where there are several seeds. */
function overSeeds(results: readonly CellResult[], columns: readonly Omit<Column, "label">[]): Table {
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  const rows: readonly TableRow[] = results.map(({ row }) => row);
  return {
    caption: seeds > 1 ? `Mean and standard deviation over ${seeds} seeds.` : undefined,
    columns: [
      { key: "model", label: "model" },
      ...columns.map((column) => ({
        ...column,
        label: column.key,
        ...(seeds > 1 && MEASURES.includes(column.key) ? { deviation: deviationKey(column.key) } : {}),
      })),
    ],
    rows: summarize(rows, ["model", "params", "epochs"], MEASURES).map((row) => {
      const { published } = ABOUT[row.model as CellResult["model"]];
      return { ...row, published: published?.accuracy, published_shifted: published?.shifted };
    }),
  };
}

function rollChart(results: readonly CellResult[], measure: "accuracy" | "consistency"): ChartFigure {
  return {
    title: `${measure === "accuracy" ? "Accuracy" : "Consistency"} against roll`,
    x: { label: "roll of the flattened image, pixels" },
    y: { label: measure, percent: true, domain: [0, 1] },
    series: seriesOf(results, ({ offsets }) => offsets.map((each) => ({ x: each.dx, y: each[measure] }))),
  };
}

function historyChart(
  results: readonly CellResult[],
  measure: "val_acc" | "train_loss" | "val_loss",
  title: string,
): ChartFigure {
  return {
    title,
    x: { label: "epoch" },
    y: measure === "val_acc" ? { label: "accuracy", percent: true } : { label: "cross-entropy" },
    series: seriesOf(results, ({ history }) => history.map((row) => ({ x: row.epoch, y: row[measure] }))),
  };
}

/** A curve for each model: of its one seed, or the mean over its seeds. */
function seriesOf(results: readonly CellResult[], points: (result: CellResult) => Point[]): Series[] {
  return modelsOf(results).map((model) => ({
    name: model,
    color: COLORS.get(model),
    points: meanPoints(results.filter((each) => each.model === model).map(points)),
  }));
}

function modelsOf(results: readonly CellResult[]): CellResult["model"][] {
  return [...new Set(results.map(({ model }) => model))];
}

/** Curves of several seeds as one: the mean at each x that the first has. */
function meanPoints(curves: readonly Point[][]): Point[] {
  return curves[0].map(({ x }, index) => ({
    x,
    y: meanAndDeviation(curves.flatMap((curve) => curve[index]?.y ?? [])).mean ?? NaN,
  }));
}

/** One image with a channel or more, rolled along the flattened pixels. */
function rolled(pixels: readonly number[], roll: number): Uint8Array {
  return Uint8Array.from([...pixels.slice(pixels.length - roll), ...pixels.slice(0, pixels.length - roll)]);
}
