/**
 * Decompressing gzip with the platform's own stream.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";

/** Whether bytes begin as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The bytes that a gzip file holds.
 *
 * @param bytes The whole file.
 * @param name What the file is called in an error.
 * @throws {PolyphaseError} if the file is no gzip file, is cut short or is damaged
 */
export async function gunzip(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!isGzip(bytes)) {
    throw new PolyphaseError(`${name} is no gzip file: delete it and run \`deno task data\` again`);
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    // The platform reports a short file and a wrong checksum alike, so one sentence covers both.
    throw new PolyphaseError(
      `${name} is cut short or damaged: delete it and run \`deno task data\` again`,
    );
  }
}
