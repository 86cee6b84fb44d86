/**
 * The part of `@std/csv` that the tasks use, forwarded to `csv-parse` and `csv-stringify`, so that they run with no
 * network. Signatures and results are those of the real package.
 *
 * @module
 */

// deno-lint-ignore-file no-import-prefix -- a linked package does not see the import map of the project

import { parse as parseRecords } from "npm:csv-parse@7.0.3/sync";
import { stringify as stringifyRecords } from "npm:csv-stringify@6.9.0/sync";

/** How {@linkcode parse} reads. */
export interface ParseOptions {
  /** Takes the first row as the names of the columns. Default `false`. */
  readonly skipFirstRow?: boolean;
}

/** How {@linkcode stringify} writes. */
export interface StringifyOptions {
  /** Keys of the columns, in order; they are also the header. */
  readonly columns: readonly string[];
  /** Whether to write the header. Default `true`. */
  readonly headers?: boolean;
}

/**
 * Reads CSV text: rows of fields, or with `skipFirstRow` objects by the names in the first row.
 *
 * @throws {SyntaxError} if a quote is out of place, or a row has not as many fields as the header
 * @throws {TypeError} if the header is missing
 */
export function parse(input: string): string[][];
/** Reads CSV text with options; see the overload above. */
export function parse(
  input: string,
  options: ParseOptions & { skipFirstRow: true },
): Record<string, string>[];
/** Reads CSV text; the overloads above say how. */
export function parse(input: string, options: ParseOptions = {}): string[][] | Record<string, string>[] {
  const rows = records(input);
  if (!options.skipFirstRow) return rows;
  const header = rows.shift();
  if (header === undefined) throw new TypeError("Headers must be defined");
  return rows.map((row, index) => {
    if (row.length !== header.length) {
      throw new SyntaxError(
        `Syntax error on line ${
          index + 2
        }: The record has ${row.length} fields, but the header has ${header.length} fields`,
      );
    }
    return Object.fromEntries(header.map((name, column) => [name, row[column]]));
  });
}

/**
 * Writes CSV text: a header, then a line a row, each ended by CRLF. `null` and `undefined` are empty fields, objects
 * are JSON.
 */
export function stringify(data: readonly Record<string, unknown>[], options: StringifyOptions): string {
  const rows = data.map((row) => options.columns.map((column) => fieldText(row[column])));
  return stringifyRecords(options.headers === false ? rows : [[...options.columns], ...rows], {
    record_delimiter: "\r\n",
    quoted_match: "\n",
  });
}

function records(input: string): string[][] {
  try {
    const rows: string[][] = parseRecords(input, {
      bom: true,
      record_delimiter: ["\r\n", "\n"],
      relax_column_count: true,
      skip_empty_lines: true,
    });
    return rows.map((row) => row.map((field) => field.replaceAll("\r\n", "\n")));
  } catch (cause) {
    throw new SyntaxError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function fieldText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
