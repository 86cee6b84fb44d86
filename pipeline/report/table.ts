/**
 * Tables: one description, written as HTML, as Markdown or as text for a terminal.
 *
 * @module
 */

import { type Format, plain } from "./format.ts";
import { escapeHtml } from "./html.ts";

/** What a cell can hold. `null` and `undefined` are missing values. */
export type TableCell = string | number | null | undefined;

/** A row: the value of each column by its key. */
export type TableRow = Readonly<Record<string, TableCell>>;

/** A column of a table. */
export interface Column {
  /** Which value of a row. */
  readonly key: string;
  /** Heading. */
  readonly label: string;
  /** Side that the text is flush with. Default: numbers right, text left. */
  readonly align?: "left" | "right";
  /** How values are written. Default: `plain()`. */
  readonly format?: Format;
  /** What the column means, in a sentence. */
  readonly description?: string;
  /** The direction of improvement; the heading shows it and the best value is set in bold. */
  readonly better?: "higher" | "lower";
  /** Key of the standard deviation that is written behind the value. */
  readonly deviation?: string;
}

/** A table. */
export interface Table {
  /** What the table shows. */
  readonly caption?: string;
  /** The columns, in order. The first names the row. */
  readonly columns: readonly Column[];
  /** The rows, in order. */
  readonly rows: readonly TableRow[];
}

/** How wide a terminal table may be. */
export interface TextOptions {
  /** Characters in a line; a wider table goes on below, with its first column again. Default: no limit. */
  readonly width?: number;
}

const MISSING = "–";
const ARROWS = { higher: "↑", lower: "↓" } as const;

/**
 * Makes the tables of a page sortable: a click on a heading sorts by it, another click the other way round. A page holds
 * it once, at its end; without it the tables are plain.
 */
export const TABLE_SCRIPT: string = `
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value;
      const compare = (a, b) => {
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        const order = a !== "" && b !== "" && isFinite(a) && isFinite(b) ? a - b : a.localeCompare(b);
        return up ? order : -order;
      };
      body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b))));
    });
  });
}`;

/** The table as HTML. Columns with a description are explained below it. */
export function tableHtml(table: Table): string {
  const best = bestRows(table);
  const sides = table.columns.map((column) => sideOf(table, column));
  const caption = table.caption === undefined
    ? ""
    : `<caption><span>${escapeHtml(table.caption)}</span></caption>`;
  const heads = table.columns.map(({ label, better, description }, index) => {
    const arrow = better
      ? `&nbsp;<span aria-hidden="true">${
        ARROWS[better]
      }</span><span class="unseen">, ${better} is better</span>`
      : "";
    const title = description === undefined ? "" : ` title="${escapeHtml(description)}"`;
    return `<th scope="col" class="${sides[index]}"${title}>${breakable(label)}${arrow}</th>`;
  });
  const rows = table.rows.map((row, number) => {
    const cells = table.columns.map((column, index) => {
      const value = row[column.key];
      const [text, deviation] = cellParts(column, row).map(escapeHtml);
      const sortable = isMissing(value) ? "" : ` data-value="${escapeHtml(String(value))}"`;
      const body = (best[index].has(number) ? `<strong>${text}</strong>` : text) +
        (deviation === undefined ? "" : ` <span class="deviation">± ${deviation}</span>`);
      return index === 0
        ? `<th scope="row" class="${sides[index]}"${sortable}>${body}</th>`
        : `<td class="${sides[index]}"${sortable}>${body}</td>`;
    });
    return `<tr>${cells.join("")}</tr>`;
  });
  const name = escapeHtml(table.caption ?? "Table");
  const explained = table.columns.filter(({ description }) => description !== undefined);
  const terms = explained.map(({ label, description }) =>
    `<div><dt>${breakable(label)}</dt><dd>${escapeHtml(description!)}</dd></div>`
  );
  return `<div class="table" role="region" tabindex="0" aria-label="${name}"><table data-sortable>${caption}` +
    `<thead><tr>${heads.join("")}</tr></thead><tbody>${rows.join("\n")}</tbody></table></div>` +
    (terms.length === 0 ? "" : `<dl class="columns">${terms.join("")}</dl>`);
}

