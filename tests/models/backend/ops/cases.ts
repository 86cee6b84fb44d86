/**
 * The ops with shapes drawn at random: what the property tests run.
 *
 * @module
 */

import fc from "fast-check";
import { attention } from "../../../../models/backend/ops/attention.ts";
import { avgPool } from "../../../../models/backend/ops/avg_pool.ts";
import { batchNorm } from "../../../../models/backend/ops/batch_norm.ts";
import { conv2d } from "../../../../models/backend/ops/conv2d.ts";
import type { Activation } from "../../../../models/backend/ops/fused_kernels.ts";
import { gelu } from "../../../../models/backend/ops/gelu.ts";
import { layerNorm } from "../../../../models/backend/ops/layer_norm.ts";
import { linear } from "../../../../models/backend/ops/linear.ts";
import { logSoftmax } from "../../../../models/backend/ops/log_softmax.ts";
import { maxPool } from "../../../../models/backend/ops/max_pool.ts";
import { packedAttention } from "../../../../models/backend/ops/packed_attention.ts";
import { polyphaseEnergies } from "../../../../models/backend/ops/polyphase_energies.ts";
import { relu } from "../../../../models/backend/ops/relu.ts";
import { roll } from "../../../../models/backend/ops/roll.ts";
import { softmax } from "../../../../models/backend/ops/softmax.ts";
import { softmaxCrossEntropy } from "../../../../models/backend/ops/softmax_cross_entropy.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { keyOf, normal, uniform } from "../../../../pipeline/random.ts";

/** An op with its shapes and options chosen. */
export interface Drawn {
  /** The choice, for messages. */
  readonly label: string;
  /** Shapes of the tensors that a gradient is taken of. */
  readonly shapes: readonly (readonly number[])[];
  /** The op. */
  readonly apply: (inputs: readonly Tensor[], exact: boolean | undefined) => Tensor;
}

/** An op whose shapes and options are drawn. */
export interface OpCase {
  /** Name of the op. */
  readonly name: string;
  /** Its shapes and options. */
  readonly drawn: fc.Arbitrary<Drawn>;
}

/** Lengths from `least` to `most`, 1 and odd ones among them. */
const length = (most: number, least = 1) => fc.integer({ min: least, max: most });
const rows = fc.array(length(5, 0), { minLength: 1, maxLength: 2 });

function opCase<T>(
  name: string,
  choice: fc.Arbitrary<T>,
  build: (choice: T) => Omit<Drawn, "label">,
): OpCase {
  return { name, drawn: choice.map((chosen) => ({ label: JSON.stringify(chosen), ...build(chosen) })) };
}

const rectifiers = fc.constantFrom("none" as const, "relu" as const);
const activations: Activation[] = ["none", "relu", "gelu", "gelu-tanh"];

/** Positive numbers that stay put, such as variances. */
function positive(shape: number[]): Tensor {
  return tf.tensor(uniform(keyOf(11), shape.reduce((a, b) => a * b, 1), 0.5, 2), shape);
}

function constant(shape: number[]): Tensor {
  return tf.tensor(normal(keyOf(12), shape.reduce((a, b) => a * b, 1)), shape);
}

function attentionCase({ lead: [batch, heads], queries, keys, dim, width, bias, masked, share }: {
  lead: number[];
  queries: number;
  keys: number;
  dim: number;
  width: number;
  bias: boolean;
  masked: boolean;
  share: number;
}): Omit<Drawn, "label"> {
  // Each bit of `share` says whether bias and mask are shared along an axis.
  const stretched = [batch, heads, queries, keys].map((all, axis) => (share >> axis) & 1 ? 1 : all);
  const shape = share % 3 === 0 ? stretched.slice(1) : stretched;
  return {
    shapes: [
      [batch, heads, queries, dim],
      [batch, heads, keys, dim],
      [batch, heads, keys, width],
      ...bias ? [shape] : [],
    ],
    apply: ([q, k, v, b], exact) =>
      attention(q, k, v, {
        exact,
        bias: b,
        // Some queries may see no key at all.
        mask: masked ? tf.greater(constant(shape), 0.2) : undefined,
      }),
  };
}

const pair = (most: number, least = 1) => fc.tuple(length(most, least), length(most, least));

