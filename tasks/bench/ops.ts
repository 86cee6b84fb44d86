/**
 * The operations that the benchmark times one by one, in the shapes in which models meet them.
 *
 * Each is one piece of code for both sides: our kernels come in its place where they are installed, and what
 * TensorFlow.js has no kernel for is composed of what it has, if it can be.
 *
 * @module
 */

import { runKernel } from "../../models/backend/ops/fused_kernels.ts";
import { gelu } from "../../models/backend/ops/gelu.ts";
import { layerNorm } from "../../models/backend/ops/layer_norm.ts";
import { polyphaseEnergies } from "../../models/backend/ops/polyphase_energies.ts";
import { roll as rollOf } from "../../models/backend/ops/roll.ts";
import { softmax } from "../../models/backend/ops/softmax.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { adam } from "../../models/optimizers/adam.ts";
import type { Optimizer } from "../../models/optimizers/optimizer.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { foldIn, keyOf, randint, uniform } from "../../pipeline/random.ts";
import type { Subject } from "./side.ts";

/** An operation to be timed. */
export interface Op extends Subject {
  /** What it computes, with its shapes. */
  readonly shape: string;
  /** Floating point operations, a multiplication and an addition being two; of products and convolutions alone. */
  readonly flops?: number;
}

/** The parameters of a transformer of 4 layers, embed 256 and hidden 512. */
const PARAMETERS: readonly (readonly number[])[] = Array.from({ length: 4 }, () => [
  [256, 768],
  [768],
  [256, 256],
  [256],
  [256, 512],
  [512],
  [512, 256],
  ...Array.from({ length: 5 }, () => [256]),
]).flat();

/** All of them, in the order of the table. */
export const OPS: readonly Op[] = [
  ...[[false, false], [false, true], [true, false], [true, true]].map(([left, right]) => {
    const name = `matmul-${left ? "t" : "n"}${right ? "t" : "n"}`;
    return product(name, [512, 512], [512, 512], left, right);
  }),
  product("linear-dw", [1088, 256], [1088, 512], true, false),
  product("attention-scores", [1024, 17, 16], [1024, 17, 16], false, true),
  product("attention-output", [1024, 17, 17], [1024, 17, 16], false, false),
  product("attention-dk", [1024, 17, 17], [1024, 17, 16], true, false),
  product("batched-tt", [1024, 16, 17], [1024, 17, 16], true, true),
  of(
    "transpose",
    "[64, 17, 3, 16, 16], axes to (2, 0, 3, 1, 4)",
    [[64, 17, 3, 16, 16]],
    (x) => tf.transpose(x, [2, 0, 3, 1, 4]),
  ),
  of("erf", "[1088, 512]", [[1088, 512]], (x) => tf.erf(x)),
  of("tanh", "[1088, 512]", [[1088, 512]], (x) => tf.tanh(x)),
  of("exp", "[1088, 512]", [[1088, 512]], (x) => tf.exp(x)),
  of("gelu", "[1088, 512], by erf", [[1088, 512]], (x) => gelu(x)),
  of("softmax", "[1024, 17, 17] over the last axis", [[1024, 17, 17]], (x) => softmax(x)),
  of(
    "layer-norm",
    "[1088, 256] over the last axis",
    [[1088, 256], [256], [256]],
    (x, gamma, beta) => layerNorm(x, gamma, beta),
  ),
  of("sum", "[64, 28, 28, 32] over axes 0, 1 and 2", [[64, 28, 28, 32]], (x) => tf.sum(x, [0, 1, 2])),
  of(
    "slice",
    "[3, 3, 512, 512] from row 1 on",
    [[3, 3, 512, 512]],
    (filter) => tf.slice(filter, [1, 0, 0, 0], [2, -1, -1, -1]),
  ),
  of(
    "slice-tokens",
    "[3, 16, 8, 17, 32], all tokens but the first",
    [[3, 16, 8, 17, 32]],
    (x) => tf.slice(x, [0, 0, 0, 1, 0], [-1, -1, -1, -1, -1]),
  ),
  of(
    "concat",
    "[64, 28, 28, 32] twice over the last axis",
    [[64, 28, 28, 32], [64, 28, 28, 32]],
    (a, b) => tf.concat([a, b], 3),
  ),
  of(
    "broadcast-to",
    "[64, 1, 1, 32] to [64, 28, 28, 32]",
    [[64, 1, 1, 32]],
    (x) => tf.broadcastTo(x, [64, 28, 28, 32]),
  ),
  of("reverse", "[64, 28, 28, 32] over axis 2", [[64, 28, 28, 32]], (x) => tf.reverse(x, 2)),
  of(
    "einsum",
    "bhid,bhjd→bhij of [64, 16, 17, 16] twice",
    [[64, 16, 17, 16], [64, 16, 17, 16]],
    (q, k) => tf.einsum("bhid,bhjd->bhij", q, k),
    { kernel: "Einsum", flops: 2 * 64 * 16 * 17 * 17 * 16 },
  ),
  spectrum("fft", 1024, 256),
  spectrum("fft-prime", 1024, 257),
  gather(1088, 1000, 256),
  gatherGradient(1088, 1000, 256),
  roll(64, 28, 32),
  of(
    "phase-energies",
    "[64, 28, 28, 32], stride 2, sums of squares",
    [[64, 28, 28, 32]],
    (x) => polyphaseEnergies(x, [2, 2], 2),
  ),
  ...convolutions(64, 28, 32, 32),
  optimizerStep("sgd-step", "momentum", sgd({ learningRate: 0.1, momentum: 0.9 })),
  optimizerStep("adam-step", "two moments", adam()),
];

