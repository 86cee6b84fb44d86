/**
 * The page of a sweep: tables to sort, the curves of all cells laid over each other, and what failed.
 *
 * @module
 */

import type { HistoryRow } from "../../pipeline/records.ts";
import { type ChartFigure, chartFigure, type Series } from "../../pipeline/report/curves.ts";
import { escapeHtml } from "../../pipeline/report/html.ts";
import { PALETTE } from "../../pipeline/report/palette.ts";
import { page, type Section } from "../../pipeline/report/page.ts";
import { type Column, tableHtml } from "../../pipeline/report/table.ts";
import type { CellResult } from "../../pipeline/sweep.ts";
import type { SweepOutcome } from "../../pipeline/sweep/run.ts";
import { labelOf, resultsTable, seedsTable } from "./table.ts";

/** What a page shows beside the results. */
export interface SweepPage {
  /** Heading. */
  readonly title: string;
  /** The line below it. */
  readonly subtitle: string;
  /** How many cells there are. */
  readonly cells: number;
  /** How columns of the sweep's own are shown. */
  readonly columns?: readonly Column[];
  /** What stands above the table of results. */
  readonly intro?: string;
  /** More parts, behind the curves. */
  readonly sections?: readonly Section[];
  /** Small text at the end. */
  readonly footer?: string;
}

/** The most curves of a chart: with more nobody finds a line by its label. */
const MOST_CURVES = 40;

/** The page of what is known of a sweep so far. */
export async function sweepPage(outcome: SweepOutcome, content: SweepPage): Promise<string> {
  const { results, failures } = outcome;
  const state = [
    `${results.length} of ${content.cells} cells finished`,
    ...(failures.length > 0 ? [`${failures.length} failed`] : []),
  ].join(", ");
  const seeds = seedsTable(results, content.columns);
  const sections: Section[] = [];
  if (results.length > 0) {
    sections.push({
      title: "Results",
      intro: content.intro,
      body: tableHtml(resultsTable(results, { columns: content.columns })),
    });
  }
  if (seeds !== undefined) sections.push({ title: "Over seeds", body: tableHtml(seeds) });
  if (failures.length > 0) sections.push(failuresSection(outcome));
  if (results.some(({ history }) => history.length > 0)) sections.push(await curvesSection(results));
  return page({
    title: content.title,
    subtitle: `${content.subtitle}: ${state}`,
    sections: [...sections, ...content.sections ?? []],
    footer: content.footer ??
      "Made by Polyphase. The numbers of this page stand in results.csv beside it, and in history.csv in the folder of each cell.",
  });
}

/** The curves of validation and training, a line for each cell. */
async function curvesSection(results: readonly CellResult[]): Promise<Section> {
  const trained = results.filter(({ history }) => history.length > 0);
  const shown = trained.length <= MOST_CURVES ? trained : best(trained);
  const charts: ChartFigure[] = [
    chart(
      shown,
      results,
      "Accuracy on the test images",
      { label: "accuracy", percent: true },
      ({ valAcc }) => valAcc,
    ),
    chart(shown, results, "Loss on the test images", { label: "loss" }, ({ valLoss }) => valLoss),
    chart(shown, results, "Loss on the training images", { label: "loss" }, ({ trainLoss }) => trainLoss),
  ];
  return {
    title: "Training",
    intro: shown.length < trained.length
      ? `The ${shown.length} cells of ${trained.length} that end with the least loss on the test images.`
      : undefined,
    body: (await Promise.all(charts.map((each) => chartFigure(each)))).join("\n"),
  };
}

function chart(
  shown: readonly CellResult[],
  all: readonly CellResult[],
  title: string,
  y: ChartFigure["y"],
  value: (row: HistoryRow) => number,
): ChartFigure {
  const series: Series[] = shown.map((result, index) => ({
    name: labelOf(result, all),
    // The colours start over after eight: every second eight is dashed.
    dashed: Math.floor(index / PALETTE.length) % 2 === 1,
    points: result.history.map((row) => ({ x: row.inputs, y: value(row) ?? NaN })),
  }));
  return { title, x: { label: "training images seen" }, y, series };
}

/** The cells that end with the least loss, in the order of the sweep. */
function best(results: readonly CellResult[]): readonly CellResult[] {
  const lossOf = ({ history }: CellResult) => history.at(-1)?.valLoss ?? Infinity;
  const kept = new Set([...results].sort((a, b) => lossOf(a) - lossOf(b)).slice(0, MOST_CURVES));
  return results.filter((result) => kept.has(result));
}

function failuresSection({ failures }: SweepOutcome): Section {
  const items = failures.map(({ slug, text }) =>
    `<p><strong>${escapeHtml(slug)}</strong>: ${escapeHtml(text)}</p>`
  );
  return {
    title: "Failed",
    intro: "Run the sweep again with --resume to try these again.",
    body: items.join("\n"),
  };
}
