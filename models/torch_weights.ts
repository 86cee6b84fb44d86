/**
 * Weights of PyTorch's: reading parameters from safetensors files in the names and layouts of torchvision or timm, and
 * writing such files.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { keyOf } from "../pipeline/random.ts";
import { tf } from "./backend/tf.ts";
import type { Model, Params, TorchEntry } from "./model.ts";
import { disposeParams, flatten, unflatten } from "./params.ts";
import { encodeSafetensors, type NamedArray } from "./safetensors.ts";
import { type TorchArray, torchArrays } from "./torch_arrays.ts";

/** How many names a message lists. */
const LISTED = 3;

/**
 * The parameters in a safetensors file of PyTorch's. The convention is the one whose names the file has; integers, such
 * as the step counters of batch norms, are ignored. The caller disposes of the parameters.
 *
 * @param model what the parameters are for
 * @param bytes content of the file
 * @param file its name, for messages
 * @throws {PolyphaseError} if the model has no layout of PyTorch's, the bytes are no safetensors file, or names or
 * shapes are not those of the model
 */
export function loadTorch(model: Model, bytes: Uint8Array<ArrayBuffer>, file: string): Params {
  const arrays = torchArrays(bytes, file);
  const [convention, entries] = conventionOf(model, arrays);
  expectFit(model, convention, entries, arrays, file);
  const fresh = model.init(keyOf(0));
  const shapes = new Map(flatten(fresh).map(([name, { shape }]) => [name, shape]));
  disposeParams(fresh);
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  // In the order of the model's own tree, which its optimizer state and checkpoints share.
  return unflatten(Array.from(shapes, ([name, shape]) => {
    const entry = byName.get(name);
    if (entry === undefined) {
      throw new PolyphaseError(`${model.name} does not say where ${name} is among ${convention}'s: add it`);
    }
    const { data } = arrays.get(entry.torch)!;
    const [view, axes] = layoutOf(entry);
    return [name, tf.tensor(permuted(data, view, axes), shape)];
  }));
}

/**
 * A safetensors file of the parameters, as PyTorch reads it with `load_state_dict`. {@linkcode loadTorch} undoes this to
 * the bit.
 *
 * @param convention whose names to use, one of those in `model.torch`. Default: the first of them, which is `torchvision`
 * where that has the model
 * @throws {PolyphaseError} if the model has no layout of that name, or `params` lack one of its parameters
 */
export async function saveTorch(
  model: Model,
  params: Params,
  convention?: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const layouts = layoutsOf(model);
  const chosen = convention ?? Object.keys(layouts)[0];
  if (!Object.hasOwn(layouts, chosen)) {
    throw new PolyphaseError(
      `${model.name} has no names by convention "${chosen}": choose ${Object.keys(layouts).join(" or ")}`,
    );
  }
  const tensors = new Map(flatten(params));
  const arrays = await Promise.all(layouts[chosen].map(async (entry): Promise<NamedArray> => {
    const tensor = tensors.get(entry.name);
    if (tensor === undefined || tensor.size !== sizeOf(entry.shape)) {
      throw new PolyphaseError(
        `${entry.name} ${tensor === undefined ? "is missing" : `is [${tensor.shape}]`}, expected what is ` +
          `[${entry.shape}] at ${chosen}: give parameters of this ${model.name}`,
      );
    }
    const [view, axes] = layoutOf(entry);
    const values = await tensor.data<"float32">();
    // Back: what stands at place i here came from axis axes[i] there.
    const inverse = axes.map((_, axis) => axes.indexOf(axis));
    return {
      name: entry.torch,
      shape: entry.shape,
      data: permuted(values, axes.map((axis) => view[axis]), inverse),
    };
  }));
  return encodeSafetensors({ arrays, metadata: { format: "pt" } });
}

function layoutsOf({ name, torch = {} }: Model): NonNullable<Model["torch"]> {
  if (Object.keys(torch).length > 0) return torch;
  throw new PolyphaseError(
    `${name} as it is configured has no names in torchvision or timm: keep its parameters with encodeModel`,
  );
}

/** The convention that has most of its names among the arrays. */
function conventionOf(
  model: Model,
  arrays: ReadonlyMap<string, TorchArray>,
): readonly [convention: string, entries: readonly TorchEntry[]] {
  const hits = (entries: readonly TorchEntry[]) =>
    entries.filter(({ torch }) => arrays.has(torch)).length / Math.max(1, entries.length);
  return Object.entries(layoutsOf(model)).reduce((best, each) => hits(each[1]) > hits(best[1]) ? each : best);
}

function expectFit(
  model: Model,
  convention: string,
  entries: readonly TorchEntry[],
  arrays: ReadonlyMap<string, TorchArray>,
  file: string,
): void {
  const known = new Set(entries.map(({ torch }) => torch));
  const missing = entries.filter(({ torch }) => !arrays.has(torch)).map(({ torch }) => torch);
  const unexpected = [...arrays.keys()].filter((name) => !known.has(name));
  const misshapen = entries.flatMap(({ torch, shape }) => {
    const seen = arrays.get(torch)?.shape;
    return seen === undefined || `${seen}` === `${shape}` ? [] : [`${torch} is [${seen}] and not [${shape}]`];
  });
  const faults = [listed("lacks ", missing), listed("has besides ", unexpected), listed("its ", misshapen)]
    .filter((text) => text !== "");
  if (faults.length === 0) return;
  throw new PolyphaseError(
    `${file} does not fit ${model.name} with ${convention}'s names: ${faults.join("; ")}: ` +
      `build the model with the sizes of the file`,
  );
}

function listed(start: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : "";
  return start + names.slice(0, LISTED).join(", ") + more;
}

function layoutOf(
  { shape, view = shape, axes }: TorchEntry,
): readonly [view: readonly number[], axes: readonly number[]] {
  return [view, axes ?? view.map((_, axis) => axis)];
}

/** The numbers of an array `[...shape]` with its axes in another order, as `numpy.transpose`. */
function permuted(
  data: Float32Array,
  shape: readonly number[],
  axes: readonly number[],
): Float32Array<ArrayBuffer> {
  const steps = axes.map((axis) => sizeOf(shape.slice(axis + 1)));
  const lengths = axes.map((axis) => shape[axis]);
  const out = new Float32Array(data.length);
  const index = axes.map(() => 0);
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = data[from];
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++index[axis] < lengths[axis]) break;
      from -= steps[axis] * lengths[axis];
      index[axis] = 0;
    }
  }
  return out;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
