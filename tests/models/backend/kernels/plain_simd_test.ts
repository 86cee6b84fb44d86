/**
 * The build without relaxed SIMD, which engines like ours never choose, gives what the other one gives to rounding.
 *
 * @module
 */

import { assert } from "@std/assert";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import {
  instantiateKernels,
  type Kernels,
  kernelsOf,
} from "../../../../models/backend/kernels/instantiate.ts";
import {
  attention,
  attentionGrad,
  packedAttention,
  packedAttentionGrad,
} from "../../../../models/backend/kernels/register/attention.ts";
import { batchMatMul } from "../../../../models/backend/kernels/register/batch_mat_mul.ts";
import { batchNorm, batchNormGrad, moments } from "../../../../models/backend/kernels/register/batch_norm.ts";
import { fft } from "../../../../models/backend/kernels/register/fourier.ts";
import type { KernelDefinition } from "../../../../models/backend/kernels/register/kernel.ts";
import { fusedLinear, fusedLinearGrad } from "../../../../models/backend/kernels/register/linear.ts";
import {
  polyphaseConv2d,
  polyphaseConv2dFilterGrad,
  polyphaseConv2dInputGrad,
  polyphaseMaxPoolGrad,
} from "../../../../models/backend/kernels/register/polyphase_conv2d.ts";
import { avgPool, avgPoolGrad, maxPool } from "../../../../models/backend/kernels/register/pool.ts";
import { phaseEnergies, roll } from "../../../../models/backend/kernels/register/roll.ts";
import type { TensorInfo, WasmBackend } from "../../../../models/backend/kernels/wasm_backend.ts";
import { assertNear, drawn } from "./cpu_reference.ts";
import { STRICT, withKernels } from "./reference.ts";

const ROWS = 13;
const COLUMNS = 37;
const COUNT = ROWS * COLUMNS;

/** What each function makes of x, y `[13, 37]` and z, a vector or a table; it writes to `to`, of the shape of x. */
const CALLS: Readonly<
  Record<string, (e: Kernels["exports"], x: number, y: number, z: number, to: number, rest: number) => void>
> = {
  exp: (e, x, _y, _z, to) => e.exp(COUNT, x, to),
  erf: (e, x, _y, _z, to) => e.erf(COUNT, x, to),
  tanh: (e, x, _y, _z, to) => e.tanh(COUNT, x, to),
  gelu: (e, x, _y, _z, to) => e.gelu(COUNT, x, to, 0),
  geluTanh: (e, x, _y, _z, to) => e.gelu(COUNT, x, to, 1),
  geluGrad: (e, x, y, _z, to) => e.geluGrad(COUNT, y, x, to, 0),
  geluTanhGrad: (e, x, y, _z, to) => e.geluGrad(COUNT, y, x, to, 1),
  softmax: (e, x, _y, _z, to) => e.softmax(ROWS, COLUMNS, x, to),
  softmaxGrad: (e, x, y, _z, to) => e.softmaxGrad(ROWS, COLUMNS, y, x, to),
  logSoftmax: (e, x, _y, _z, to) => e.logSoftmax(ROWS, COLUMNS, x, to),
  logSoftmaxGrad: (e, x, y, _z, to) => e.logSoftmaxGrad(ROWS, COLUMNS, y, x, to),
  crossEntropyGrad: (e, x, y, z, to) => e.crossEntropyGrad(ROWS, COLUMNS, z, x, y, 0.9, 0.1, z, to),
  layerNorm: (e, x, _y, z, to, rest) => e.layerNorm(ROWS, COLUMNS, x, z, z, 1e-5, to, rest, rest + 4 * ROWS),
  layerNormGrad: (e, x, y, z, to, rest) =>
    e.layerNormGrad(ROWS, COLUMNS, y, x, z, z, z, to, rest, rest + 4 * COLUMNS),
  sumAxis: (e, x, _y, _z, to) => e.sumAxis(1, ROWS, COLUMNS, x, to, 3, 0),
  clip: (e, x, _y, _z, to) => e.clip(COUNT, x, to, -1, 2),
  maxAxis: (e, x, _y, _z, to) => e.maxAxis(ROWS, COLUMNS, 1, x, to),
};

