/**
 * Cross-entropy of the softmax of logits against class probabilities, as PyTorch's `cross_entropy`.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";
import { differentiable, type ExactOption, isExact, ofNothing } from "./differentiable.ts";
import { hasFused, runFused } from "./fused_kernels.ts";
import { exactLogSoftmax, logSoftmax } from "./log_softmax.ts";
import { asRows } from "./rows.ts";

/** Options of {@linkcode softmaxCrossEntropy}. */
export interface SoftmaxCrossEntropyOptions extends ExactOption {
  /** Share of the label that is spread over all classes, in [0, 1]. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Mean over the batch of `−Σ t · log softmax(logits)`, in nats, a scalar. `t` is `labels · (1 − s) + s / classes` with
 * the label smoothing `s`.
 *
 * @param logits `[..., classes]`
 * @param labels one-hot, or any probabilities such as those of a mixup `[..., classes]`
 * @throws {PolyphaseError} if the shapes differ or the label smoothing is not in [0, 1]
 */
export function softmaxCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: SoftmaxCrossEntropyOptions = {},
): Tensor {
  return tf.tidy(() => {
    const { labelSmoothing = 0 } = options;
    if (String(logits.shape) !== String(labels.shape)) {
      throw new PolyphaseError(
        `softmaxCrossEntropy got logits [${logits.shape}] and labels [${labels.shape}], expected one shape: ` +
          `give labels as one-hot`,
      );
    }
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
      throw new PolyphaseError(
        `softmaxCrossEntropy got labelSmoothing ${labelSmoothing}, expected 0 to 1: 0 is none, 0.1 is usual`,
      );
    }
    // The mean over nothing.
    if (logits.size === 0) return ofNothing([logits, labels], () => tf.scalar(NaN));
    const rows = asRows("softmaxCrossEntropy", logits);
    const targets = tf.cast(asRows("softmaxCrossEntropy", labels), "float32");
    if (isExact(options)) return meanLoss(exactLogSoftmax(rows), smoothed(targets, labelSmoothing));
    return hasFused("PolyphaseSoftmaxCrossEntropy", "PolyphaseSoftmaxCrossEntropyGrad")
      ? fusedLoss(rows, targets, labelSmoothing)
      : composedLoss(rows, targets, labelSmoothing);
  });
}

function smoothed(labels: Tensor, smoothing: number): Tensor {
  return smoothing === 0 ? labels : tf.add(tf.mul(labels, 1 - smoothing), smoothing / labels.shape[1]!);
}

function meanLoss(logProbabilities: Tensor, targets: Tensor): Tensor {
  return tf.neg(tf.mean(tf.sum(tf.mul(targets, logProbabilities), -1)));
}

/** Gradient with respect to the labels, which is rarely asked for. */
function labelsGrad(dy: Tensor, logProbabilities: Tensor, smoothing: number): Tensor {
  return tf.mul(logProbabilities, tf.mul(dy, (smoothing - 1) / logProbabilities.shape[0]));
}

function fusedLoss(logits: Tensor, labels: Tensor, labelSmoothing: number): Tensor {
  return differentiable({ logits, labels }, (save) => {
    const attrs = { labelSmoothing };
    const [loss, logSumExp] = runFused("PolyphaseSoftmaxCrossEntropy", { logits, labels }, attrs);
    save(logits, labels, logSumExp);
    return loss;
  }, (dy, logits, labels, logSumExp) => ({
    logits: () => {
      const inputs = { dy, logits, labels, logSumExp };
      return runFused("PolyphaseSoftmaxCrossEntropyGrad", inputs, { labelSmoothing })[0];
    },
    labels: () => labelsGrad(dy, tf.sub(logits, tf.expandDims(logSumExp, 1)), labelSmoothing),
  }));
}

function composedLoss(logits: Tensor, labels: Tensor, labelSmoothing: number): Tensor {
  return differentiable({ logits, labels }, (save) => {
    const logProbabilities = logSoftmax(logits, { exact: false });
    save(logProbabilities, labels);
    return meanLoss(logProbabilities, smoothed(labels, labelSmoothing));
  }, (dy, logProbabilities, labels) => ({
    logits: () => {
      const targets = smoothed(labels, labelSmoothing);
      const excess = tf.sub(tf.mul(tf.exp(logProbabilities), tf.sum(targets, -1, true)), targets);
      return tf.mul(excess, tf.div(dy, logits.shape[0]));
    },
    labels: () => labelsGrad(dy, logProbabilities, labelSmoothing),
  }));
}
