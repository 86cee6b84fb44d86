/**
 * What goes wrong with files, said in one line with the path and the mend.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";

/**
 * The error to show for a failed file operation, or `undefined` if `cause` is something else than a full disk, a
 * missing right, a missing file or a folder in the place of a file.
 *
 * @param cause what was thrown
 * @param path the file or folder; by default the one that the message names
 */
export function fileFault(cause: unknown, path?: string): PolyphaseError | undefined {
  if (!(cause instanceof Error) || cause instanceof PolyphaseError) return undefined;
  const where = path ?? cause.message.match(/['"]([^'"]+)['"]/)?.[1] ?? "a file";
  const code = (cause as { code?: unknown }).code;
  const said = (text: string) => new PolyphaseError(text, { cause });
  if (code === "ENOSPC" || code === "EDQUOT" || /os error (28|122)\b/.test(cause.message)) {
    return said(
      `Cannot write "${where}": the disk is full; free some space or write elsewhere with --out DIR`,
    );
  }
  if (code === "EROFS" || /os error 30\b/.test(cause.message)) {
    return said(`Cannot write "${where}": it is on a read-only file system; write elsewhere with --out DIR`);
  }
  if (cause instanceof Deno.errors.NotCapable) {
    const need = cause.message.match(/--allow-[a-z]+/)?.[0] ?? "--allow-all";
    return said(
      `Deno was started without the right to do this (${firstLine(cause)}): add ${need}, or use deno task`,
    );
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return said(
      `No permission for "${where}": change its rights or choose another folder (--out DIR, --data DIR)`,
    );
  }
  if (cause instanceof Deno.errors.NotFound) {
    return said(`There is no "${where}": check the path`);
  }
  if (cause instanceof Deno.errors.NotADirectory || cause instanceof Deno.errors.AlreadyExists) {
    return said(
      `"${where}" leads over a file where a folder is needed: move the file away or choose another path`,
    );
  }
  if (cause instanceof Deno.errors.IsADirectory) {
    return said(`"${where}" is a folder where a file is needed: move it away or choose another path`);
  }
  return undefined;
}

function firstLine(error: Error): string {
  return error.message.split("\n")[0];
}
