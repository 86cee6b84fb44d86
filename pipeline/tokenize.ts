/**
 * `tokenize`: fixes how images become tokens.
 *
 * @module
 */

import type { Tokenizer } from "../models/tokenizers/tokenizer.ts";
import { PolyphaseError, StageError } from "./errors.ts";
import { type Stage, stage } from "./pipe.ts";
import type { Data, Tokenized } from "./records.ts";

/**
 * Adds a tokenizer and its grid. No token is made yet: that happens batch by batch, with the model's embedding.
 *
 * The stage throws a {@linkcode StageError} if the patches do not fit the images.
 */
export function tokenize(tokenizer: Tokenizer): Stage<Data, Tokenized & { kind: "tokenized" }, "tokenize"> {
  return stage("tokenize", { tokenizer: tokenizer.config }, (data) => {
    try {
      return { ...data, kind: "tokenized", tokenizer, grid: tokenizer.grid(data.image) };
    } catch (cause) {
      if (!(cause instanceof PolyphaseError)) throw cause;
      const { height, width } = data.image;
      throw new StageError({
        stage: "tokenize",
        seen: `images of ${height}×${width}`,
        expected: "a multiple of the patch size",
        mend: cause.message,
      });
    }
  });
}
