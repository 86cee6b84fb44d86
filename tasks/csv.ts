/**
 * Tables as CSV text: `results.csv` and `history.csv` of a run.
 *
 * @module
 */

import { parse, stringify } from "@std/csv";
import { PolyphaseError } from "../pipeline/errors.ts";

/** A row of a table, by column. */
export type CsvRow = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * CSV text with a header, lines ended by CRLF as RFC 4180 has it. Missing values are empty fields, numbers have all
 * their digits, and what is not finite reads `NaN`, `Infinity` or `-Infinity`.
 *
 * @param columns keys of the columns, in order; what a row has besides is left out
 * @param rows the rows
 */
export function csvText(columns: readonly string[], rows: readonly CsvRow[]): string {
  return stringify([...rows], { columns: [...columns] });
}

/**
 * The rows of CSV text with a header: text by column.
 *
 * @param text the CSV text
 * @param name what the text is, for the error message, for example the file's name
 * @throws {PolyphaseError} if it is no CSV text with a header
 */
export function readCsv(text: string, name = "CSV text"): Record<string, string>[] {
  try {
    return parse(text, { skipFirstRow: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PolyphaseError(`${name} is no table with a header (${reason}): mend or remove it`, { cause });
  }
}
