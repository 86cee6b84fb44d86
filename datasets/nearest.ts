// deno-lint-ignore-file no-import-prefix -- bare specifiers do not resolve in remote modules
/**
 * Finding the name that a mistyped one was meant to be: the only door to the library that measures edit distance.
 *
 * @module
 */

import { closest } from "npm:fastest-levenshtein@1.0.16";

/** The name with the least edit distance to `text`, upper and lower case taken as equal; the first of equals. */
export function nearestName(text: string, names: readonly string[]): string {
  return closest(text.toLowerCase(), names);
}
