/**
 * Adaptive tokenization (A-token): the grid starts at the polyphase whose embedded tokens have the most energy, so that
 * a shifted image is cut into the same patches.
 *
 * R. A. Rojas-Gomez et al., "Making Vision Transformers Truly Shift-Equivariant", arXiv 2305.16316.
 *
 * The choice fixes the patches but not which of them comes first: a shift can still rotate the sequence of tokens. What
 * is done about that is the {@linkcode TokenOrder}.
 *
 * @module
 */

import { type Images, imageSize } from "../../datasets/dataset.ts";
import type { Offset } from "../../datasets/shift.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { randint } from "../../pipeline/random.ts";
import { canonicalStart, type TokenCycle } from "./canonical_start.ts";
import { cutPatches, type Lattice, offsetOfPhase, phases, tokenColumns, tokenRows } from "./lattice.ts";
import { cutAll, type PatchTokenizer } from "./patches.ts";
import {
  type EnergyPlan,
  energyPlan,
  type EnergyWeights,
  energyWeights,
  polyphaseEnergies,
  tokenEnergies,
} from "./polyphase_energy.ts";
import type { TokenizeContext, Tokenizer, Tokens } from "./tokenizer.ts";

/**
 * Which token comes first once the polyphase is chosen.
 *
 * - `polyphase`: the one that the chosen grid starts with, as in the paper. The tokens are *equivariant*: a shift of the
 *   image rotates them by whole tokens. Equal energies go to the first phase.
 * - `canonical`: the start of the greatest rotation by energy and bytes. The tokens are *invariant*: every circular
 *   shift of an image gives the very same sequence, also where energies tie.
 * - `random`: any one, by key. This is what taking the argmax over all rolls amounts to: the energies of rolls that
 *   differ by whole tokens are equal but for rounding, so rounding picks the start.
 */
export type TokenOrder = "polyphase" | "canonical" | "random";

/** How {@linkcode adaptive} works. */
export interface AdaptiveOptions {
  /** Which token comes first. Default `polyphase`. */
  readonly order?: TokenOrder;
}

/** Lays `patches` on each image at the polyphase of most energy under the model's present embedding. */
export function adaptive(patches: PatchTokenizer, { order = "polyphase" }: AdaptiveOptions = {}): Tokenizer {
  const plans = new Map<string, EnergyPlan>();
  const planFor = (lattice: Lattice): EnergyPlan => {
    const name = Object.values(lattice).join();
    if (!plans.has(name)) plans.set(name, energyPlan(lattice));
    return plans.get(name)!;
  };
  return {
    name: "adaptive",
    config: { name: "adaptive", patches: patches.config, order },
    adaptive: true,
    random: order === "random",
    grid: patches.grid,
    tokenize(images: Images, { embedding, key }: TokenizeContext): Tokens {
      if (embedding === undefined) {
        throw new PolyphaseError("adaptive: no embedding to take energies of: hand in that of the model");
      }
      const lattice = patches.lattice(images);
      const plan = planFor(lattice);
      const weights = energyWeights(embedding, patches.grid(images).patch);
      const energies = polyphaseEnergies(images, plan, weights);
      if (order === "canonical") return cutCanonically(images, lattice, energies, weights);
      const count = phases(lattice);
      const chosen = Array.from(
        { length: images.count },
        (_, index) => offsetOfPhase(lattice, argmax(energies.subarray(index * count, (index + 1) * count))),
      );
      if (order === "polyphase") return cutAll(images, lattice, chosen);
      if (key === undefined) {
        throw new PolyphaseError("adaptive: order random needs a random key: hand in one");
      }
      const starts = randint(key, images.count, 0, tokenRows(lattice) * tokenColumns(lattice));
      return cutAll(
        images,
        lattice,
        chosen.map((offset, index) => addTokens(offset, lattice, starts[index])),
      );
    },
  };
}

/** Tokens in canonical order. Each image is cut at its best polyphases, and the one sequence is then rotated. */
function cutCanonically(
  images: Images,
  lattice: Lattice,
  energies: Float64Array,
  weights: EnergyWeights,
): Tokens {
  const count = phases(lattice);
  const size = imageSize(images);
  const rows = tokenRows(lattice);
  const columns = tokenColumns(lattice);
  const values = new Uint8Array(images.pixels.length);
  // Made once: an image seldom has more than one best polyphase, and never more than there are.
  const scratch: TokenCycle[] = [];
  const offsets: Offset[] = [];
  for (let index = 0; index < images.count; index++) {
    const pixels = images.pixels.subarray(index * size, (index + 1) * size);
    const all = energies.subarray(index * count, (index + 1) * count);
    const most = all[argmax(all)];
    const tied: Offset[] = [];
    for (let phase = 0; phase < count; phase++) {
      if (all[phase] !== most) continue;
      const cycle = scratch[tied.length] ??= {
        values: new Uint8Array(size),
        energies: new Float64Array(rows * columns),
      };
      const start = offsetOfPhase(lattice, phase);
      cutPatches(pixels, cycle.values, lattice, start);
      tokenEnergies(cycle.values, weights, cycle.energies);
      tied.push(start);
    }
    const { cycle, token } = canonicalStart(scratch.slice(0, tied.length), rows, columns);
    const offset = addTokens(tied[cycle], lattice, -token);
    offsets.push(offset);
    cutPatches(pixels, values.subarray(index * size, (index + 1) * size), lattice, offset);
  }
  return { values, offsets };
}

/** `offset` and a further shift that moves token 0 to token `tokens`, or token `-tokens` to token 0. */
function addTokens(offset: Offset, lattice: Lattice, tokens: number): Offset {
  const columns = tokenColumns(lattice);
  const down = Math.trunc(tokens / columns);
  return {
    dy: (offset.dy + down * lattice.patchHeight + lattice.height) % lattice.height,
    dx: (offset.dx + (tokens - down * columns) * lattice.patchWidth + lattice.width) % lattice.width,
  };
}

function argmax(values: Float64Array): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) if (values[index] > values[best]) best = index;
  return best;
}
