/**
 * Ops called outside any `tf.tidy`, as a user at a prompt does, leave their result and nothing else.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { attention } from "../../../../models/backend/ops/attention.ts";
import { avgPool } from "../../../../models/backend/ops/avg_pool.ts";
import { batchNorm } from "../../../../models/backend/ops/batch_norm.ts";
import { conv2d } from "../../../../models/backend/ops/conv2d.ts";
import { dropout, dropPath } from "../../../../models/backend/ops/dropout.ts";
import { gelu } from "../../../../models/backend/ops/gelu.ts";
import { layerNorm } from "../../../../models/backend/ops/layer_norm.ts";
import { linear } from "../../../../models/backend/ops/linear.ts";
import { logSoftmax } from "../../../../models/backend/ops/log_softmax.ts";
import { maxPool } from "../../../../models/backend/ops/max_pool.ts";
import { packedAttention } from "../../../../models/backend/ops/packed_attention.ts";
import { polyphaseEnergies } from "../../../../models/backend/ops/polyphase_energies.ts";
import { relu } from "../../../../models/backend/ops/relu.ts";
import { softmax } from "../../../../models/backend/ops/softmax.ts";
import { softmaxCrossEntropy } from "../../../../models/backend/ops/softmax_cross_entropy.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { keyOf, normal } from "../../../../pipeline/random.ts";

function drawn(shape: number[]): Tensor {
  return tf.tensor(normal(keyOf(shape.length), shape.reduce((product, side) => product * side, 1)), shape);
}

/** Each op on arguments of the shapes that it is given with, an axis more than it works on where it takes any. */
const OPS: Record<string, [shapes: number[][], op: (args: Tensor[], exact: boolean) => Tensor | Tensor[]]> = {
  attention: [
    [[2, 2, 3, 4], [2, 2, 5, 4], [2, 2, 5, 4]],
    ([q, k, v], exact) => attention(q, k, v, { exact }),
  ],
  avgPool: [[[2, 4, 4, 3]], ([x], exact) => avgPool(x, { size: 2, exact })],
  batchNorm: [[[2, 3, 3, 4], [4], [4], [4], [4], [2, 3, 3, 4]], (args, exact) => {
    const [x, gamma, beta, mean, variance, residual] = args;
    const options = { training: true, exact, residual, activation: "relu" as const };
    return Object.values(batchNorm(x, gamma, beta, mean, tf.square(variance), options));
  }],
  conv2d: [
    [[2, 5, 5, 3], [3, 3, 3, 4], [4]],
    ([x, filter, bias], exact) => conv2d(x, filter, { padding: 1, bias, activation: "relu", exact }),
  ],
  depthwise: [
    [[2, 5, 5, 3], [3, 3, 1, 3], [3]],
    ([x, filter, bias], exact) => conv2d(x, filter, { groups: 3, bias, activation: "relu", exact }),
  ],
  dropout: [[[2, 3, 4]], ([x]) => dropout(x, 0.5, keyOf(1))],
  dropPath: [[[2, 3, 4]], ([x]) => dropPath(x, 0.5, keyOf(1))],
  gelu: [[[2, 3, 4]], ([x], exact) => gelu(x, { exact })],
  layerNorm: [[[2, 3, 4], [4], [4]], ([x, gamma, beta], exact) => layerNorm(x, gamma, beta, { exact })],
  linear: [
    [[2, 3, 4], [4, 5], [5]],
    ([x, weight, bias], exact) => linear(x, weight, bias, { activation: "gelu", exact }),
  ],
  logSoftmax: [[[2, 3, 4]], ([x], exact) => logSoftmax(x, { exact })],
  maxPool: [[[2, 4, 4, 3]], ([x], exact) => maxPool(x, { size: 2, exact })],
  packedAttention: [
    [[2, 3, 12], [2, 3, 3]],
    ([qkv, bias], exact) => packedAttention(qkv, 2, { bias, exact }),
  ],
  polyphaseEnergies: [[[2, 4, 6, 3]], ([x]) => polyphaseEnergies(x, [2, 3], 4)],
  relu: [[[2, 3, 4]], ([x]) => relu(x)],
  softmax: [[[2, 3, 4]], ([x], exact) => softmax(x, { exact })],
  softmaxCrossEntropy: [
    [[2, 3, 4], [2, 3, 4]],
    ([x, labels], exact) => softmaxCrossEntropy(x, labels, { exact }),
  ],
};

for (const backend of ["wasm", "cpu"] as const) {
  for (const [name, [shapes, op]] of Object.entries(OPS)) {
    Deno.test(`${name} leaves nothing but its result on ${backend}, fast or exact`, async () => {
      await selectBackend(backend);
      for (const exact of [false, true]) {
        const args = shapes.map(drawn);
        const before = tf.memory().numTensors;
        const made = [op(args, exact)].flat();
        // What the test itself makes on the way.
        const own = name === "batchNorm" ? 1 : 0;
        assertEquals(tf.memory().numTensors - before - own, made.length);
        tf.dispose([...args, ...made]);
      }
    });
  }
}
