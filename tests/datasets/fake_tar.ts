/**
 * Writing small tar archives for tests.
 *
 * @module
 */

/** A file, folder or link in an archive. */
export interface TarEntry {
  path: string;
  prefix?: string;
  /** `0` a file, `2` a link, `5` a folder. */
  type?: string;
  bytes: Uint8Array;
}

/** A ustar archive of these entries. */
export function tarFile(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const blocks: Uint8Array[] = [];
  for (const { path, prefix = "", type = "0", bytes } of entries) {
    const header = new Uint8Array(512);
    const write = (at: number, text: string) => header.set(new TextEncoder().encode(text), at);
    write(0, path);
    write(100, "0000644\0");
    write(124, `${bytes.length.toString(8).padStart(11, "0")}\0`);
    write(148, "        ");
    write(156, type);
    write(257, "ustar\x0000");
    write(345, prefix);
    const sum = header.reduce((total, byte) => total + byte, 0);
    write(148, `${sum.toString(8).padStart(6, "0")}\0 `);
    const body = new Uint8Array(Math.ceil(bytes.length / 512) * 512);
    body.set(bytes);
    blocks.push(header, body);
  }
  blocks.push(new Uint8Array(1024));
  return new Uint8Array(blocks.flatMap((block) => Array.from(block)));
}