Deno.test("both builds agree", STRICT, async () => {
  await withKernels(() => {
    const backend = tf.backend() as unknown as WasmBackend;
    const plain = instantiateKernels(backend, "simd");
    for (const [name, call] of Object.entries(CALLS)) {
      const results = [kernelsOf(backend), plain].map((kernels) =>
        tf.tidy(() => {
          const tensors = [
            drawn([ROWS, COLUMNS], 1, 3),
            drawn([ROWS, COLUMNS], 2),
            drawn([COLUMNS], 3),
            tf.zeros([ROWS, COLUMNS]),
            tf.zeros([2 * COLUMNS]),
          ];
          const [x, y, z, to, rest] = tensors.map((each) => kernels.addressOf(each as unknown as TensorInfo));
          call(kernels.exports, x, y, z, to, rest);
          return tensors.slice(3).map((each) => each.dataSync());
        })
      );
      assert(results[0][0].some((value) => value !== 0), `${name} wrote nothing`);
      results[0].forEach((values, i) => assertNear(results[1][i], values, 2e-6, `${name}, result ${i}`));
    }
  });
});

/** A kernel with what it is called with: shapes of its inputs, whose numbers are drawn, and attributes. */
interface Called {
  readonly kernel: KernelDefinition;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly attrs?: object;
}

const channels = (count: number) => ({ gamma: [count], mean: [count], variance: [count] });

/** The three kernels of a convolution. */
function convolution(
  input: readonly number[],
  filter: readonly number[],
  output: readonly number[],
  { groups = 1, stride = 1, pad = 1 } = {},
): Called[] {
  const attrs = {
    inputShape: input,
    filterShape: filter,
    outputShape: output,
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    dilations: [1, 1],
    groups,
    activation: "relu",
  };
  return [
    { kernel: polyphaseConv2d, shapes: { x: input, filter, bias: [filter[3]] }, attrs },
    { kernel: polyphaseConv2dInputGrad, shapes: { dy: output, filter }, attrs },
    { kernel: polyphaseConv2dFilterGrad, shapes: { dy: output, x: input }, attrs },
  ];
}

const POOL = { filterSize: [3, 2], strides: [2, 1], pad: "same" };
const HEADS = { q: [2, 3, 7, 5], k: [2, 3, 21, 5], v: [2, 3, 21, 6], bias: [1, 3, 1, 21] };
const PACKED = { heads: 2, queries: 9, scale: 0.4 };

const KERNELS: readonly Called[] = [
  { kernel: batchMatMul, shapes: { a: [23, 300], b: [300, 45] } },
  { kernel: batchMatMul, shapes: { a: [300, 14], b: [300, 45] }, attrs: { transposeA: true } },
  { kernel: batchMatMul, shapes: { a: [3, 9, 70], b: [3, 11, 70] }, attrs: { transposeB: true } },
  { kernel: batchMatMul, shapes: { a: [2, 70], b: [70, 130] } },
  {
    kernel: fusedLinear,
    shapes: { x: [13, 30], weight: [30, 37], bias: [37] },
    attrs: { activation: "gelu", keepPreActivation: true },
  },
  { kernel: fusedLinearGrad, shapes: { dy: [70, 37], saved: [70, 37] }, attrs: { activation: "relu" } },
  { kernel: attention, shapes: HEADS, attrs: { scale: 0.4 } },
  {
    kernel: attentionGrad,
    shapes: { ...HEADS, dy: [2, 3, 7, 6], y: [2, 3, 7, 6], logSumExp: [2, 3, 7] },
    attrs: { scale: 0.4 },
  },
  { kernel: packedAttention, shapes: { qkv: [2, 11, 42] }, attrs: PACKED },
  {
    kernel: packedAttentionGrad,
    shapes: { qkv: [2, 11, 42], dy: [2, 9, 14], y: [2, 9, 14], logSumExp: [2, 2, 9] },
    attrs: PACKED,
  },
  { kernel: moments, shapes: { x: [130, 37] } },
  {
    kernel: batchNorm,
    shapes: { x: [13, 37], beta: [37], residual: [13, 37], ...channels(37) },
    attrs: { epsilon: 1.5, activation: "relu" },
  },
  {
    kernel: batchNormGrad,
    shapes: { x: [130, 37], dy: [130, 37], ...channels(37) },
    attrs: { epsilon: 1.5, training: true },
  },
  ...convolution([2, 9, 8, 5], [3, 3, 5, 30], [2, 9, 8, 30]),
  ...convolution([2, 9, 8, 28], [3, 3, 28, 30], [2, 9, 8, 30]),
  ...convolution([3, 2, 2, 5], [3, 3, 5, 130], [3, 2, 2, 130]),
  ...convolution([2, 9, 9, 6], [3, 3, 3, 8], [2, 5, 5, 8], { groups: 2, stride: 2 }),
  ...convolution([2, 9, 8, 7], [3, 3, 1, 7], [2, 9, 8, 7], { groups: 7 }),
  ...convolution([2, 9, 9, 5], [3, 3, 1, 10], [2, 5, 5, 10], { groups: 5, stride: 2 }),
  { kernel: maxPool, shapes: { x: [2, 7, 6, 5] }, attrs: POOL },
  { kernel: avgPool, shapes: { x: [2, 7, 6, 5] }, attrs: POOL },
  {
    kernel: phaseEnergies,
    shapes: { x: [2, 6, 4, 13] },
    attrs: { stride: [3, 2], power: 3 },
  },
  { kernel: roll, shapes: { x: [2, 6, 4, 13], rows: [2], columns: [1] } },
  { kernel: avgPoolGrad, shapes: { dy: [2, 4, 6, 5], input: [2, 7, 6, 5] }, attrs: POOL },
  {
    kernel: polyphaseMaxPoolGrad,
    shapes: { dy: [2, 4, 6, 5], x: [2, 8, 7, 5] },
    attrs: {
      inputShape: [2, 8, 7, 5],
      outputShape: [2, 4, 6, 5],
      size: [2, 2],
      strides: [2, 1],
      pads: [0, 0, 0, 0],
    },
  },
];

