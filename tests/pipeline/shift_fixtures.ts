/**
 * Records with models that were not trained, for tests of what is measured under shift.
 *
 * @module
 */

import type { Images, Split } from "../../datasets/dataset.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { polyphaseDownsample, subsample } from "../models/layers/polyphase_reference.ts";
import { roll } from "../../models/backend/ops/roll.ts";
import type { Architecture, Model, Params } from "../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts";
import { foldIn, keyOf, normal, randint } from "../../pipeline/random.ts";
import type { Trained } from "../../pipeline/records.ts";

/** Images of random bytes, with labels of three classes. */
export function noiseSplit(count: number, size: number, seed = 0, channels = 1): Split {
  const key = keyOf(seed);
  const shape = { height: size, width: size, channels };
  const pixels = Uint8Array.from(randint(foldIn(key, "pixels"), count * size * size * channels, 0, 256));
  return {
    images: { count, ...shape, pixels },
    labels: Uint8Array.from(randint(foldIn(key, "labels"), count, 0, 3)),
  };
}

/** A record, on WASM, of a model with parameters drawn away from 0, so that none of them hides what another does. */
export async function drawnRecord(
  architecture: Architecture,
  tokenizer: Tokenizer,
  test: Split,
  seed = 0,
): Promise<Trained & { kind: "trained" }> {
  await selectBackend("wasm");
  const { height, width, channels } = test.images;
  const grid = tokenizer.grid({ height, width, channels });
  const model = architecture.build({ grid, classes: 3 });
  return {
    kind: "trained",
    dataset: "noise",
    classes: ["a", "b", "c"],
    image: { height, width, channels },
    train: test,
    test,
    augmentations: [],
    tokenizer,
    grid,
    model,
    params: drawn(model, seed),
    parameterCount: 0,
    history: [],
    timing: { seconds: 0, msPerStep: 0 },
  };
}

function drawn(model: Model, seed: number): Params {
  const fresh = model.init(keyOf(seed));
  const params = unflatten(
    flatten(fresh).map(([name, { shape, size }]): [string, Tensor] => [
      name,
      tf.tensor(normal(foldIn(keyOf(seed), name), size).map((value) => 0.3 * value), shape),
    ]),
  );
  disposeParams(fresh);
  return params;
}

/**
 * A model of maps `[batch, height, width, channels]` on pixels as tokens: a circular filter of two taps, every second
 * pixel, and the mean. With `adaptive` the pixels kept are the polyphase of most energy, and otherwise the first.
 */
export function circularMaps(adaptive: boolean): Architecture {
  const name = "circular-maps";
  const config = { name, adaptive };
  return {
    name,
    config,
    build: ({ grid, classes }) => ({
      name,
      config,
      init: () => ({ weight: tf.ones([4, classes]), taps: tf.ones([2, 4]) }),
      apply(params, tokens, { collect } = {}): Tensor {
        const { weight, taps } = params as { weight: Tensor; taps: Tensor };
        const [height, width] = grid.shape;
        const x = tf.reshape(tokens, [-1, height, width, 1]);
        const near = roll(x, tf.tensor1d([1]), tf.tensor1d([2]));
        const y = tf.reshape(
          tf.matMul(tf.reshape(tf.concat([x, near], 3), [-1, 2]), taps),
          [-1, height, width, 4],
        );
        collect?.("filter", tf.relu(y));
        const kept = adaptive ? polyphaseDownsample(tf.relu(y), [2, 2]) : undefined;
        if (kept !== undefined) {
          collect?.("down.phase", tf.stack([kept.choice.row, kept.choice.column], 1));
          collect?.("down.gap", kept.choice.gap);
        }
        const less = kept?.output ?? subsample(tf.relu(y), [2, 2]);
        collect?.("down", less);
        // Squares, since the mean alone would not see which pixels were kept when the taps cancel.
        const code = tf.mean(tf.square(less), [1, 2]);
        collect?.("code", code as Tensor);
        return tf.matMul(code as Tensor, weight);
      },
    }),
  };
}

/** The same tokenizer, which also hands the images that it is given to `see`. */
export function watched(tokenizer: Tokenizer, see: (images: Images) => void): Tokenizer {
  return {
    ...tokenizer,
    tokenize(images, context) {
      see(images);
      return tokenizer.tokenize(images, context);
    },
  };
}
