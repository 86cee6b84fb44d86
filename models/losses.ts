/**
 * Losses of logits against classes, as means over the batch.
 *
 * @module
 */

import type { JsonObject } from "../pipeline/json.ts";
import { softmaxCrossEntropy } from "./backend/ops/softmax_cross_entropy.ts";
import { type Tensor, tf } from "./backend/tf.ts";

/** A loss: a pure function of logits and one-hot classes. */
export interface Loss {
  /** Name, for example `cross-entropy`. */
  readonly name: string;
  /** Everything that determines it. Holds `name`. */
  readonly config: JsonObject;
  /** The mean loss, a scalar, of logits `[batch, classes]` and one-hot labels `[batch, classes]`. */
  apply(logits: Tensor, labels: Tensor): Tensor;
}

/** Softmax cross-entropy in nats, as PyTorch's `CrossEntropyLoss`. */
export function crossEntropy(): Loss {
  return {
    name: "cross-entropy",
    config: { name: "cross-entropy" },
    apply: (logits, labels) => softmaxCrossEntropy(logits, labels),
  };
}

/** Mean squared difference of logits and one-hot labels, over batch *and* classes, as PyTorch's `MSELoss`. */
export function l2(): Loss {
  return {
    name: "l2",
    config: { name: "l2" },
    apply: (logits, labels) => tf.mean(tf.square(tf.sub(logits, labels))),
  };
}
