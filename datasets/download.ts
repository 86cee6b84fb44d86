/**
 * Fetching a file over HTTPS with progress, so that a machine without a network moves on quickly.
 *
 * @module
 */

import type { LoadOptions } from "./dataset.ts";
import type { System } from "./system.ts";

/** How long to wait, in milliseconds. */
export interface Patience {
  /** For an answer to begin. */
  readonly connect: number;
  /** For the next piece of an answer. */
  readonly stall: number;
}

/** Seconds enough for a slow network, few enough that an offline machine is not kept waiting. */
export const PATIENCE: Patience = { connect: 15_000, stall: 30_000 };

/** A download that did not come to its end; the message says why in a few words. */
export class DownloadError extends Error {
  /** Tells it apart from errors that are meant for a person. */
  override name = "DownloadError";
  /** Whether the server could not be reached at all, so that it need not be asked again. */
  readonly unreachable: boolean;

  /** Makes the error. */
  constructor(message: string, unreachable: boolean) {
    super(message);
    this.unreachable = unreachable;
  }
}

/**
 * The bytes at an address.
 *
 * @param name What the file is called in the progress.
 * @throws {DownloadError} if the server does not answer, refuses, or stops in the middle
 * @throws the reason of `options.signal` if that stops it
 */
export async function download(
  system: System,
  url: string,
  name: string,
  options: LoadOptions = {},
  patience: Patience = PATIENCE,
): Promise<Uint8Array<ArrayBuffer>> {
  options.signal?.throwIfAborted();
  const giveUp = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, giveUp.signal]) : giveUp.signal;
  let waiting = patience.connect;
  let timer = setTimeout(() => giveUp.abort(), waiting);
  const wait = (milliseconds: number) => {
    clearTimeout(timer);
    waiting = milliseconds;
    timer = setTimeout(() => giveUp.abort(), waiting);
  };
  let answered = false;
  try {
    options.progress?.({ text: `downloading ${name}`, done: 0 });
    const response = await system.fetch(url, { signal });
    answered = true;
    if (!response.ok) {
      await response.body?.cancel();
      throw new DownloadError(`answered ${response.status} ${response.statusText}`.trimEnd(), false);
    }
    wait(patience.stall);
    return await collect(response, name, options, () => wait(patience.stall));
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof DownloadError) throw error;
    if (giveUp.signal.aborted) {
      throw new DownloadError(
        answered ? `stopped in the middle for ${waiting / 1000} s` : `no answer within ${waiting / 1000} s`,
        !answered,
      );
    }
    const reason = firstLine(error);
    throw new DownloadError(answered ? `broke off: ${reason}` : `cannot be reached: ${reason}`, !answered);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a body to its end and tells how far it is. */
async function collect(
  response: Response,
  name: string,
  options: LoadOptions,
  alive: () => void,
): Promise<Uint8Array<ArrayBuffer>> {
  // With a content encoding the length is that of the encoded bytes, which say nothing about those read here.
  const plain = !response.headers.get("content-encoding");
  const total = plain ? Number(response.headers.get("content-length")) || undefined : undefined;
  const pieces: Uint8Array[] = [];
  let done = 0;
  for await (const piece of response.body ?? []) {
    alive();
    pieces.push(piece);
    done += piece.length;
    options.progress?.({ text: `downloading ${name}`, done, total });
  }
  if (total !== undefined && done !== total) {
    throw new DownloadError(`broke off: ${done} of ${total} bytes`, false);
  }
  const bytes = new Uint8Array(done);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** The first line of what went wrong at the bottom, without the address, which the caller tells. */
function firstLine(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.split("\n")[0].replace(/^error sending request for url \([^)]*\): /, "");
}
