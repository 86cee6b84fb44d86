/**
 * Learnable polyphase sampling (LPS): a small network gives each polyphase a logit. Training goes on with a random mixture
 * of the polyphases, drawn by their logits; a trained network keeps the one of greatest logit.
 *
 * R. A. Rojas-Gomez et al., "Learnable Polyphase Sampling for Shift Invariant and Equivariant Convolutional Networks",
 * arXiv 2210.08001. E. Jang et al., "Categorical Reparameterization with Gumbel-Softmax", arXiv 1611.01144.
 *
 * @module
 */

import { type Key, split, uniform } from "../../pipeline/random.ts";
import { detached } from "../backend/ops/differentiable.ts";
import { softmax } from "../backend/ops/softmax.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { Params } from "../model.ts";
import { circularPad } from "./circular_pad.ts";
import { conv2d, type Conv2dParams, initConv2d } from "./conv2d.ts";
import { choosePhase, type PhaseChoice, phaseEnergies, type Stride } from "./phases.ts";
import { branch } from "./within.ts";

/** Size of the network that makes the logits. */
export interface PhaseLogitsShape {
  /** Channels of the feature map. */
  readonly channels: number;
  /** Channels of its two 3×3 convolutions. */
  readonly hidden: number;
}

/** Rows and columns of its filters. */
const KERNEL = 3;

/** Fresh parameters by dotted name, those of PyTorch's `nn.Conv2d`: `conv1.weight`, `conv1.bias` and so on. */
export function initPhaseLogits(
  key: Key,
  { channels, hidden }: PhaseLogitsShape,
): [name: string, tensor: Tensor][] {
  const [first, second] = split(key);
  return Object.entries({
    conv1: initConv2d(first, { kernelSize: KERNEL, inputs: channels, outputs: hidden }),
    conv2: initConv2d(second, { kernelSize: KERNEL, inputs: hidden, outputs: hidden }),
  }).flatMap(([name, { weight, bias }]): [string, Tensor][] => [
    [`${name}.weight`, weight],
    [`${name}.bias`, bias],
  ]);
}

/**
 * The logit of each polyphase, `[batch, phases]`, phases row by row: the mean over pixels and channels of what two
 * circular 3×3 convolutions with ReLU between them make of it, the same for every polyphase.
 *
 * No polyphase is cut out: neighbours in one are `stride` apart in the map, so the first convolution is a dilated one; and
 * the mean of a circular convolution is that of its input times the sum of its filter, so the second is a product.
 *
 * @param params those of {@linkcode initPhaseLogits} as a tree
 * @param x `[batch, height, width, channels]`, whose sides the stride divides
 */
export function phaseLogits(params: Params, x: Tensor, [rows, columns]: Stride): Tensor {
  return tf.tidy(() => {
    const [conv1, conv2] = ["conv1", "conv2"].map((name) => branch(params, name) as Conv2dParams);
    const [batch, height, width] = x.shape as [number, number, number, number];
    const padded = circularPad(x, [rows, rows, columns, columns]);
    const features = conv2d(conv1, padded, { dilations: [rows, columns], activation: "relu" });
    const hidden = features.shape[3]!;
    const sums = tf.mean(tf.sum(conv2.weight, [0, 1]), 1);
    const pixels = tf.matMul(
      tf.reshape(features, [batch * height * width, hidden]),
      tf.reshape(sums, [hidden, 1]),
    );
    const cells = tf.reshape(pixels, [batch, height / rows, rows, width / columns, columns]);
    return tf.add(tf.reshape(tf.mean(cells, [1, 3]), [batch, rows * columns]), tf.mean(conv2.bias));
  });
}

/**
 * Random weights of polyphases, `[batch, phases]`, that sum to 1: `softmax((logits + noise) / temperature)` with Gumbel
 * noise, so that the greatest is each with the probability that the logits give it. Differentiable in the logits.
 *
 * @param logits `[batch, phases]`
 * @param temperature above 0; the lower, the nearer to a single 1
 * @param key without one there is no noise
 */
export function gumbelSoftmax(logits: Tensor, temperature: number, key: Key | undefined): Tensor {
  return tf.tidy(() => {
    const noisy = key === undefined ? logits : tf.add(
      logits,
      detached(() => {
        // Half a step up: a draw of 0 would have no logarithm.
        const draws = uniform(key, logits.size);
        return tf.tensor(draws.map((draw) => -Math.log(-Math.log(draw + 2 ** -24))), logits.shape);
      }),
    );
    return softmax(tf.div(noisy, temperature));
  });
}

/**
 * The polyphase of greatest logit. Ties are settled by the energy, and the gap is that of the probabilities, so that
 * both mean what they do for a choice by energy.
 *
 * @param x the map that the polyphases are of, `[batch, height, width, channels]`
 * @param logits `[batch, phases]`
 */
export function likeliestPhase(x: Tensor, logits: Tensor, stride: Stride): PhaseChoice {
  return tf.tidy(() => {
    // As shares of the greatest probability: choosePhase compares ratios.
    const shares = detached(() => tf.exp(tf.sub(logits, tf.max(logits, 1, true))));
    return choosePhase(shares, detached(() => phaseEnergies(x, stride)), stride);
  });
}

/** Multiply-adds of {@linkcode phaseLogits} for a map of `pixels` pixels. */
export function phaseLogitsMultiplyAdds({ channels, hidden }: PhaseLogitsShape, pixels: number): number {
  return pixels * hidden * (KERNEL ** 2 * channels + 1);
}
