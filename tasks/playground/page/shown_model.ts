/**
 * A model of the playground, ready to be applied: what it makes of pictures, and how its tokenizer cuts them.
 *
 * @module
 */

import {
  type Architecture,
  disposeParams,
  type Embedding,
  energyPlan,
  energyWeights,
  foldIn,
  type Images,
  type JsonObject,
  type Key,
  keyOf,
  type Lattice,
  modulo,
  type Offset,
  type PatchTokenizer,
  phases,
  polyphaseEnergies,
  PolyphaseError,
  predict,
  type Predictor,
  readEmbedding,
  registry,
  type Tokenizer,
} from "../../../mod.ts";
import { type ModelCard, readCard, readParams } from "../model_file.ts";

/** How a picture is cut into patches. */
export interface Cut {
  /** The lattice that patches are cut from. */
  readonly lattice: Lattice;
  /** The shift that the picture is given before it is cut. */
  readonly offset: Offset;
  /** Energy of the tokens at each place where the grid can start, `[patchHeight * patchWidth]`, if the model has one. */
  readonly energies?: Float64Array;
  /** Where the grid starts: an index of `energies`. */
  readonly start: number;
}

/** A model that can be applied on the backend that it was opened on. */
export interface ShownModel {
  /** What is said of it. */
  readonly card: ModelCard;
  /** Whether its tokenizer chooses where the grid starts. */
  readonly adaptive: boolean;
  /** Probabilities of pictures, `[count, classes]`. */
  probabilities(images: Images, key: Key): Promise<Float32Array>;
  /** How its tokenizer cuts one picture. */
  cut(image: Images, key: Key): Cut;
  /** Frees its tensors. */
  dispose(): void;
}

/** Beyond so many sums the energies of a fixed grid, which nothing needs, are not worked out. */
const MOST_SUMS = 2_000_000;

/**
 * Opens the model in the bytes of a file on the present backend.
 *
 * @param file name of the file, for messages
 * @throws {PolyphaseError} if the file cannot be read, or its parts are not known here
 */
export async function openModel(bytes: Uint8Array<ArrayBuffer>, file: string): Promise<ShownModel> {
  const card = readCard(bytes, file);
  const tokenizer = make<Tokenizer>("tokenizer", card.tokenizer);
  const grid = tokenizer.grid(card.image);
  const classes = card.classes.length;
  const model = make<Architecture>("model", card.model).build({ grid, classes });
  const like = model.init(keyOf(0));
  let params;
  try {
    params = readParams(bytes, file, like);
  } finally {
    disposeParams(like);
  }
  const predictor: Predictor = { tokenizer, grid, model, params, normalization: card.normalization };
  const embedding = model.embedding === undefined ? undefined : await readEmbedding(predictor);
  const lattice = latticeOf(card);
  const energies = tokenizer.adaptive || embedding === undefined
    ? undefined
    : energiesOf(lattice, embedding, grid.patch);
  return {
    card,
    adaptive: card.tokenizer.name === "adaptive",
    async probabilities(images, key) {
      return softmaxRows(await predict(predictor, images, key), classes);
    },
    cut(image, key) {
      // As the prediction of this one picture folds it.
      const tokens = tokenizer.tokenize(image, { embedding, key: foldIn(key, 0) });
      const [offset] = tokens.offsets;
      const { patchHeight, patchWidth } = lattice;
      const [row, column] = [modulo(-offset.dy, patchHeight), modulo(-offset.dx, patchWidth)];
      const byShift = tokens.energies ?? energies?.(image);
      return {
        lattice,
        offset,
        energies: byShift && byStart(byShift, lattice),
        start: row * patchWidth + column,
      };
    },
    dispose: () => disposeParams(params),
  };
}

/** What works out the energies that an adaptive grid would choose by, if there is a choice. */
function energiesOf(
  lattice: Lattice,
  embedding: Embedding,
  patch: number,
): ((image: Images) => Float64Array) | undefined {
  const count = phases(lattice);
  if (count === 1 || count * patch ** 2 > MOST_SUMS) return undefined;
  const plan = energyPlan(lattice);
  const weights = energyWeights(embedding, patch);
  return (image) => polyphaseEnergies(image, plan, weights);
}

/** Energies by where the grid starts, of those by the shift that brings it there. */
function byStart(energies: Float64Array, { patchHeight, patchWidth }: Lattice): Float64Array {
  return energies.map((_, start) => {
    const row = modulo(-Math.floor(start / patchWidth), patchHeight);
    return energies[row * patchWidth + modulo(-start, patchWidth)];
  });
}

/** The lattice that the tokenizer of a card cuts from: that of its patches, if it chooses among several. */
function latticeOf({ tokenizer, image }: ModelCard): Lattice {
  const { patches } = tokenizer;
  const cutter = make<Tokenizer>("tokenizer", patches === undefined ? tokenizer : patches as JsonObject);
  if (!("lattice" in cutter)) {
    throw new PolyphaseError(
      `Tokenizer "${cutter.name}" cuts no patches that could be drawn: show another model`,
    );
  }
  return (cutter as PatchTokenizer).lattice(image);
}

/** Makes a part of a model from its configuration. */
function make<T>(kind: "tokenizer" | "model", config: JsonObject): T {
  const { name, ...rest } = config;
  const builder = registry[kind][String(name)];
  if (builder === undefined) {
    throw new PolyphaseError(`No ${kind} is called "${name}" in this page: build it with a newer Polyphase`);
  }
  return builder(rest, (_, part) => make("tokenizer", part as JsonObject)) as T;
}

/** `exp(x) / Σ exp(x)` of each row of `[count, classes]`. */
function softmaxRows(logits: Float32Array, classes: number): Float32Array {
  const shares = new Float32Array(logits.length);
  for (let row = 0; row < logits.length; row += classes) {
    const values = logits.subarray(row, row + classes);
    const most = values.reduce((best, each) => Math.max(best, each), -Infinity);
    const powers = Array.from(values, (value) => Math.exp(value - most));
    const sum = powers.reduce((total, each) => total + each, 0);
    shares.set(powers.map((power) => power / sum), row);
  }
  return shares;
}
