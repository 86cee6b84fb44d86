/**
 * The contract of the fused kernels: names, inputs, attributes and outputs of the kernels that the ops of this folder
 * run where they are registered for the backend in use, and do without where they are not.
 *
 * Rules for whoever registers one (with `tf.registerKernel`):
 * - It returns an array of tensor infos, even of one, in the order of `outputs`.
 * - Every float tensor is float32, contiguous and row-major. Inputs are never written to.
 * - Inputs that are marked optional may be absent.
 * - Any length may be 0 or 1. NaN and infinities go through as in the formula: no zero is skipped.
 * - A kernel and its `…Grad` are registered together: an op takes its fused form only if it finds all that it needs.
 *
 * What has no kernel here (matrix products, sums, average pooling, the value of maximum pooling) and every composed
 * form run TensorFlow.js's own (`BatchMatMul`, `Sum`, `AvgPool`, `AvgPoolGrad`, `MaxPool`, `Conv2D` ...): replacing those
 * under their own names makes the ops fast, too. Saving a tensor for the gradient runs `Identity`.
 *
 * @module
 */

import { type Tensor, tf } from "../tf.ts";

/** Activation that {@linkcode FusedKernels.PolyphaseLinear} applies; `gelu-tanh` is the tanh approximation of GELU. */
export type Activation = "none" | "relu" | "gelu" | "gelu-tanh";

/**
 * Activation that convolutions and batch normalization apply; its gradient is {@linkcode FusedKernels.PolyphaseLinearGrad}.
 */
export type Rectifier = "none" | "relu";

/** Which GELU: exact with the error function, or its tanh approximation. */
export type GeluApproximation = "none" | "tanh";

/** Geometry of a convolution: the attributes of its three kernels. */
export type ConvAttributes = {
  /** `[batch, height, width, channels]` of the input. */
  readonly inputShape: readonly [number, number, number, number];
  /** `[kernel height, kernel width, channels / groups, out]`. */
  readonly filterShape: readonly [number, number, number, number];
  /** `[batch, out height, out width, out]`. */
  readonly outputShape: readonly [number, number, number, number];
  /** Steps `[vertical, horizontal]`. */
  readonly strides: readonly [number, number];
  /** Zeros around the input: `[top, bottom, left, right]`. */
  readonly pads: readonly [number, number, number, number];
  /** Distances between the taps of the filter `[vertical, horizontal]`. */
  readonly dilations: readonly [number, number];
  /** Group `g` maps input channels `g · channels/groups …` to output channels `g · out/groups …`. */
  readonly groups: number;
};

/** Geometry of a pooling: the attributes of {@linkcode FusedKernels.PolyphaseMaxPoolGrad}. */
export type PoolAttributes = Pick<ConvAttributes, "inputShape" | "outputShape" | "strides" | "pads"> & {
  /** Rows and columns of a window. */
  readonly size: readonly [number, number];
};

