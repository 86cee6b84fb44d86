/**
 * Losses of logits against classes, as means over the batch.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { JsonObject } from "../pipeline/json.ts";
import { softmaxCrossEntropy } from "./backend/ops/softmax_cross_entropy.ts";
import { type Tensor, tf } from "./backend/tf.ts";

/**
 * A loss: a pure function of logits and targets.
 *
 * Targets are the share of each class in an image: one-hot, or any that sum to 1, such as those of a mixup.
 */
export interface Loss {
  /** Name, for example `cross-entropy`. */
  readonly name: string;
  /** Everything that determines it. Holds `name`. */
  readonly config: JsonObject;
  /** The mean loss, a scalar, of logits `[batch, classes]` and targets `[batch, classes]`. */
  apply(logits: Tensor, targets: Tensor): Tensor;
}

/** Settings of {@linkcode crossEntropy}. */
export interface CrossEntropyOptions {
  /** Share of the targets that is spread evenly over all classes, in [0, 1]. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Softmax cross-entropy in nats, `−Σ t · log softmax(logits)` as a mean over the batch, as PyTorch's `CrossEntropyLoss`.
 *
 * With label smoothing `s`, `t` is `targets · (1 − s) + s / classes` (C. Szegedy et al., arXiv 1512.00567).
 *
 * @throws {PolyphaseError} if the label smoothing is not in [0, 1]
 */
export function crossEntropy({ labelSmoothing = 0 }: CrossEntropyOptions = {}): Loss {
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new PolyphaseError(
      `cross-entropy: labelSmoothing is ${labelSmoothing}, expected 0 to 1: 0 is none, 0.1 is usual`,
    );
  }
  return {
    name: "cross-entropy",
    // Without smoothing as it was before there was any, so that the ids of runs stay.
    config: { name: "cross-entropy", ...(labelSmoothing === 0 ? {} : { labelSmoothing }) },
    apply: (logits, targets) => softmaxCrossEntropy(logits, targets, { labelSmoothing }),
  };
}

/** Mean squared difference of logits and targets, over batch *and* classes, as PyTorch's `MSELoss`. */
export function l2(): Loss {
  return {
    name: "l2",
    config: { name: "l2" },
    apply: (logits, targets) => tf.mean(tf.square(tf.sub(logits, targets))),
  };
}
