/**
 * What adaptive tokenization takes as the energy of a polyphase, and which polyphase it takes.
 *
 * A shift of the image permutes the energies of its polyphases bit for bit, whatever they are made of: sums of squares of
 * tokens by their plan of exact integers, other powers of tokens in ascending order, and pixels by how many there are of
 * each byte. Equal energies therefore are equal numbers, and no rounding decides.
 *
 * @module
 */

import { type Images, imageSize } from "../../datasets/dataset.ts";
import { modulo } from "../../datasets/shift.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { type Lattice, patchSize, phases, tokenColumns, tokenRows } from "./lattice.ts";
import {
  type EnergyPlan,
  energyPlan,
  type EnergyWeights,
  energyWeights,
  polyphaseEnergies,
} from "./polyphase_energy.ts";
import type { Embedding } from "./tokenizer.ts";

/** The energy of a polyphase. Plain data. */
export type PhaseEnergy = {
  /**
   * What has energy: the `tokens` that the model's embedding makes of the patches, as in "Making Vision Transformers Truly
   * Shift-Equivariant" (arXiv 2305.16316), or the `pixels` that patches start with, which no training changes and whose
   * energies are further apart, as in polyphase anchoring (P. Ding et al., arXiv 2306.07470). Default `tokens`.
   */
  readonly of?: "tokens" | "pixels";
  /** Exponent p of the energy `Σ |x|^p`, or `max` for the greatest `|x|`. Default 2. */
  readonly p?: number | "max";
  /**
   * Whether the polyphase of most energy is taken or that of least, which is one of the criteria of adaptive polyphase
   * sampling (arXiv 2011.14214). Default `most`.
   */
  readonly take?: "most" | "least";
};

/** Energies of one kind, for images of every shape. */
export interface PhaseEnergies {
  /** What they are, with defaults filled in. */
  readonly energy: Required<PhaseEnergy>;
  /** Whether they are of tokens, and need the embedding that makes them. */
  readonly ofTokens: boolean;
  /** What polyphases of images are chosen by. */
  scores(images: Images, lattice: Lattice, embedding: Embedding | undefined): PhaseScores;
}

/** What polyphases of images are chosen by. */
export interface PhaseScores {
  /**
   * Energy of every polyphase of every image, `[count, phases]`, phases row by row; of opposite sign where the least is
   * taken, so that the greatest number always is the one to take.
   */
  readonly scores: Float64Array;
  /** What makes energies of tokens, which order them where polyphases tie; `undefined` where bytes alone do. */
  weights(): EnergyWeights | undefined;
}

/**
 * Energies as `owner` is to take them.
 *
 * @throws {PolyphaseError} if there is no such energy
 */
export function phaseEnergies(owner: string, options: PhaseEnergy = {}): PhaseEnergies {
  const energy = resolve(owner, options);
  const { of, p, take } = energy;
  const ofTokens = of === "tokens";
  const plans = new Map<string, EnergyPlan>();
  const planFor = (lattice: Lattice): EnergyPlan => {
    const name = Object.values(lattice).join();
    if (!plans.has(name)) plans.set(name, energyPlan(lattice));
    return plans.get(name)!;
  };
  return {
    energy,
    ofTokens,
    scores(images, lattice, embedding) {
      if (ofTokens && embedding === undefined) {
        throw new PolyphaseError(`${owner}: no embedding to take energies of: hand in that of the model`);
      }
      // They take long for large patches, and most powers need them where polyphases tie alone.
      let made: EnergyWeights | undefined;
      const weights = () => ofTokens ? made ??= energyWeights(embedding!, patchSize(lattice)) : undefined;
      const energies = !ofTokens
        ? pixelPowers(images, lattice, p)
        : p === 2
        ? polyphaseEnergies(images, planFor(lattice), weights()!)
        : tokenPowers(images, lattice, embedding!, p);
      return { scores: take === "most" ? energies : energies.map((each) => -each), weights };
    },
  };
}

function resolve(owner: string, { of = "tokens", p = 2, take = "most" }: PhaseEnergy): Required<PhaseEnergy> {
  if (of !== "tokens" && of !== "pixels") {
    throw new PolyphaseError(`${owner}: energy of "${of}", expected tokens or pixels: choose one of them`);
  }
  if (p !== "max" && !(p > 0 && p < Infinity)) {
    throw new PolyphaseError(`${owner}: energy of exponent ${p}, expected a number above 0 or max: give 2`);
  }
  if (take !== "most" && take !== "least") {
    throw new PolyphaseError(`${owner}: takes "${take}" energy, expected most or least: choose one of them`);
  }
  return { of, p, take };
}