/** The table as text with aligned columns, for a terminal. Lines end without spaces and the text without a line break. */
export function tableText(table: Table, options: TextOptions = {}): string {
  const columns = table.columns.map((column) => {
    const cells = table.rows.map((row) => oneLine(cellText(column, row)));
    const head = oneLine(headingOf(column));
    const width = Math.max(displayWidth(head), ...cells.map(displayWidth));
    const side = sideOf(table, column);
    return { width, lines: [head, "─".repeat(width), ...cells].map((text) => pad(text, width, side)) };
  });
  const blocks: (typeof columns)[] = [];
  let used = Infinity;
  for (const column of columns) {
    if (used + 2 + column.width > (options.width ?? Number.MAX_SAFE_INTEGER)) {
      const first = blocks.length === 0 ? [] : [columns[0]];
      blocks.push(first);
      used = first.length === 0 ? -2 : first[0].width;
    }
    blocks.at(-1)!.push(column);
    used += 2 + column.width;
  }
  const text = blocks.map((block) =>
    Array.from(
      { length: table.rows.length + 2 },
      (_, line) => block.map(({ lines }) => lines[line]).join("  ").trimEnd(),
    ).join("\n")
  );
  return [...(table.caption === undefined ? [] : [oneLine(table.caption)]), ...text].join("\n\n");
}

/** The table as Markdown, in the dialect with pipes. Ends with a line break. */
export function tableMarkdown(table: Table): string {
  const best = bestRows(table);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  // An underscore inside a word means nothing in Markdown, and names of columns are easier to read without strokes.
  const special = /[\\|<>*`[\]]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu;
  const safe = (text: string) => oneLine(text).replace(special, (character) => `\\${character}`);
  const lines = [
    line(table.columns.map((column) => safe(headingOf(column)))),
    line(table.columns.map((column) => (sideOf(table, column) === "right" ? "---:" : ":---"))),
    ...table.rows.map((row, number) =>
      line(table.columns.map((column, index) => {
        const text = safe(cellText(column, row));
        return best[index].has(number) ? `**${text}**` : text;
      }))
    ),
  ];
  const caption = table.caption === undefined ? "" : `${safe(table.caption)}\n\n`;
  return `${caption}${lines.join("\n")}\n`;
}

/** The text of one cell: the value, and its standard deviation where the column has one. */
export function cellText(column: Column, row: TableRow): string {
  return cellParts(column, row).join(" ± ");
}

/** The value of a cell as text, and behind it the standard deviation if there is one. */
function cellParts(column: Column, row: TableRow): string[] {
  const value = row[column.key];
  if (isMissing(value)) return [MISSING];
  const format = column.format ?? plain();
  const deviation = column.deviation === undefined ? undefined : row[column.deviation];
  return isMissing(deviation) ? [format(value)] : [format(value), format(deviation)];
}

function isMissing(value: TableCell): value is null | undefined | "" {
  return value === null || value === undefined || value === "";
}

function headingOf({ label, better }: Column): string {
  return better ? `${label} ${ARROWS[better]}` : label;
}

function sideOf(table: Table, { key, align }: Column): "left" | "right" {
  if (align) return align;
  const values = table.rows.map((row) => row[key]).filter((value) => !isMissing(value));
  return values.length > 0 && values.every((value) => typeof value === "number") ? "right" : "left";
}

/** For each column the rows that hold its best value, as written; none where there is nothing to compare with. */
function bestRows(table: Table): ReadonlySet<number>[] {
  return table.columns.map((column) => {
    const { better, key } = column;
    const numbers = table.rows.map((row) => row[key]).filter((value): value is number =>
      Number.isFinite(value)
    );
    if (!better || numbers.length < 2) return new Set();
    const best = numbers.reduce((a, b) => (better === "higher" ? Math.max(a, b) : Math.min(a, b)));
    const format = column.format ?? plain();
    // Values that read the same are equally good to whoever reads them.
    const rows = table.rows.flatMap((row, index) => {
      const value = row[key];
      return typeof value === "number" && format(value) === format(best) ? [index] : [];
    });
    return new Set(rows.length === numbers.length ? [] : rows);
  });
}

/** Escaped text that, if long, may break behind the underscore nearest its middle. */
function breakable(label: string): string {
  if (label.length < 10) return escapeHtml(label);
  const breaks = [...label.matchAll(/_/g)].map(({ index }) => index + 1).filter((index) =>
    index < label.length
  );
  if (breaks.length === 0) return escapeHtml(label);
  const far = (index: number) => Math.abs(index - label.length / 2);
  const at = breaks.reduce((best, index) => (far(index) < far(best) ? index : best));
  return `${escapeHtml(label.slice(0, at))}<wbr>${escapeHtml(label.slice(at))}`;
}

/** Text without line breaks and control characters, which would tear a table or steer a terminal. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  return text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
}

const SEGMENTER = new Intl.Segmenter("en", { granularity: "grapheme" });
const WIDE =
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[＀-｠]/u;

/** How many cells of a terminal `text` takes: two for each wide sign. */
function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of SEGMENTER.segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

function pad(text: string, width: number, side: "left" | "right"): string {
  const space = " ".repeat(width - displayWidth(text));
  return side === "right" ? space + text : text + space;
}
