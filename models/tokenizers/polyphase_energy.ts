/**
 * The energy of the token matrix at every polyphase of an image, exactly, from one pass over the pixels.
 *
 * The energy of a phase is `Σ_u ‖x_u · E + b‖²` over its patches `x_u`. Written out it is a weighted sum of products of
 * two pixels at a fixed distance, so the autocorrelation of the image, sorted by residue, holds all that is needed:
 * `Σ_{a,c} G[a,c] · R_{c−a}[residue of a] + 2 Σ_a (E b)[a] · S[residue of a] + tokens · ‖b‖²` with `G = E Eᵀ`. The
 * sums `R` and `S` are of bytes, hence exact integers, and a shift of the image only changes their places. Combined in
 * one order for every phase they give energies that a shift permutes *bit for bit*: the choice of a phase can be made
 * exactly equivariant, which a sum of floating-point norms cannot promise.
 *
 * Energies as in "Making Vision Transformers Truly Shift-Equivariant" (arXiv 2305.16316), with the bias, since that is
 * the token; pixel values count as byte / 255.
 *
 * @module
 */

import { type Images, imageSize } from "../../datasets/dataset.ts";
import { modulo } from "../../datasets/shift.ts";
import { type Lattice, patchSize, phases, tokenColumns, tokenRows } from "./lattice.ts";
import type { Embedding } from "./tokenizer.ts";

/** Two pixels at a fixed distance, in given channels. */
export interface PixelPair {
  /** Rows from the first down to the second. */
  readonly dy: number;
  /** Columns from the first to the second. */
  readonly dx: number;
  /** Channel of the first. */
  readonly first: number;
  /** Channel of the second. */
  readonly second: number;
}

/** Which sums over an image make up the energy of each phase. It depends on the lattice alone. */
export interface EnergyPlan {
  /** The lattice. */
  readonly lattice: Lattice;
  /** The autocorrelations to take, each sorted by the residue of its first pixel. */
  readonly correlations: readonly PixelPair[];
  /** For each phase and each pair of patch elements `a <= c`, row by row: where in the autocorrelations their sum is. */
  readonly pairSums: Int32Array;
  /** For each phase and each patch element: where in the sums of pixels its sum is. */
  readonly elementSums: Int32Array;
}

/** The embedding as the weights of an energy. */
export interface EnergyWeights {
  /** Weight of each pair of patch elements `a <= c`: `E Eᵀ / 255²`, doubled off the diagonal. */
  readonly pairs: Float64Array;
  /** Weight of each patch element: `2 E b / 255`. */
  readonly elements: Float64Array;
  /** `‖b‖²`: the energy of a black patch. */
  readonly constant: number;
}

/** Works out which sums the energies on a lattice are made of. */
export function energyPlan(lattice: Lattice): EnergyPlan {
  const { channels, patchHeight, patchWidth } = lattice;
  const size = patchSize(lattice);
  const count = phases(lattice);
  const row = (element: number) => Math.floor(element / (patchWidth * channels));
  const column = (element: number) => Math.floor(element / channels) % patchWidth;
  const residue = (element: number, phase: number) =>
    modulo(row(element) - Math.floor(phase / patchWidth), patchHeight) * patchWidth +
    modulo(column(element) - phase, patchWidth);

  const correlations: PixelPair[] = [];
  const placeOf = new Map<string, number>();
  const place = (a: number, c: number): number => {
    const pair = {
      dy: row(c) - row(a),
      dx: column(c) - column(a),
      first: a % channels,
      second: c % channels,
    };
    const name = Object.values(pair).join();
    if (!placeOf.has(name)) placeOf.set(name, correlations.push(pair) - 1);
    return placeOf.get(name)!;
  };
  const pairSums: number[] = [];
  const elementSums: number[] = [];
  for (let phase = 0; phase < count; phase++) {
    for (let a = 0; a < size; a++) {
      elementSums.push((a % channels) * count + residue(a, phase));
      for (let c = a; c < size; c++) pairSums.push(place(a, c) * count + residue(a, phase));
    }
  }
  return {
    lattice,
    correlations,
    pairSums: Int32Array.from(pairSums),
    elementSums: Int32Array.from(elementSums),
  };
}

/** Turns an embedding of patches of `size` values into weights, in float64. */
export function energyWeights({ weight, bias }: Embedding, size: number): EnergyWeights {
  const embed = bias.length;
  const dot = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, index) => sum + value * b[index], 0);
  const rows = Array.from(
    { length: size },
    (_, index) => weight.subarray(index * embed, (index + 1) * embed),
  );
  const pairs: number[] = [];
  for (let a = 0; a < size; a++) {
    for (let c = a; c < size; c++) pairs.push((dot(rows[a], rows[c]) * (a === c ? 1 : 2)) / 255 ** 2);
  }
  return {
    pairs: Float64Array.from(pairs),
    elements: Float64Array.from(rows, (each) => (2 * dot(each, bias)) / 255),
    constant: dot(bias, bias),
  };
}

