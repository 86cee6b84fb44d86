/**
 * `equivarianceError`: how far each layer of a model is from following shifts of the image, before and after training.
 *
 * For an image `x`, a shift `S` of it and the activation `T` of a layer, the error is `min_q ‖T(Sx) − S^q T(x)‖ / ‖T(x)‖`
 * over all circular shifts `q` of the activation: 0 where the shifted image gives the same activation but shifted. An
 * equivariant layer has it at initialisation already, whatever its parameters are, so both are looked at.
 *
 * @module
 */

import { takeImages } from "../datasets/dataset.ts";
import { type Offset, shiftImages, type ShiftMode } from "../datasets/shift.ts";
import { disposeParams } from "../models/params.ts";
import { type Activation, activationsOf } from "./equivariance/activations.ts";
import { type Layout, layoutOf } from "./equivariance/layout.ts";
import { lengthOf, nearestShift } from "./equivariance/least_distance.ts";
import { PolyphaseError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { pauses } from "./pause.ts";
import { type Run, type Stage, stage } from "./pipe.ts";
import { type Predictor, readEmbedding } from "./predict.ts";
import { foldIn, keyOf, randint } from "./random.ts";
import type { Trained } from "./records.ts";
import { isStill, listOffsets } from "./shift_eval/offsets.ts";

/** Which parameters a model is looked at with: fresh ones, or those that it was trained to. */
export type ParamsMoment = "init" | "trained";

/** Which layers to look at, and on what. */
export interface EquivarianceOptions {
  /** How pixels move. Default `circular-2d`, or `circular-flat` where tokens are cut from the flattened image. */
  readonly mode?: "circular-2d" | "circular-flat";
  /** How many test images, the first of them. Default 8. */
  readonly images?: number;
  /** Random offsets for each image, other than 0, or `all` that there are. Default 8. */
  readonly offsets?: number | "all";
  /** With which parameters. Default: both, `init` first. */
  readonly moments?: readonly ParamsMoment[];
  /** Seed of the offsets. It is not the run's, so that several models meet the same. Default 0. */
  readonly seed?: number;
}

/** How far one layer is from equivariance. */
export interface LayerError {
  /** Name that the model gives the activation; `input` is the tokens that go in, `logits` what comes out. */
  readonly layer: string;
  /** With which parameters. */
  readonly moment: ParamsMoment;
  /** Shape for one image. */
  readonly shape: readonly number[];
  /** As what it was compared: maps and tokens up to a shift, vectors as they are. */
  readonly compared: Layout["kind"];
  /** Mean error over images and offsets. Lower is better, 0 is exact; float32 leaves some 1e-7. */
  readonly meanError: number;
  /** Greatest error. Lower is better. */
  readonly maxError: number;
  /** The shifts of the activation that were nearest, and how often, the commonest first. */
  readonly recovered: readonly (Offset & { readonly count: number })[];
}

/** What {@linkcode equivarianceError} found. */
export interface EquivarianceResult {
  /** How pixels moved. */
  readonly mode: ShiftMode;
  /** How many images. */
  readonly images: number;
  /** Offsets for each image. */
  readonly offsets: number;
  /** A row for each layer and moment, in the order of the model. */
  readonly layers: readonly LayerError[];
}

/** A trained model with the errors of its layers. Made by `equivarianceError`. */
export interface LayersCompared extends Trained {
  /** How far its layers are from equivariance. */
  readonly equivariance: EquivarianceResult;
}

/**
 * Compares every activation that the model hands to `collect`, its tokens and its logits on shifted test images.
 *
 * Activations `[batch, height, width, channels]` and sets of tokens, with or without a class token, are compared up to a
 * circular shift; others as they are, so that their error is that of invariance. Those named `*.phase` and `*.gap` are left
 * out: they are choices, not features. Views that predictions are averaged over are left out too: logits are those of the
 * model. An activation that is 0 has the error 0 where it stays so, and else 1.
 *
 * @throws {PolyphaseError} if an option is out of range
 */
export function equivarianceError(
  options: EquivarianceOptions = {},
): Stage<Trained, LayersCompared, "equivarianceError"> {
  const { mode, images = 8, offsets = 8, moments = ["init", "trained"], seed = 0 } = options;
  for (const [name, value] of Object.entries({ images, offsets: offsets === "all" ? 1 : offsets })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new PolyphaseError(
      `equivarianceError: ${name} is ${value}, expected a whole number: give 1 or more`,
    );
  }
  if (moments.length === 0 || moments.some((each) => each !== "init" && each !== "trained")) {
    throw new PolyphaseError(
      `equivarianceError: moments are ${
        JSON.stringify(moments)
      }, expected "init", "trained" or both: give one`,
    );
  }
  const config: JsonObject = { ...mode ? { mode } : {}, images, offsets, moments: [...moments], seed };
  return stage("equivarianceError", config, async (trained, run) => {
    const moved = mode ?? (trained.grid.shape.length === 1 ? "circular-flat" : "circular-2d");
    const count = Math.min(images, trained.test.images.count);
    const trials = drawTrials(trained, moved, count, offsets, seed);
    const layers: LayerError[] = [];
    for (const [nth, moment] of moments.entries()) {
      const params = moment === "init" ? trained.model.init(foldIn(run.key, "init")) : trained.params;
      try {
        const text = moment === "init" ? "comparing layers at initialisation" : "comparing trained layers";
        const pause = pauses(run, "equivarianceError", text);
        const between = (done: number) => pause(nth * trials.length + done, moments.length * trials.length);
        const errors = await compareLayers(
          { ...trained, params },
          trained,
          moved,
          count,
          trials,
          run,
          between,
        );
        layers.push(...errors.map((each) => ({ ...each, moment })));
      } finally {
        if (moment === "init") disposeParams(params);
      }
    }
    return { ...trained, equivariance: { mode: moved, images: count, offsets: trials.length, layers } };
  });
}

/** For each trial an offset for each image. */
function drawTrials(
  { image }: Trained,
  mode: ShiftMode,
  count: number,
  offsets: number | "all",
  seed: number,
): Offset[][] {
  const all = listOffsets("all", mode, image).filter((offset) => !isStill(offset));
  if (all.length === 0) {
    throw new PolyphaseError("equivarianceError: an image of one pixel has no shifts: give larger images");
  }
  if (offsets === "all") return all.map((offset) => new Array<Offset>(count).fill(offset));
  const picks = randint(foldIn(keyOf(seed), "offsets"), offsets * count, 0, all.length);
  return Array.from(
    { length: offsets },
    (_, trial) => Array.from({ length: count }, (_, row) => all[picks[trial * count + row]]),
  );
}

/** What is gathered of one layer. */
interface Gathered {
  readonly shape: readonly number[];
  readonly layout: Layout;
  readonly errors: number[];
  readonly recovered: Map<string, { dy: number; dx: number; count: number }>;
}

async function compareLayers(
  predictor: Predictor,
  { test }: Trained,
  mode: ShiftMode,
  count: number,
  trials: readonly (readonly Offset[])[],
  run: Run,
  between: (done: number) => Promise<void>,
): Promise<Omit<LayerError, "moment">[]> {
  const images = takeImages(test.images, Uint32Array.from({ length: count }, (_, row) => row));
  const embedding = predictor.tokenizer.adaptive ? await readEmbedding(predictor) : undefined;
  const isFeature = (name: string) => !/\.(phase|gap)$/.test(name);
  const key = foldIn(run.key, "tokens");
  const still = await activationsOf(predictor, images, embedding, key, isFeature);
  const layers = new Map(
    Array.from(still, ([name, { shape }]): [string, Gathered] => [
      name,
      { shape, layout: layoutOf(shape, predictor.grid), errors: [], recovered: new Map() },
    ]),
  );
  for (const [done, offsets] of trials.entries()) {
    await between(done);
    const shifted = shiftImages(images, offsets, mode);
    const moved = await activationsOf(predictor, shifted, embedding, foldIn(key, done), isFeature);
    for (const [name, gathered] of layers) compare(gathered, still.get(name)!, moved.get(name)!);
  }
  await between(trials.length);
  return Array.from(layers, ([layer, { shape, layout, errors, recovered }]) => ({
    layer,
    shape: shape.slice(1),
    compared: layout.kind,
    meanError: errors.reduce((sum, each) => sum + each, 0) / errors.length,
    maxError: errors.reduce((most, each) => Math.max(most, each), 0),
    recovered: [...recovered.values()].sort((a, b) => b.count - a.count || a.dy - b.dy || a.dx - b.dx),
  }));
}

/** Adds the errors of one batch. */
function compare({ layout, errors, recovered }: Gathered, still: Activation, moved: Activation): void {
  const size = still.values.length / still.shape[0];
  for (let start = 0; start < still.values.length; start += size) {
    const source = still.values.subarray(start, start + size);
    const { dy, dx, distance } = nearestShift(moved.values.subarray(start, start + size), source, layout);
    const length = lengthOf(source);
    errors.push(length > 0 ? distance / length : Math.sign(distance));
    const name = `${dy},${dx}`;
    const entry = recovered.get(name) ?? { dy, dx, count: 0 };
    entry.count++;
    recovered.set(name, entry);
  }
}
