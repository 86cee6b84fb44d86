/**
 * Reading the files of a tar archive that lies in memory.
 *
 * Enough of POSIX ustar for published data sets: plain files with names of up to 255 characters. Other entries are
 * passed over.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";

const BLOCK = 512;

/**
 * The files of an archive by their path in it. The bytes are views of `bytes`, not copies.
 *
 * @param bytes The whole archive, decompressed.
 * @param name What the archive is called in an error.
 * @throws {PolyphaseError} if the bytes are no tar archive or end in the middle of a file
 */
export function untar(bytes: Uint8Array<ArrayBuffer>, name: string): Map<string, Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  let at = 0;
  while (at + BLOCK <= bytes.length) {
    const header = bytes.subarray(at, at + BLOCK);
    // An archive ends with empty blocks.
    if (header.every((byte) => byte === 0)) return files;
    if (checksum(header) !== octal(header, 148, 8)) {
      throw new PolyphaseError(
        `${name} is no tar archive, or is damaged: delete it and run \`deno task data\` again`,
      );
    }
    const length = octal(header, 124, 12);
    const prefix = text(header, 257, 5) === "ustar" && header[263] === 0x30 ? text(header, 345, 155) : "";
    const path = (prefix ? `${prefix}/` : "") + text(header, 0, 100);
    const start = at + BLOCK;
    if (start + length > bytes.length) {
      throw new PolyphaseError(`${name} is cut short at ${path}: delete it and run \`deno task data\` again`);
    }
    // Type "0" or, in old archives, NUL is a plain file.
    if (header[156] === 0x30 || header[156] === 0) files.set(path, bytes.subarray(start, start + length));
    at = start + Math.ceil(length / BLOCK) * BLOCK;
  }
  return files;
}

/** Sum of the header's bytes, those of the checksum itself taken as spaces. */
function checksum(header: Uint8Array): number {
  return header.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 0x20 : byte), 0);
}

function octal(header: Uint8Array, offset: number, length: number): number {
  return Number.parseInt(text(header, offset, length).trim() || "0", 8);
}

/** Text up to the first NUL. */
function text(header: Uint8Array, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