/** An operation on tensors of these shapes. */
function of(
  name: string,
  shape: string,
  shapes: readonly (readonly number[])[],
  compute: (...inputs: Tensor[]) => Tensor,
  more: Pick<Op, "flops" | "kernel"> = {},
): Op {
  return {
    name,
    shape,
    ...more,
    make() {
      const inputs = shapes.map(tensorOf);
      return { run: () => void compute(...inputs).dispose(), dispose: () => tf.dispose(inputs) };
    },
  };
}

/** A product of matrices, or of as many pairs of them as the first axis of three says. */
function product(
  name: string,
  a: readonly number[],
  b: readonly number[],
  transposeA: boolean,
  transposeB: boolean,
): Op {
  const inner = a.at(transposeA ? -2 : -1)!;
  const outputs = (a.length === 3 ? a[0] : 1) * a.at(transposeA ? -1 : -2)! * b.at(transposeB ? -2 : -1)!;
  const text = (shape: readonly number[], isTransposed: boolean) =>
    `[${shape.join(", ")}]${isTransposed ? "ᵀ" : ""}`;
  return of(
    name,
    `${text(a, transposeA)} · ${text(b, transposeB)}`,
    [a, b],
    (a, b) => tf.matMul(a, b, transposeA, transposeB),
    { flops: 2 * outputs * inner },
  );
}

/** Fourier transforms of rows of complex numbers. */
function spectrum(name: string, rows: number, length: number): Op {
  return {
    name,
    shape: `[${rows}, ${length}] complex`,
    kernel: "FFT",
    make() {
      const parts = [0, 1].map((index) => tensorOf([rows, length], index));
      const x = tf.complex(parts[0], parts[1]);
      return {
        run: () => tf.spectral.fft(x).dispose(),
        // TensorFlow.js counts no bytes of complex tensors, but those of their parts.
        dispose: () => tf.dispose([x, ...parts]),
      };
    },
  };
}

/** Rows of a table. */
function gather(count: number, rows: number, width: number): Op {
  return {
    name: "gather",
    shape: `${count} rows of [${rows}, ${width}]`,
    make() {
      const table = tensorOf([rows, width], 0);
      const ids = tf.tensor1d(randint(foldIn(keyOf(0), "rows"), count, 0, rows), "int32");
      return { run: () => tf.gather(table, ids).dispose(), dispose: () => tf.dispose([table, ids]) };
    },
  };
}

/** Square images, each rolled by an offset of its own. */
function roll(batch: number, side: number, channels: number): Op {
  return {
    name: "roll",
    shape: `[${batch}, ${side}, ${side}, ${channels}], an offset an image`,
    make() {
      const x = tensorOf([batch, side, side, channels], 0);
      const offsets = [0, 1].map((axis) =>
        tf.tensor1d(Float32Array.from(randint(foldIn(keyOf(axis), "offsets"), batch, 0, side)))
      );
      return {
        run: () => rollOf(x, offsets[0], offsets[1]).dispose(),
        dispose: () => tf.dispose([x, ...offsets]),
      };
    },
  };
}

