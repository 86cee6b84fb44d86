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
import { phaseEnergies, type PhaseEnergy, type PhaseScores } from "./phase_energy.ts";
import { tokenEnergies } from "./polyphase_energy.ts";
import type { TokenizeContext, Tokenizer, Tokens } from "./tokenizer.ts";

/**
 * Which token comes first once the polyphase is chosen.
 *
 * - `polyphase`: the one that the chosen grid starts with, as in the paper. The tokens are *equivariant*: a shift of the
 *   image rotates them by whole tokens.
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
  /** What is taken as the energy of a polyphase. Default: sums of squares of tokens, the most of which is taken. */
  readonly energy?: PhaseEnergy;
}

/**
 * Lays `patches` on each image at the polyphase of most energy: by default of the tokens under the model's present
 * embedding. Where energies tie, the polyphase is taken that holds the greatest rotation of tokens, by their energies if
 * there is an embedding, and by their bytes.
 *
 * @throws {PolyphaseError} if there is no such energy
 */
export function adaptive(
  patches: PatchTokenizer,
  { order = "polyphase", energy }: AdaptiveOptions = {},
): Tokenizer {
  const energies = phaseEnergies("adaptive", energy);
  return {
    name: "adaptive",
    config: {
      name: "adaptive",
      patches: patches.config,
      order,
      ...energy === undefined ? {} : { energy: energies.energy },
    },
    adaptive: energies.ofTokens,
    random: order === "random",
    grid: patches.grid,
    tokenize(images: Images, { embedding, key }: TokenizeContext): Tokens {
      const lattice = patches.lattice(images);
      const { scores, weights } = energies.scores(images, lattice, embedding);
      const choice = { gaps: gapsOf(scores, phases(lattice)), energies: scores.map(Math.abs) };
      if (order === "canonical") {
        const offsets = startsOf(images, lattice, scores, weights).map(({ phase, token }) =>
          addTokens(phase, lattice, -token)
        );
        return { ...cutAll(images, lattice, offsets), ...choice };
      }
      const chosen = startsOf(images, lattice, scores, weights, "ties").map(({ phase }) => phase);
      if (order === "polyphase") return { ...cutAll(images, lattice, chosen), ...choice };
      if (key === undefined) {
        throw new PolyphaseError("adaptive: order random needs a random key: hand in one");
      }
      const starts = randint(key, images.count, 0, tokenRows(lattice) * tokenColumns(lattice));
      const offsets = chosen.map((phase, index) => addTokens(phase, lattice, starts[index]));
      return { ...cutAll(images, lattice, offsets), ...choice };
    },
  };
}

/** Where the tokens of an image start: the shift of its best polyphase, and the first token of the greatest rotation. */
interface Start {
  readonly phase: Offset;
  readonly token: number;
}

/**
 * The start of each image. Of polyphases that tie, the one is taken that holds the greatest rotation of tokens; with
 * `ties` rotations are compared where there are some to settle, and the token is 0 elsewhere.
 */
function startsOf(
  images: Images,
  lattice: Lattice,
  scores: Float64Array,
  weights: PhaseScores["weights"],
  compare: "all" | "ties" = "all",
): Start[] {
  const count = phases(lattice);
  const size = imageSize(images);
  const rows = tokenRows(lattice);
  const columns = tokenColumns(lattice);
  // Made once: an image seldom has more than one best polyphase, and never more than there are.
  const scratch: TokenCycle[] = [];
  return Array.from({ length: images.count }, (_, index) => {
    const pixels = images.pixels.subarray(index * size, (index + 1) * size);
    const all = scores.subarray(index * count, (index + 1) * count);
    const most = Math.max(...all);
    const tied: Offset[] = [];
    for (let phase = 0; phase < count; phase++) {
      if (all[phase] === most) tied.push(offsetOfPhase(lattice, phase));
    }
    if (tied.length === 1 && compare === "ties") return { phase: tied[0], token: 0 };
    const known = weights();
    const cycles = tied.map((phase, place) => {
      const cycle = scratch[place] ??= {
        values: new Uint8Array(size),
        energies: new Float64Array(rows * columns),
      };
      cutPatches(pixels, cycle.values, lattice, phase);
      if (known !== undefined) tokenEnergies(cycle.values, known, cycle.energies);
      return cycle;
    });
    const { cycle, token } = canonicalStart(cycles, rows, columns);
    return { phase: tied[cycle], token };
  });
}

/** How far the two best energies of each image are apart, as a share of the greater. */
function gapsOf(scores: Float64Array, count: number): Float64Array {
  return Float64Array.from({ length: scores.length / count }, (_, index) => {
    let [best, second] = [-Infinity, -Infinity];
    for (const score of scores.subarray(index * count, (index + 1) * count)) {
      if (score > best) [best, second] = [score, best];
      else if (score > second) second = score;
    }
    const greater = Math.max(Math.abs(best), Math.abs(second));
    // One polyphase has none to compare with, and nothing at all is nowhere more than elsewhere.
    if (count === 1) return best === 0 ? 0 : 1;
    return greater > 0 ? (best - second) / greater : 0;
  });
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