Deno.test(
  "both builds agree in Fourier transforms, of small factors and by convolution",
  STRICT,
  async () => {
    await withKernels(() => {
      const backend = tf.backend() as unknown as WasmBackend;
      const engine = tf.engine() as unknown as { makeTensorFromTensorInfo(info: TensorInfo): Tensor };
      const plain = instantiateKernels(backend, "simd");
      for (const length of [16, 60, 77, 37]) {
        const [relaxed, simple] = [kernelsOf(backend), plain].map((kernels) =>
          tf.tidy(() => {
            const input = tf.complex(drawn([3, length], 1), drawn([3, length], 2)) as unknown as TensorInfo;
            const unused = () => {
              throw new Error("a transform needs no other kernel");
            };
            const made = fft.run({
              inputs: { input },
              attrs: {},
              backend,
              kernels,
              vanilla: unused,
              run: unused,
            });
            return [made].flat().map((info) => engine.makeTensorFromTensorInfo(info).dataSync())[0];
          })
        );
        assert(relaxed.some((value) => value !== 0), `${length} wrote nothing`);
        assertNear(simple, relaxed, 2e-6, `length ${length}`);
      }
    });
  },
);

Deno.test(
  "both builds agree in products, convolutions, attention, batch normalization and pooling",
  STRICT,
  async () => {
    await withKernels(() => {
      const backend = tf.backend() as unknown as WasmBackend;
      const engine = tf.engine() as unknown as { makeTensorFromTensorInfo(info: TensorInfo): Tensor };
      const plain = instantiateKernels(backend, "simd");
      for (const { kernel, shapes, attrs = {} } of KERNELS) {
        const what = `${kernel.name} of ${JSON.stringify(shapes)}`;
        const results = [kernelsOf(backend), plain].map((kernels) =>
          tf.tidy(() => {
            const inputs = Object.fromEntries(
              Object.entries(shapes).map((
                [name, shape],
                seed,
              ) => [name, drawn(shape, seed + 1) as unknown as TensorInfo]),
            );
            const made = kernel.run({
              inputs,
              attrs: attrs as Record<string, unknown>,
              backend,
              kernels,
              vanilla: () => {
                throw new Error(`${what} is left to TensorFlow.js`);
              },
              run: (name, given, options = {}) => {
                type Call = Parameters<ReturnType<typeof tf.getKernel>["kernelFunc"]>[0];
                const call = { inputs: given, attrs: options, backend } as unknown as Call;
                return tf.getKernel(name, "wasm").kernelFunc(call) as TensorInfo;
              },
            });
            return [made].flat().map((info) => engine.makeTensorFromTensorInfo(info).dataSync());
          })
        );
        assert(results[0].every((values) => values.some((value) => value !== 0)), `${what} wrote nothing`);
        results[0].forEach((values, i) => assertNear(results[1][i], values, 2e-6, `${what}, result ${i}`));
      }
    });
  },
);