/** All ops. */
export const opCases: readonly OpCase[] = [
  opCase(
    "linear",
    fc.record({
      lead: rows,
      inputs: length(9),
      outputs: length(9),
      activation: fc.constantFrom(...activations),
      bias: fc.boolean(),
    }),
    ({ lead, inputs, outputs, activation, bias }) => ({
      shapes: [[...lead, inputs], [inputs, outputs], ...bias ? [[outputs]] : []],
      apply: ([x, weight, b], exact) => linear(x, weight, b ?? null, { activation, exact }),
    }),
  ),
  opCase(
    "gelu",
    fc.record({ shape: rows, approximate: fc.constantFrom("none" as const, "tanh" as const) }),
    ({ shape, approximate }) => ({
      shapes: [shape],
      apply: ([x], exact) => gelu(x, { approximate, exact }),
    }),
  ),
  opCase("relu", rows, (shape) => ({ shapes: [shape], apply: ([x]) => relu(x) })),
  opCase("softmax", fc.tuple(rows, length(9)), ([lead, classes]) => ({
    shapes: [[...lead, classes]],
    apply: ([x], exact) => softmax(x, { exact }),
  })),
  opCase("logSoftmax", fc.tuple(rows, length(9)), ([lead, classes]) => ({
    shapes: [[...lead, classes]],
    apply: ([x], exact) => logSoftmax(x, { exact }),
  })),
  opCase(
    "layerNorm",
    // A single feature has a variance of zero, which makes differences of rounding large.
    fc.record({ lead: rows, features: length(9, 2), epsilon: fc.constantFrom(0.1, 1e-3) }),
    ({ lead, features, epsilon }) => ({
      shapes: [[...lead, features], [features], [features]],
      apply: ([x, gamma, beta], exact) => layerNorm(x, gamma, beta, { epsilon, exact }),
    }),
  ),
  opCase(
    "batchNorm",
    fc.record({
      batch: length(4, 2),
      side: length(3),
      channels: length(5),
      training: fc.boolean(),
      residual: fc.boolean(),
      activation: rectifiers,
    }),
    ({ batch, side, channels, training, residual, activation }) => {
      const shape = [batch, side, side, channels];
      return {
        shapes: [shape, [channels], [channels], ...residual ? [shape] : []],
        apply: ([x, gamma, beta, added], exact) =>
          batchNorm(x, gamma, beta, constant([channels]), positive([channels]), {
            training,
            exact,
            epsilon: 1e-2,
            residual: added,
            activation,
          }).output,
      };
    },
  ),
  opCase(
    "softmaxCrossEntropy",
    fc.record({ batch: length(6), classes: length(9), labelSmoothing: fc.constantFrom(0, 0.1, 1) }),
    ({ batch, classes, labelSmoothing }) => ({
      shapes: [[batch, classes], [batch, classes]],
      // The labels are any numbers here, so that their gradient is tested, too.
      apply: ([logits, labels], exact) => softmaxCrossEntropy(logits, labels, { labelSmoothing, exact }),
    }),
  ),
  opCase(
    "attention",
    fc.record({
      lead: fc.tuple(length(2), length(3)),
      queries: length(5),
      keys: length(5),
      dim: length(4),
      width: length(3),
      bias: fc.boolean(),
      masked: fc.boolean(),
      share: fc.integer({ min: 0, max: 15 }),
    }),
    attentionCase,
  ),
  opCase(
    "packedAttention",
    fc.record({
      batch: length(2),
      tokens: length(6),
      heads: length(3),
      dim: length(4),
      bias: fc.boolean(),
      masked: fc.boolean(),
      share: fc.integer({ min: 0, max: 15 }),
      rest: length(2, 0),
    }),
    ({ batch, tokens, heads, dim, bias, masked, share, rest }) => {
      const queries = Math.max(1, tokens - rest);
      const shape = [batch, heads, queries, tokens].map((all, axis) => (share >> axis) & 1 ? 1 : all);
      return {
        shapes: [[batch, tokens, 3 * heads * dim], ...bias ? [shape] : []],
        apply: ([qkv, b], exact) =>
          packedAttention(qkv, heads, {
            exact,
            // Left out where it is all of them.
            ...queries < tokens && { queries },
            bias: b,
            mask: masked ? tf.greater(constant(shape), 0.2) : undefined,
          }),
      };
    },
  ),
  opCase(
    "conv2d",
    fc.record({
      batch: length(2),
      size: pair(7, 5),
      kernel: pair(3),
      strides: pair(3),
      dilations: pair(2),
      padding: fc.constantFrom(
        "same" as const,
        "valid" as const,
        1,
        [2, 0] as const,
        [[0, 1], [2, 1]] as const,
      ),
      groups: length(3),
      depth: length(2),
      multiplier: length(2),
      bias: fc.boolean(),
      activation: rectifiers,
    }),
    ({ batch, size, kernel, groups, depth, multiplier, bias, ...options }) => ({
      shapes: [
        [batch, ...size, groups * depth],
        [...kernel, depth, groups * multiplier],
        ...bias ? [[groups * multiplier]] : [],
      ],
      apply: ([x, filter, b], exact) => conv2d(x, filter, { ...options, groups, bias: b, exact }),
    }),
  ),
  ...([["maxPool", maxPool], ["avgPool", avgPool]] as const).map(([name, pool]) =>
    opCase(
      name,
      fc.record({
        batch: length(2),
        side: pair(7, 3),
        channels: length(3),
        size: pair(3),
        strides: fc.option(pair(3), { nil: undefined }),
        padding: fc.constantFrom("same" as const, "valid" as const, [[0, 0], [1, 0]] as const),
        countIncludePad: fc.boolean(),
      }).filter(({ size, padding }) => typeof padding === "string" || size[1] > 1),
      ({ batch, side, channels, size, ...options }) => ({
        shapes: [[batch, ...side, channels]],
        apply: ([x], exact) => pool(x, { size, ...options, exact }),
      }),
    )
  ),
  opCase(
    "roll",
    fc.record({
      batch: length(3),
      size: pair(5),
      channels: length(5),
      offsets: fc.array(pair(9, -9), { minLength: 3, maxLength: 3 }),
      isShared: fc.boolean(),
    }),
    ({ batch, size, channels, offsets, isShared }) => {
      const [rows, columns] = [0, 1].map((axis) =>
        offsets.slice(0, isShared ? 1 : batch).map((offset) => offset[axis])
      );
      return {
        shapes: [[batch, ...size, channels]],
        apply: ([x]) => roll(x, tf.tensor1d(rows, "int32"), tf.tensor1d(columns)),
      };
    },
  ),
  opCase(
    "polyphaseEnergies",
    fc.record({
      batch: length(3),
      stride: pair(3),
      cells: pair(2),
      channels: fc.constantFrom(1, 3, 4, 9),
      p: fc.constantFrom(2, 3, 4),
    }),
    ({ batch, stride, cells, channels, p }) => ({
      shapes: [[batch, stride[0] * cells[0], stride[1] * cells[1], channels]],
      apply: ([x]) => polyphaseEnergies(x, stride, p),
    }),
  ),
];