/** Every fused kernel: what it takes and what it gives. */
export interface FusedKernels {
  /**
   * `y = activation(z)`, `z = x · weight + bias`: x `[rows, in]`, weight `[in, out]`, bias `[out]` → y `[rows, out]`,
   * followed by z `[rows, out]` if `keepPreActivation`.
   */
  PolyphaseLinear: {
    inputs: { x: Tensor; weight: Tensor; bias?: Tensor };
    attrs: { readonly activation: Activation; readonly keepPreActivation: boolean };
    outputs: [y: Tensor, z?: Tensor];
  };
  /**
   * `dz = dy ⊙ activation′`, `dbias = Σ_rows dz`, for any activation but `none`. `saved` is z for the GELUs and y for
   * ReLU, whose derivative is 1 where y > 0; all `[rows, out]`, dbias `[out]`. The products with x and weight are
   * `BatchMatMul`.
   */
  PolyphaseLinearGrad: {
    inputs: { dy: Tensor; saved: Tensor };
    attrs: { readonly activation: Activation };
    outputs: [dz: Tensor, dbias: Tensor];
  };
  /** `x Φ(x)`, or `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`; any shape. */
  PolyphaseGelu: {
    inputs: { x: Tensor };
    attrs: { readonly approximate: GeluApproximation };
    outputs: [y: Tensor];
  };
  /** `dx = dy ⊙ gelu′(x)`; any shape. */
  PolyphaseGeluGrad: {
    inputs: { dy: Tensor; x: Tensor };
    attrs: { readonly approximate: GeluApproximation };
    outputs: [dx: Tensor];
  };
  /** Softmax of every row of x `[rows, classes]`, shifted by the row's maximum. */
  PolyphaseSoftmax: { inputs: { x: Tensor }; attrs: Record<never, never>; outputs: [y: Tensor] };
  /** `dx = y ⊙ (dy − Σ_classes dy ⊙ y)`; all `[rows, classes]`. */
  PolyphaseSoftmaxGrad: {
    inputs: { dy: Tensor; y: Tensor };
    attrs: Record<never, never>;
    outputs: [dx: Tensor];
  };
  /** Logarithm of the softmax of every row of x `[rows, classes]`. */
  PolyphaseLogSoftmax: { inputs: { x: Tensor }; attrs: Record<never, never>; outputs: [y: Tensor] };
  /** `dx = dy − exp(y) · Σ_classes dy`; all `[rows, classes]`. */
  PolyphaseLogSoftmaxGrad: {
    inputs: { dy: Tensor; y: Tensor };
    attrs: Record<never, never>;
    outputs: [dx: Tensor];
  };
  /**
   * `y = (x − mean) · rstd · gamma + beta` with mean and `rstd = 1/√(variance + epsilon)` of each row, the variance
   * biased: x `[rows, features]`, gamma and beta `[features]` → y `[rows, features]`, mean `[rows]`, rstd `[rows]`.
   */
  PolyphaseLayerNorm: {
    inputs: { x: Tensor; gamma: Tensor; beta: Tensor };
    attrs: { readonly epsilon: number };
    outputs: [y: Tensor, mean: Tensor, rstd: Tensor];
  };
  /**
   * With `x̂ = (x − mean) · rstd`, `g = dy ⊙ gamma` and means over features: `dx = rstd · (g − mean(g) − x̂ ·
   * mean(g ⊙ x̂))`, `dgamma = Σ_rows dy ⊙ x̂`, `dbeta = Σ_rows dy`. Shapes as in the forward kernel.
   */
  PolyphaseLayerNormGrad: {
    inputs: { dy: Tensor; x: Tensor; gamma: Tensor; mean: Tensor; rstd: Tensor };
    attrs: Record<never, never>;
    outputs: [dx: Tensor, dgamma: Tensor, dbeta: Tensor];
  };
  /** Mean and biased variance of each column of x `[rows, channels]`, both `[channels]`. */
  PolyphaseMoments: {
    inputs: { x: Tensor };
    attrs: Record<never, never>;
    outputs: [mean: Tensor, variance: Tensor];
  };
  /**
   * `activation((x − mean) / √(variance + epsilon) · gamma + beta + residual)`: x and residual `[rows, channels]`, the
   * others `[channels]`.
   */
  PolyphaseBatchNorm: {
    inputs: { x: Tensor; gamma: Tensor; beta: Tensor; mean: Tensor; variance: Tensor; residual?: Tensor };
    attrs: { readonly epsilon: number; readonly activation: Rectifier };
    outputs: [y: Tensor];
  };
  /**
   * The gradient of the normalization alone. With `x̂` the normalized x: `dgamma = Σ_rows dy ⊙ x̂`, `dbeta = Σ_rows dy`.
   * If `training`, mean and variance are those of x: `dx = gamma · rstd · (dy − dbeta/rows − x̂ · dgamma/rows)`; else
   * `dx = gamma · rstd · dy`.
   */
  PolyphaseBatchNormGrad: {
    inputs: { dy: Tensor; x: Tensor; gamma: Tensor; mean: Tensor; variance: Tensor };
    attrs: { readonly epsilon: number; readonly training: boolean };
    outputs: [dx: Tensor, dgamma: Tensor, dbeta: Tensor];
  };
  /**
   * Mean over rows of `−Σ_classes t ⊙ logSoftmax(logits)`, `t = labels · (1 − labelSmoothing) + labelSmoothing /
   * classes`: logits and labels `[rows, classes]`, float32 both → loss `[]` and logSumExp of the logits `[rows]`.
   */
  PolyphaseSoftmaxCrossEntropy: {
    inputs: { logits: Tensor; labels: Tensor };
    attrs: { readonly labelSmoothing: number };
    outputs: [loss: Tensor, logSumExp: Tensor];
  };
  /** `dlogits = dy/rows · (exp(logits − logSumExp) · Σ_classes t − t)`, t as in the forward kernel; dy `[]`. */
  PolyphaseSoftmaxCrossEntropyGrad: {
    inputs: { dy: Tensor; logits: Tensor; labels: Tensor; logSumExp: Tensor };
    attrs: { readonly labelSmoothing: number };
    outputs: [dlogits: Tensor];
  };
  /**
   * `y = p · v`, `p = softmax(scale · q · kᵀ + bias)` over keys: q `[batch, heads, queries, dim]`, k `[batch, heads,
   * keys, dim]`, v `[batch, heads, keys, value dim]` → y `[batch, heads, queries, value dim]` and the logSumExp of the
   * scores `[batch, heads, queries]`. bias (float32) and mask (bool, false leaves a key out) have rank 4 and each
   * length is that of the scores `[batch, heads, queries, keys]` or 1. Where a query sees no key, y is 0.
   */
  PolyphaseAttention: {
    inputs: { q: Tensor; k: Tensor; v: Tensor; bias?: Tensor; mask?: Tensor };
    attrs: { readonly scale: number };
    outputs: [y: Tensor, logSumExp: Tensor];
  };
  /**
   * `dv = pᵀ · dy`, `dp = dy · vᵀ`, `ds = p ⊙ (dp − Σ_keys dp ⊙ p)`, `dq = scale · ds · k`, `dk = scale · dsᵀ · q`, and,
   * if there is a bias, `dbias`: ds summed over the axes along which the bias was stretched. `Σ_keys dp ⊙ p` equals
   * `Σ dy ⊙ y`, so p can be made again row by row.
   */
  PolyphaseAttentionGrad: {
    inputs: {
      dy: Tensor;
      q: Tensor;
      k: Tensor;
      v: Tensor;
      y: Tensor;
      logSumExp: Tensor;
      bias?: Tensor;
      mask?: Tensor;
    };
    attrs: { readonly scale: number };
    outputs: [dq: Tensor, dk: Tensor, dv: Tensor, dbias?: Tensor];
  };
  /**
   * As `PolyphaseAttention`, with q, k and v side by side: qkv `[batch, tokens, 3, heads, dim]` with its last three axes
   * as one → y `[batch, queries, heads · dim]` and logSumExp `[batch, heads, queries]`. The queries are those of the
   * first `queries` tokens.
   */
  PolyphasePackedAttention: {
    inputs: { qkv: Tensor; bias?: Tensor; mask?: Tensor };
    attrs: { readonly heads: number; readonly queries: number; readonly scale: number };
    outputs: [y: Tensor, logSumExp: Tensor];
  };
  /** As `PolyphaseAttentionGrad`: dq, dk and dv lie in dqkv as q, k and v do in qkv; dq of other tokens is 0. */
  PolyphasePackedAttentionGrad: {
    inputs: {
      dy: Tensor;
      qkv: Tensor;
      y: Tensor;
      logSumExp: Tensor;
      bias?: Tensor;
      mask?: Tensor;
    };
    attrs: { readonly heads: number; readonly queries: number; readonly scale: number };
    outputs: [dqkv: Tensor, dbias?: Tensor];
  };
  /**
   * `activation(z + bias)`, z being the cross-correlation of x `[batch, height, width, channels]` with the filter, with
   * zeros around, and bias `[out]`.
   */
  PolyphaseConv2d: {
    inputs: { x: Tensor; filter: Tensor; bias?: Tensor };
    attrs: ConvAttributes & { readonly activation: Rectifier };
    outputs: [y: Tensor];
  };
  /** Gradient with respect to x. */
  PolyphaseConv2dInputGrad: {
    inputs: { dy: Tensor; filter: Tensor };
    attrs: ConvAttributes;
    outputs: [dx: Tensor];
  };
  /** Gradient with respect to the filter. */
  PolyphaseConv2dFilterGrad: {
    inputs: { dy: Tensor; x: Tensor };
    attrs: ConvAttributes;
    outputs: [dfilter: Tensor];
  };
  /**
   * Gives dy of every window to the first of its greatest values, row by row, NaN being the greatest: dy of the shape
   * of the output, x and dx `[batch, height, width, channels]`. The value itself is `MaxPool`.
   */
  PolyphaseMaxPoolGrad: {
    inputs: { dy: Tensor; x: Tensor };
    attrs: PoolAttributes;
    outputs: [dx: Tensor];
  };
  /**
   * `[...shape]`: element `i` is 0 where `uniform(key, count)[i] < rate` and `1/(1 − rate)` elsewhere, with `uniform` of
   * `pipeline/random.ts`, the same bits.
   */
  PolyphaseDropoutMask: {
    inputs: Record<never, never>;
    attrs: {
      readonly shape: readonly number[];
      readonly rate: number;
      readonly key: readonly [number, number];
    };
    outputs: [mask: Tensor];
  };
  /**
   * `y[b, i, j] = x[b, (i + rows[b]) mod height, (j + columns[b]) mod width]`: x and y `[batch, height, width, channels]`,
   * rows and columns float32, whole, of any sign, `[batch]` or `[1]` for all images alike. What is no number counts as 0.
   */
  PolyphaseRoll: {
    inputs: { x: Tensor; rows: Tensor; columns: Tensor };
    attrs: Record<never, never>;
    outputs: [y: Tensor];
  };
  /**
   * `Σ |x|^power` over the pixels `stride` apart and their channels: x `[batch, height, width, channels]`, whose sides the
   * stride divides → energies `[batch, phases]`, phases row by row by where they start. power is 1, 2, 3 or 4.
   */
  PolyphasePhaseEnergies: {
    inputs: { x: Tensor };
    attrs: { readonly stride: readonly [rows: number, columns: number]; readonly power: number };
    outputs: [energies: Tensor];
  };
}

