/**
 * Checkpoints: a model, or the whole state of a training run, as the bytes of a safetensors file and back, bit for bit.
 *
 * @module
 */

import { type Tensor, tf } from "../models/backend/tf.ts";
import type { Model, Params } from "../models/model.ts";
import type { OptimizerState } from "../models/optimizers/optimizer.ts";
import { flatten, unflatten } from "../models/params.ts";
import { decodeSafetensors, encodeSafetensors, type NamedArray } from "../models/safetensors.ts";
import { PolyphaseError } from "./errors.ts";
import type { HistoryRow } from "./records.ts";

/** How far training is, without tensors. Everything else follows from the key and the configuration. */
export interface TrainProgress {
  /** Optimizer steps done. */
  readonly step: number;
  /** Sum of the losses of the images seen since the last evaluation. */
  readonly lossSum: number;
  /** Images seen since the last evaluation. */
  readonly lossCount: number;
  /** Evaluations so far. */
  readonly history: readonly HistoryRow[];
  /** Evaluations since the best one. */
  readonly stale: number;
  /** Milliseconds spent in steps. */
  readonly stepMs: number;
  /** Milliseconds spent in steps and evaluations. */
  readonly totalMs: number;
  /** Threads that take the steps, once that is settled. */
  readonly workers?: number;
}

/** The whole state of a training run. */
export interface TrainState {
  /** The model's parameters. */
  readonly params: Params;
  /** The optimizer's memory. */
  readonly optimizer: OptimizerState;
  /** How far training is. */
  readonly progress: TrainProgress;
}

/** The bytes of a file with a model's parameters under their dotted names; weights of layers are `[in, out]`. */
export async function encodeModel(
  params: Params,
  metadata: Record<string, string> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return encodeSafetensors({ arrays: await readArrays(flatten(params)), metadata });
}

/**
 * The parameters in the bytes of a file; `file` is its name, for messages. The caller disposes of them.
 *
 * @throws {PolyphaseError} if the bytes cannot be read, or names or shapes differ from those of `like`
 */
export function decodeModel(bytes: Uint8Array<ArrayBuffer>, file: string, like?: Params): Params {
  const { arrays } = decodeSafetensors(bytes, file);
  if (like !== undefined) {
    const list = (entries: readonly (readonly [string, readonly number[]])[]) =>
      entries.map(([name, shape]) => `${name} [${shape}]`).sort().join(", ");
    const seen = list(arrays.map(({ name, shape }) => [name, shape]));
    const expected = list(flatten(like).map(([name, { shape }]) => [name, shape]));
    if (seen !== expected) {
      throw new PolyphaseError(
        `${file} holds ${seen}, expected ${expected}: give the file of this model, or build the model of this file`,
      );
    }
  }
  return unflatten(arrays.map((array) => [array.name, toTensor(array)]));
}

/**
 * The bytes of a file with the whole state of a run; `identity` says of which run. The optimizer's slots are stored
 * under the names of the parameters that `model` trains.
 */
export async function encodeTrainState(
  state: TrainState,
  identity: string,
  model?: Pick<Model, "isBuffer">,
): Promise<Uint8Array<ArrayBuffer>> {
  const names = flatten(state.params).map(([name]) => name).filter((name) => !model?.isBuffer?.(name));
  const slots = Object.entries(state.optimizer.slots).flatMap(([slot, tensors]) =>
    tensors.map((tensor, index): [string, Tensor] => [`optimizer.${slot}.${names[index]}`, tensor])
  );
  const params = flatten(state.params).map(([name, tensor]): [string, Tensor] => [`model.${name}`, tensor]);
  return encodeSafetensors({
    arrays: await readArrays([...params, ...slots]),
    metadata: {
      identity,
      optimizer_step: String(state.optimizer.step),
      progress: JSON.stringify(state.progress, (_, value) => isNotFinite(value) ? String(value) : value),
    },
  });
}

/**
 * The state of a run in the bytes of a file; `file` is its name, for messages.
 *
 * @throws {PolyphaseError} if the bytes cannot be read, or are of another run than `identity`
 */
export function decodeTrainState(bytes: Uint8Array<ArrayBuffer>, identity: string, file: string): TrainState {
  const { arrays, metadata } = decodeSafetensors(bytes, file);
  if (metadata.identity !== identity) {
    throw new PolyphaseError(
      `${file} is of another run (its data, stages or seed differ): resume with the settings it was made with, or start anew`,
    );
  }
  const progress = JSON.parse(
    metadata.progress,
    (_, value) => NOT_FINITE.includes(value) ? Number(value) : value,
  );
  const params: [string, Tensor][] = [];
  const slots: Record<string, Tensor[]> = {};
  for (const array of arrays) {
    const [group, ...rest] = array.name.split(".");
    if (group === "model") params.push([rest.join("."), toTensor(array)]);
    else (slots[rest[0]] ??= []).push(toTensor(array));
  }
  return {
    params: unflatten(params),
    optimizer: { step: Number(metadata.optimizer_step), slots },
    progress,
  };
}

/** How numbers are written that JSON does not know: the loss of an evaluation may be one. */
const NOT_FINITE: readonly unknown[] = ["NaN", "Infinity", "-Infinity"];

function isNotFinite(value: unknown): boolean {
  return typeof value === "number" && !Number.isFinite(value);
}

async function readArrays(tensors: readonly (readonly [string, Tensor])[]): Promise<NamedArray[]> {
  const arrays: NamedArray[] = [];
  for (const [name, tensor] of tensors) {
    // A copy: on the CPU backends data() hands out memory that the backend may reuse.
    arrays.push({ name, shape: tensor.shape, data: new Float32Array(await tensor.data()) });
  }
  return arrays;
}

function toTensor({ data, shape }: NamedArray): Tensor {
  return tf.tensor(data, [...shape]);
}
