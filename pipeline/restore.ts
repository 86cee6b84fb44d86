/**
 * `restore`: a model that was trained before, in the place of `train`.
 *
 * @module
 */

import type { Architecture } from "../models/model.ts";
import { countParams, disposeParams } from "../models/params.ts";
import { decodeModel } from "./checkpoint.ts";
import { AbortedError, PolyphaseError } from "./errors.ts";
import { type Run, type Stage, stage } from "./pipe.ts";
import { keyOf } from "./random.ts";
import type { Tokenized, Trained } from "./records.ts";

/** Where a trained model is. Plain data. */
export type RestoreOptions = {
  /** Address of its file, such as the `model.safetensors` of a run: `https:` or `file:`. */
  readonly weights: string;
};

/**
 * Builds `architecture` for the tokens and classes at hand and takes its parameters from a file of this project's, so
 * that a model can be asked what nobody asked when it was trained. Its history is empty and its times are 0.
 *
 * The stage throws a {@linkcode PolyphaseError} if the file cannot be had or is not of this model, and an
 * {@linkcode AbortedError} when it is told to stop.
 *
 * @throws {PolyphaseError} if `weights` is no absolute address
 */
export function restore(
  architecture: Architecture,
  { weights }: RestoreOptions,
): Stage<Tokenized, Trained, "restore"> {
  if (!URL.canParse(weights)) {
    throw new PolyphaseError(
      `restore got weights "${weights}", expected an address: give new URL(path, import.meta.url).href or https://…`,
    );
  }
  return stage("restore", { model: architecture.config, weights }, async (data, run) => {
    const model = architecture.build({ grid: data.grid, classes: data.classes.length });
    const bytes = await fetched(weights, run);
    const like = model.init(keyOf(0));
    try {
      const params = decodeModel(bytes, weights, like);
      return {
        ...data,
        kind: "trained",
        model,
        params,
        parameterCount: countParams(params, model),
        history: [],
        timing: { seconds: 0, msPerStep: 0 },
      };
    } finally {
      disposeParams(like);
    }
  });
}

/** The bytes at an address. */
async function fetched(address: string, { signal }: Run): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetch(address, { signal });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  } catch (cause) {
    if (signal.aborted) throw new AbortedError('Stopped in stage "restore": start anew');
    const reason = cause instanceof Error ? cause.message : `${cause}`;
    throw new PolyphaseError(`No weights at ${address} (${reason}): give the address of a trained model`, {
      cause,
    });
  }
}