/** Name of a fused kernel. */
export type FusedKernelName = keyof FusedKernels;

/** Whether all of these kernels are registered for the backend in use. */
export function hasFused(...names: readonly FusedKernelName[]): boolean {
  return hasKernel(...names);
}

/** As {@linkcode hasFused}, for kernels of any name. */
export function hasKernel(...names: readonly string[]): boolean {
  const backend = tf.getBackend();
  return names.every((name) => tf.getKernel(name, backend) != null);
}

/** Runs a fused kernel on the backend in use; inputs that are undefined are left out. */
export function runFused<Name extends FusedKernelName>(
  name: Name,
  inputs: FusedKernels[Name]["inputs"],
  attrs: FusedKernels[Name]["attrs"],
): FusedKernels[Name]["outputs"] {
  const present = Object.entries(inputs).filter(([, tensor]) => tensor !== undefined);
  return runKernel(name, Object.fromEntries(present), attrs) as FusedKernels[Name]["outputs"];
}

/** Runs a kernel of any name. */
export function runKernel(
  name: string,
  inputs: Readonly<Record<string, Tensor>>,
  attrs: object,
): Tensor | Tensor[] {
  return tf.engine().runKernel(name, inputs, attrs as Parameters<KernelRunner>[2]) as Tensor | Tensor[];
}

type KernelRunner = ReturnType<typeof tf.engine>["runKernel"];