/** What `tf.gather` has for a gradient: rows are added up where they came from. */
function gatherGradient(count: number, rows: number, width: number): Op {
  return {
    name: "gather-gradient",
    shape: `[${count}, ${width}] into ${rows} rows`,
    kernel: "UnsortedSegmentSum",
    make() {
      const dy = tensorOf([count, width], 0);
      const ids = tf.tensor1d(randint(foldIn(keyOf(0), "rows"), count, 0, rows), "int32");
      return {
        run: () => tf.unsortedSegmentSum(dy, ids, rows).dispose(),
        dispose: () => tf.dispose([dy, ids]),
      };
    },
  };
}

/** 3 × 3 convolutions of square images that keep their size, their gradients, and that of 2 × 2 max pooling. */
function convolutions(batch: number, side: number, channels: number, out: number): Op[] {
  type Image = ReturnType<typeof tf.tensor4d>;
  const image = [batch, side, side, channels];
  const result = [batch, side, side, out];
  const filter = [3, 3, channels, out] as [number, number, number, number];
  const half = [batch, side / 2, side / 2, channels];
  const shape = (from: readonly number[], by: string) => `[${from.join(", ")}], ${by}`;
  const taps = `3×3 to ${out} channels`;
  const flops = 2 * batch * side * side * channels * out * 9;
  const attrs = { strides: 1, pad: "same", dataFormat: "NHWC", dimRoundingMode: undefined };
  return [
    of(
      "conv2d",
      shape(image, taps),
      [image, filter],
      (x, filter) => tf.conv2d(x as Image, filter as Image, 1, "same"),
      { flops },
    ),
    of(
      "conv2d-dx",
      shape(result, taps.replace("to", "from")),
      [result, filter],
      (dy, filter) =>
        runKernel("Conv2DBackpropInput", { dy, filter }, { ...attrs, inputShape: image }) as Tensor,
      {
        flops,
        kernel: "Conv2DBackpropInput",
      },
    ),
    of(
      "conv2d-dw",
      shape(image, taps),
      [image, result],
      (x, dy) => runKernel("Conv2DBackpropFilter", { x, dy }, { ...attrs, filterShape: filter }) as Tensor,
      {
        flops,
        kernel: "Conv2DBackpropFilter",
      },
    ),
    of(
      "depthwise",
      shape(image, "3×3 a channel"),
      [image, [3, 3, channels, 1]],
      (x, filter) => tf.depthwiseConv2d(x as Image, filter as Image, 1, "same"),
      { flops: flops / out },
    ),
    {
      name: "max-pool-dx",
      shape: shape(image, "2×2"),
      kernel: "MaxPoolGrad",
      make() {
        const [input, dy] = [image, half].map(tensorOf);
        const output = tf.maxPool(input as Image, 2, 2, "valid");
        const window = { filterSize: 2, strides: 2, pad: "valid", dimRoundingMode: undefined };
        return {
          run: () => tf.dispose(runKernel("MaxPoolGrad", { dy, input, output }, window)),
          dispose: () => tf.dispose([input, dy, output]),
        };
      },
    },
  ];
}

/** One step of an optimizer from its first state. */
function optimizerStep(name: string, slots: string, optimizer: Optimizer): Op {
  const count = PARAMETERS.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0);
  const millions = (count / 1e6).toFixed(1);
  return {
    name,
    shape: `${millions} M parameters in ${PARAMETERS.length} tensors, ${slots}`,
    make() {
      const params = PARAMETERS.map(tensorOf);
      const gradients = PARAMETERS.map((shape, index) => tensorOf(shape, index + params.length));
      const state = optimizer.init(params);
      return {
        run: () =>
          tf.dispose(tf.tidy(() => {
            const { params: moved, state: { slots } } = optimizer.update(params, gradients, state);
            return [...moved, ...Object.values(slots).flat()];
          })),
        dispose: () => tf.dispose([...params, ...gradients, ...Object.values(state.slots).flat()]),
      };
    },
  };
}

/** A tensor of {@linkcode numbersOf}. */
function tensorOf(shape: readonly number[], index: number): Tensor {
  return tf.tensor(numbersOf(shape, index), [...shape], "float32");
}

/** Numbers in [−1, 1), the same for the same index; large tensors repeat them, since drawing takes its time. */
export function numbersOf(shape: readonly number[], index: number): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const drawn = uniform(foldIn(keyOf(0), index), Math.min(values.length, 65_521), -1, 1);
  for (let at = 0; at < values.length; at += drawn.length) {
    values.set(drawn.subarray(0, values.length - at), at);
  }
  return values;
}