/** `Σ |x E + b|^p` over the tokens of every polyphase, or the greatest `|x E + b|`. */
function tokenPowers(
  images: Images,
  lattice: Lattice,
  { weight, bias }: Embedding,
  p: number | "max",
): Float64Array {
  const { height, width } = lattice;
  const size = imageSize(images);
  const count = phases(lattice);
  const shares = Float64Array.from(weight, (value) => value / 255);
  const powers = new Float64Array(height * width);
  const terms = new Float64Array(tokenRows(lattice) * tokenColumns(lattice));
  const energies = new Float64Array(images.count * count);
  for (let index = 0; index < images.count; index++) {
    patchPowers(images.pixels.subarray(index * size, (index + 1) * size), lattice, shares, bias, p, powers);
    for (let phase = 0; phase < count; phase++) {
      gather(powers, lattice, phase, terms);
      // A shift brings the same terms in another order, in which they might add up to another number.
      terms.sort();
      energies[index * count + phase] = p === "max"
        ? terms[terms.length - 1]
        : terms.reduce((sum, each) => sum + each, 0);
    }
  }
  return energies;
}

/** `Σ_unit |x E + b|^p` of the patch that starts at each pixel, or its greatest `|x E + b|`, `[height * width]`. */
function patchPowers(
  pixels: Uint8Array,
  { height, width, channels, patchHeight, patchWidth }: Lattice,
  weight: Float64Array,
  bias: Float32Array,
  p: number | "max",
  out: Float64Array,
): void {
  const embed = bias.length;
  const token = new Float64Array(embed);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      token.set(bias);
      for (let row = 0, at = 0; row < patchHeight; row++) {
        const line = ((y + row) % height) * width;
        for (let column = 0; column < patchWidth; column++) {
          const from = (line + (x + column) % width) * channels;
          for (let channel = 0; channel < channels; channel++, at += embed) {
            const value = pixels[from + channel];
            // Much of a picture is black.
            if (value === 0) continue;
            for (let unit = 0; unit < embed; unit++) token[unit] += value * weight[at + unit];
          }
        }
      }
      out[y * width + x] = powerOf(token, p);
    }
  }
}

function powerOf(token: Float64Array, p: number | "max"): number {
  let power = 0;
  for (let unit = 0; unit < token.length; unit++) {
    const value = Math.abs(token[unit]);
    if (p === "max") power = Math.max(power, value);
    else power += p === 1 ? value : value ** p;
  }
  return power;
}

/** The values at the pixels that the patches of a polyphase start with, `[tokens]`. */
function gather(values: Float64Array, lattice: Lattice, phase: number, out: Float64Array): void {
  const { height, width, patchHeight, patchWidth } = lattice;
  const [top, left] = firstPixel(lattice, phase);
  let place = 0;
  for (let y = top; y < height; y += patchHeight) {
    for (let x = left; x < width; x += patchWidth) out[place++] = values[y * width + x];
  }
}

/** The first row and column of pixels that patches start at, once the image is shifted by the offset of a polyphase. */
function firstPixel({ patchHeight, patchWidth }: Lattice, phase: number): [row: number, column: number] {
  return [modulo(-Math.floor(phase / patchWidth), patchHeight), modulo(-phase, patchWidth)];
}

/** `Σ (byte / 255)^p` over the first pixels of the patches of every polyphase, or the greatest. */
function pixelPowers(images: Images, lattice: Lattice, p: number | "max"): Float64Array {
  const { height, width, channels, patchHeight, patchWidth } = lattice;
  const size = imageSize(images);
  const count = phases(lattice);
  const table = Float64Array.from({ length: 256 }, (_, byte) => p === "max" ? byte / 255 : (byte / 255) ** p);
  const histogram = new Uint32Array(256);
  const energies = new Float64Array(images.count * count);
  for (let index = 0; index < images.count; index++) {
    for (let phase = 0; phase < count; phase++) {
      const [top, left] = firstPixel(lattice, phase);
      histogram.fill(0);
      for (let y = top; y < height; y += patchHeight) {
        for (let x = left; x < width; x += patchWidth) {
          const from = index * size + (y * width + x) * channels;
          for (let channel = 0; channel < channels; channel++) histogram[images.pixels[from + channel]]++;
        }
      }
      energies[index * count + phase] = p === "max"
        ? table[histogram.findLastIndex((many) => many > 0)]
        : histogram.reduce((sum, many, byte) => sum + many * table[byte], 0);
    }
  }
  return energies;
}