/** The energy `‖X E + b‖²` of every phase of every image, `[count, phases]`, phases row by row. */
export function polyphaseEnergies(images: Images, plan: EnergyPlan, weights: EnergyWeights): Float64Array {
  const { lattice, pairSums, elementSums } = plan;
  const count = phases(lattice);
  const size = imageSize(images);
  const pairs = weights.pairs.length;
  const elements = weights.elements.length;
  const constant = tokenRows(lattice) * tokenColumns(lattice) * weights.constant;
  const padded = new Int32Array(lattice.height * (lattice.width + 2 * lattice.patchWidth) * lattice.channels);
  const products = new Float64Array(plan.correlations.length * count);
  const sums = new Float64Array(lattice.channels * count);
  const energies = new Float64Array(images.count * count);
  for (let index = 0; index < images.count; index++) {
    const pixels = images.pixels.subarray(index * size, (index + 1) * size);
    correlate(pixels, plan, padded, products);
    sumResidues(pixels, lattice, sums);
    for (let phase = 0; phase < count; phase++) {
      let energy = constant;
      for (let a = 0; a < elements; a++) {
        energy += weights.elements[a] * sums[elementSums[phase * elements + a]];
      }
      for (let q = 0; q < pairs; q++) energy += weights.pairs[q] * products[pairSums[phase * pairs + q]];
      energies[index * count + phase] = energy;
    }
  }
  return energies;
}

/** The energy `‖x E + b‖²` of every token of `[tokens, patch]` bytes, written to `out`, `[tokens]`. */
export function tokenEnergies(values: Uint8Array, weights: EnergyWeights, out: Float64Array): void {
  const size = weights.elements.length;
  for (let token = 0, start = 0; start < values.length; token++, start += size) {
    let energy = weights.constant;
    let q = 0;
    for (let a = 0; a < size; a++) {
      const value = values[start + a];
      energy += weights.elements[a] * value;
      for (let c = a; c < size; c++) energy += weights.pairs[q++] * value * values[start + c];
    }
    out[token] = energy;
  }
}

/** Sums the products of each pair of pixels by the residue of the first: `[correlations, phases]`, exact integers. */
function correlate(pixels: Uint8Array, plan: EnergyPlan, padded: Int32Array, products: Float64Array): void {
  const { height, width, channels, patchHeight, patchWidth } = plan.lattice;
  const count = patchHeight * patchWidth;
  const line = width * channels;
  // Rows that go on around their border on both sides: the second pixel of a pair then needs no wrapping.
  const margin = patchWidth * channels;
  const stride = line + 2 * margin;
  for (let y = 0; y < height; y++) {
    const row = y * stride;
    for (let x = 0; x < line; x++) padded[row + margin + x] = pixels[y * line + x];
    padded.copyWithin(row, row + line, row + line + margin);
    padded.copyWithin(row + line + margin, row + margin, row + 2 * margin);
  }
  products.fill(0);
  for (let place = 0; place < plan.correlations.length; place++) {
    const { dy, dx, first, second } = plan.correlations[place];
    for (let y = 0; y < height; y++) {
      const base = place * count + (y % patchHeight) * patchWidth;
      const near = y * stride + margin + first;
      const far = ((y + dy) % height) * stride + margin + dx * channels + second;
      for (let residue = 0; residue < patchWidth; residue++) {
        let sum = 0;
        for (let at = residue * channels; at < line; at += margin) {
          sum += padded[near + at] * padded[far + at];
        }
        products[base + residue] += sum;
      }
    }
  }
}

/** Sums the pixels by residue: `[channels, phases]`, exact integers. */
function sumResidues(pixels: Uint8Array, lattice: Lattice, sums: Float64Array): void {
  const { height, width, channels, patchHeight, patchWidth } = lattice;
  const count = patchHeight * patchWidth;
  const line = width * channels;
  const run = patchWidth * channels;
  sums.fill(0);
  for (let y = 0; y < height; y++) {
    const residues = (y % patchHeight) * patchWidth;
    for (let value = 0; value < run; value++) {
      let sum = 0;
      for (let at = y * line + value; at < (y + 1) * line; at += run) sum += pixels[at];
      sums[(value % channels) * count + residues + Math.floor(value / channels)] += sum;
    }
  }
}
