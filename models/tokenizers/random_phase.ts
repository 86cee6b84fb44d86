/**
 * Patches on a grid that starts at a random polyphase: the control of adaptive tokenization. A model sees as many grids as
 * with random shifts, but nothing makes it see the same one again, so what it gains over a fixed grid is augmentation, and
 * what adaptive tokens gain over this is consistency.
 *
 * @module
 */

import type { Images } from "../../datasets/dataset.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { randint } from "../../pipeline/random.ts";
import { offsetOfPhase, phases } from "./lattice.ts";
import { cutAll, type PatchTokenizer } from "./patches.ts";
import type { TokenizeContext, Tokenizer, Tokens } from "./tokenizer.ts";

/** Lays `patches` on each image at a polyphase of its own that is drawn by key, in training and afterwards. */
export function randomPhase(patches: PatchTokenizer): Tokenizer {
  return {
    name: "random-phase",
    config: { name: "random-phase", patches: patches.config },
    adaptive: false,
    random: true,
    grid: patches.grid,
    tokenize(images: Images, { key }: TokenizeContext): Tokens {
      if (key === undefined) {
        throw new PolyphaseError("random-phase: drawing a polyphase needs a random key: hand in one");
      }
      const lattice = patches.lattice(images);
      const drawn = randint(key, images.count, 0, phases(lattice));
      return cutAll(images, lattice, Array.from(drawn, (phase) => offsetOfPhase(lattice, phase)));
    },
  };
}
