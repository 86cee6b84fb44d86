/**
 * Every fused kernel as plain loops in double precision, on the CPU backend: what the contract of
 * `models/backend/ops/fused_kernels.ts` means, and the values that all forms of the ops are held to.
 *
 * @module
 */

import type { FusedKernelName } from "../../../../models/backend/ops/fused_kernels.ts";
import { tf } from "../../../../models/backend/tf.ts";
import { uniform } from "../../../../pipeline/random.ts";
import { conv2d, conv2dFilterGrad, conv2dInputGrad, maxPoolGrad } from "./reference_images.ts";
import { phaseEnergies, roll } from "./reference_phases.ts";
import { array, type Array_, type Attrs, type Inputs, matrix } from "./reference_array.ts";

const TANH_SCALE = Math.sqrt(2 / Math.PI);

/** The error function, by its Taylor series: good to 1e-8, where it is not 1 in float32. */
function erf(x: number): number {
  if (!(Math.abs(x) < 4)) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; n < 100; n++) {
    term *= -x * x / n;
    sum += term / (2 * n + 1);
  }
  return sum * 2 / Math.sqrt(Math.PI);
}

function gelu(x: number, approximate: string): number {
  return approximate === "none"
    ? 0.5 * x * (1 + erf(x * Math.SQRT1_2))
    : 0.5 * x * (1 + Math.tanh(TANH_SCALE * (x + 0.044715 * x ** 3)));
}

function geluSlope(x: number, approximate: string): number {
  if (approximate === "none") {
    return 0.5 * (1 + erf(x * Math.SQRT1_2)) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }
  const height = Math.tanh(TANH_SCALE * (x + 0.044715 * x ** 3));
  return 0.5 * (1 + height) + 0.5 * x * (1 - height ** 2) * TANH_SCALE * (1 + 3 * 0.044715 * x * x);
}

function activate(x: number, activation: string): number {
  if (activation === "none") return x;
  if (activation === "relu") return Number.isNaN(x) ? x : Math.max(x, 0);
  return gelu(x, activation === "gelu" ? "none" : "tanh");
}

function activationSlope(saved: number, activation: string): number {
  if (activation === "relu") return saved > 0 ? 1 : Number.isNaN(saved) ? NaN : 0;
  return geluSlope(saved, activation === "gelu" ? "none" : "tanh");
}

function softmaxOf(row: readonly number[]): { probabilities: number[]; logSumExp: number } {
  const greatest = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const exponentials = row.map((x) => Math.exp(x - greatest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return { probabilities: exponentials.map((x) => x / sum), logSumExp: greatest + Math.log(sum) };
}

/** Works on a matrix row by row. */
function byRow(x: Array_, map: (row: number[], index: number) => number[]): Array_ {
  return array(x.shape, matrix(x).flatMap(map));
}

function columnSums(rows: number[][], columns: number): Array_ {
  return array(
    [columns],
    Array.from({ length: columns }, (_, c) => rows.reduce((sum, row) => sum + row[c], 0)),
  );
}

/** Normalized x and its `rstd`, from the mean and variance that belong to an element. */
function batchNormalized({ x, mean, variance }: Inputs, epsilon: number): number[][] {
  return matrix(x).map((row) =>
    row.map((value, c) => (value - mean.values[c]) / Math.sqrt(variance.values[c] + epsilon))
  );
}

/** One head of one sample: scores and probabilities, and where everything lies. */
function* heads({ q, k, v, bias, mask }: Inputs, scale: number) {
  const [batch, count, queries, dim] = q.shape;
  const [keys, width] = [k.shape[2], v.shape[3]];
  const at = (x: Array_, index: readonly number[]) =>
    x.shape.reduce((place, length, axis) => place * length + (length === 1 ? 0 : index[axis]), 0);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < count; h++) {
      const [qAt, kAt, vAt] = [queries * dim, keys * dim, keys * width].map((size) => (b * count + h) * size);
      for (let i = 0; i < queries; i++) {
        const seen = Array.from({ length: keys }, (_, j) => !mask || !!mask.values[at(mask, [b, h, i, j])]);
        const scores = seen.map((isSeen, j) => {
          if (!isSeen) return -Infinity;
          let sum = bias ? bias.values[at(bias, [b, h, i, j])] : 0;
          for (let d = 0; d < dim; d++) {
            sum += scale * q.values[qAt + i * dim + d] * k.values[kAt + j * dim + d];
          }
          return sum;
        });
        const { probabilities, logSumExp } = seen.some(Boolean)
          ? softmaxOf(scores)
          : { probabilities: scores.map(() => 0), logSumExp: -Infinity };
        const row = (b * count + h) * queries + i;
        const biasAt = (j: number) => at(bias, [b, h, i, j]);
        yield { row, qRow: qAt + i * dim, kAt, vAt, dim, keys, width, probabilities, logSumExp, biasAt };
      }
    }
  }
}

const zeros = (x: Array_): Array_ => array(x.shape, new Array(x.values.length).fill(0));

function targetsOf(labels: Array_, smoothing: number): number[][] {
  return matrix(labels).map((row) => row.map((t) => t * (1 - smoothing) + smoothing / row.length));
}

/** `[batch, tokens, parts · heads · dim]` → for each part `[batch, heads, tokens, dim]`. */
function split({ shape: [batch, tokens, width], values }: Array_, parts: number, heads: number): Array_[] {
  const dim = width / parts / heads;
  return Array.from({ length: parts }, (_, part) => {
    const each = zeros(array([batch, heads, tokens, dim]));
    each.values.forEach((_, i) => {
      const [d, token, rest] = [i % dim, Math.floor(i / dim) % tokens, Math.floor(i / dim / tokens)];
      const row = Math.floor(rest / heads) * tokens + token;
      each.values[i] = values[row * width + (part * heads + rest % heads) * dim + d];
    });
    return each;
  });
}

function apart(qkv: Array_, heads: number): { q: Array_; k: Array_; v: Array_ } {
  const [q, k, v] = split(qkv, 3, heads);
  return { q, k, v };
}

/** `[batch, heads, tokens, dim]` with fewer tokens, or with zeros for more. */
function resized(x: Array_, tokens: number): Array_ {
  const [batch, heads, all, dim] = x.shape;
  const other = zeros(array([batch, heads, tokens, dim]));
  other.values.forEach((_, i) => {
    const [token, head] = [Math.floor(i / dim) % tokens, Math.floor(i / dim / tokens)];
    if (token < all) other.values[i] = x.values[(head * all + token) * dim + i % dim];
  });
  return other;
}

/** The inverse of {@linkcode split}. */
function together(parts: readonly Array_[]): Array_ {
  const [batch, heads, tokens, dim] = parts[0].shape;
  const whole = zeros(array([batch, tokens, parts.length * heads * dim]));
  whole.values.forEach((_, i) => {
    const [d, head] = [i % dim, Math.floor(i / dim) % heads];
    const [part, row] = [
      Math.floor(i / dim / heads) % parts.length,
      Math.floor(i / dim / heads / parts.length),
    ];
    const [sample, token] = [Math.floor(row / tokens), row % tokens];
    whole.values[i] = parts[part].values[((sample * heads + head) * tokens + token) * dim + d];
  });
  return whole;
}

/** The kernels by name. */
const KERNELS: Record<FusedKernelName, (inputs: Inputs, attrs: Attrs) => Array_[]> = {
  PolyphaseLinear: ({ x, weight, bias }, { activation, keepPreActivation }) => {
    const [w, columns] = [matrix(weight), weight.shape[1]];
    const z = array(
      [x.shape[0], columns],
      matrix(x).flatMap((row) =>
        Array.from(
          { length: columns },
          (_, c) => row.reduce((sum, value, i) => sum + value * w[i][c], bias ? bias.values[c] : 0),
        )
      ),
    );
    const y = array(z.shape, Array.from(z.values, (value) => activate(value, activation)));
    return keepPreActivation ? [y, z] : [y];
  },
  PolyphaseLinearGrad: ({ dy, saved }, { activation }) => {
    const dz = array(
      dy.shape,
      Array.from(dy.values, (value, i) => value * activationSlope(saved.values[i], activation)),
    );
    return [dz, columnSums(matrix(dz), dy.shape[1])];
  },
  PolyphaseGelu: (
    { x },
    { approximate },
  ) => [array(x.shape, Array.from(x.values, (each) => gelu(each, approximate)))],
  PolyphaseGeluGrad: ({ dy, x }, { approximate }) => [
    array(x.shape, Array.from(x.values, (each, i) => dy.values[i] * geluSlope(each, approximate))),
  ],
  PolyphaseSoftmax: ({ x }) => [byRow(x, (row) => softmaxOf(row).probabilities)],
  PolyphaseSoftmaxGrad: ({ dy, y }) => [
    byRow(y, (row, r) => {
      const slopes = matrix(dy)[r];
      const sum = row.reduce((total, p, c) => total + p * slopes[c], 0);
      return row.map((p, c) => p * (slopes[c] - sum));
    }),
  ],
  PolyphaseLogSoftmax: ({ x }) => [byRow(x, (row) => row.map((each) => each - softmaxOf(row).logSumExp))],
  PolyphaseLogSoftmaxGrad: ({ dy, y }) => [
    byRow(dy, (row, r) => {
      const sum = row.reduce((a, b) => a + b, 0);
      return row.map((slope, c) => slope - Math.exp(matrix(y)[r][c]) * sum);
    }),
  ],
  PolyphaseLayerNorm: ({ x, gamma, beta }, { epsilon }) => {
    const moments = matrix(x).map((row) => {
      const mean = row.reduce((a, b) => a + b, 0) / row.length;
      const variance = row.reduce((sum, each) => sum + (each - mean) ** 2, 0) / row.length;
      return [mean, 1 / Math.sqrt(variance + epsilon)];
    });
    const y = byRow(
      x,
      (row, r) =>
        row.map((each, c) => (each - moments[r][0]) * moments[r][1] * gamma.values[c] + beta.values[c]),
    );
    return [
      y,
      array([x.shape[0]], moments.map(([mean]) => mean)),
      array([x.shape[0]], moments.map((m) => m[1])),
    ];
  },
  PolyphaseLayerNormGrad: ({ dy, x, gamma, mean, rstd }) => {
    const [slopes, features] = [matrix(dy), x.shape[1]];
    const normalized = matrix(x).map((row, r) => row.map((v) => (v - mean.values[r]) * rstd.values[r]));
    const dx = byRow(dy, (row, r) => {
      const g = row.map((slope, c) => slope * gamma.values[c]);
      const average = g.reduce((a, b) => a + b, 0) / features;
      const along = g.reduce((sum, each, c) => sum + each * normalized[r][c], 0) / features;
      return g.map((each, c) => rstd.values[r] * (each - average - normalized[r][c] * along));
    });
    const products = slopes.map((row, r) => row.map((slope, c) => slope * normalized[r][c]));
    return [dx, columnSums(products, features), columnSums(slopes, features)];
  },
  PolyphaseMoments: ({ x }) => {
    const [rows, channels] = [matrix(x), x.shape[1]];
    const mean = columnSums(rows, channels).values.map((sum) => sum / rows.length);
    const squares = rows.map((row) => row.map((each, c) => (each - mean[c]) ** 2));
    const variance = columnSums(squares, channels).values.map((sum) => sum / rows.length);
    return [array([channels], mean), array([channels], variance)];
  },
  PolyphaseBatchNorm: (inputs, { epsilon, activation }) => {
    const { x, gamma, beta, residual } = inputs;
    const y = batchNormalized(inputs, epsilon).flatMap((row, r) =>
      row.map((each, c) => {
        const sum = each * gamma.values[c] + beta.values[c];
        return activate(residual ? sum + residual.values[r * row.length + c] : sum, activation);
      })
    );
    return [array(x.shape, y)];
  },
  PolyphaseBatchNormGrad: (inputs, { epsilon, training }) => {
    const { dy, x, gamma, variance } = inputs;
    const [slopes, normalized, [rows, channels]] = [matrix(dy), batchNormalized(inputs, epsilon), x.shape];
    const dgamma = columnSums(slopes.map((row, r) => row.map((s, c) => s * normalized[r][c])), channels);
    const dbeta = columnSums(slopes, channels);
    const dx = byRow(dy, (row, r) =>
      row.map((slope, c) => {
        const removed = training ? (dbeta.values[c] + normalized[r][c] * dgamma.values[c]) / rows : 0;
        return gamma.values[c] / Math.sqrt(variance.values[c] + epsilon) * (slope - removed);
      }));
    return [dx, dgamma, dbeta];
  },
  PolyphaseSoftmaxCrossEntropy: ({ logits, labels }, { labelSmoothing }) => {
    const [rows, targets] = [matrix(logits), targetsOf(labels, labelSmoothing)];
    const logSumExps = rows.map((row) => softmaxOf(row).logSumExp);
    const losses = rows.map((row, r) =>
      row.reduce((sum, logit, c) => sum - targets[r][c] * (logit - logSumExps[r]), 0)
    );
    const loss = losses.reduce((a, b) => a + b, 0) / rows.length;
    return [array([], [loss]), array([rows.length], logSumExps)];
  },
  PolyphaseSoftmaxCrossEntropyGrad: ({ dy, logits, labels, logSumExp }, { labelSmoothing }) => {
    const targets = targetsOf(labels, labelSmoothing);
    return [
      byRow(logits, (row, r) => {
        const total = targets[r].reduce((a, b) => a + b, 0);
        return row.map((logit, c) =>
          dy.values[0] / logits.shape[0] * (Math.exp(logit - logSumExp.values[r]) * total - targets[r][c])
        );
      }),
    ];
  },
  PolyphaseAttention: (inputs, { scale }) => {
    const { q, v } = inputs;
    const y = zeros(array([...q.shape.slice(0, 3), v.shape[3]]));
    const logSumExps = zeros(array(q.shape.slice(0, 3)));
    for (const { row, keys, width, vAt, probabilities, logSumExp } of heads(inputs, scale)) {
      logSumExps.values[row] = logSumExp;
      for (let j = 0; j < keys; j++) {
        for (let c = 0; c < width; c++) {
          y.values[row * width + c] += probabilities[j] * v.values[vAt + j * width + c];
        }
      }
    }
    return [y, logSumExps];
  },
  PolyphaseAttentionGrad: (inputs, { scale }) => {
    const { dy, q, k, v, bias } = inputs;
    const [dq, dk, dv] = [zeros(q), zeros(k), zeros(v)];
    const dbias = bias && zeros(bias);
    for (const { row, qRow, kAt, vAt, dim, keys, width, probabilities, biasAt } of heads(inputs, scale)) {
      const dp = probabilities.map((p, j) => {
        let sum = 0;
        for (let c = 0; c < width; c++) {
          sum += dy.values[row * width + c] * v.values[vAt + j * width + c];
          dv.values[vAt + j * width + c] += p * dy.values[row * width + c];
        }
        return sum;
      });
      const total = dp.reduce((sum, each, j) => sum + each * probabilities[j], 0);
      for (let j = 0; j < keys; j++) {
        const ds = probabilities[j] * (dp[j] - total);
        if (dbias) dbias.values[biasAt(j)] += ds;
        for (let d = 0; d < dim; d++) {
          dq.values[qRow + d] += scale * ds * k.values[kAt + j * dim + d];
          dk.values[kAt + j * dim + d] += scale * ds * q.values[qRow + d];
        }
      }
    }
    return dbias ? [dq, dk, dv, dbias] : [dq, dk, dv];
  },
  PolyphasePackedAttention: ({ qkv, ...rest }, { heads, queries, scale }) => {
    const parts = apart(qkv, heads);
    const q = resized(parts.q, queries);
    const [y, logSumExp] = KERNELS.PolyphaseAttention({ ...parts, q, ...rest }, { scale });
    return [together([y]), logSumExp];
  },
  PolyphasePackedAttentionGrad: ({ qkv, dy, y, ...rest }, { heads, queries, scale }) => {
    const parts = apart(qkv, heads);
    const q = resized(parts.q, queries);
    const inputs = { ...parts, q, dy: split(dy, 1, heads)[0], y: split(y, 1, heads)[0], ...rest };
    const [dq, dk, dv, dbias] = KERNELS.PolyphaseAttentionGrad(inputs, { scale });
    const dqkv = together([resized(dq, qkv.shape[1]), dk, dv]);
    return dbias ? [dqkv, dbias] : [dqkv];
  },
  PolyphaseConv2d: ({ x, filter, bias }, attrs) => {
    const z = conv2d(x, filter, attrs);
    const out = filter.shape[3];
    return [array(
      z.shape,
      z.values.map((each, i) => activate(bias ? each + bias.values[i % out] : each, attrs.activation)),
    )];
  },
  PolyphaseConv2dInputGrad: ({ dy, filter }, attrs) => [conv2dInputGrad(dy, filter, attrs)],
  PolyphaseConv2dFilterGrad: ({ dy, x }, attrs) => [conv2dFilterGrad(dy, x, attrs)],
  PolyphaseMaxPoolGrad: ({ dy, x }, attrs) => [maxPoolGrad(dy, x, attrs)],
  PolyphaseDropoutMask: (_, { shape, rate, key }) => {
    const count = shape.reduce((a: number, b: number) => a * b, 1);
    return [array(shape, Array.from(uniform(key, count), (draw) => draw < rate ? 0 : 1 / (1 - rate)))];
  },
  PolyphaseRoll: ({ x, rows, columns }) => [roll(x, rows, columns)],
  PolyphasePhaseEnergies: ({ x }, attrs) => [phaseEnergies(x, attrs)],
};

/** How often each kernel was run since {@linkcode registerReferenceKernels}. */
export const runs: Map<string, number> = new Map();

/** Names of all fused kernels. */
export const referenceKernelNames = Object.keys(KERNELS) as FusedKernelName[];

/** The CPU backend as kernels see it. */
type CpuBackend = {
  readonly data: { get(id: object): { readonly values: ArrayLike<number> } };
  makeTensorInfo(shape: number[], dtype: "float32", values: Float32Array): unknown;
};

/** Registers all kernels for the CPU backend. */
export function registerReferenceKernels(): void {
  runs.clear();
  for (const kernelName of referenceKernelNames) {
    tf.registerKernel({
      kernelName,
      backendName: "cpu",
      kernelFunc: ({ inputs, attrs, backend }) => {
        runs.set(kernelName, (runs.get(kernelName) ?? 0) + 1);
        const cpu = backend as unknown as CpuBackend;
        const arrays = Object.fromEntries(
          Object.entries(inputs).map(([name, info]) => [
            name,
            array(info!.shape, Array.from(cpu.data.get(info!.dataId).values)),
          ]),
        );
        const outputs = KERNELS[kernelName](arrays as Inputs, attrs as unknown as Attrs);
        return outputs.map(({ shape, values }) =>
          cpu.makeTensorInfo([...shape], "float32", Float32Array.from(values))
        ) as ReturnType<Parameters<typeof tf.registerKernel>[0]["kernelFunc"]>;
      },
    });
  }
}

/** Takes them away again. */
export function unregisterReferenceKernels(): void {
  for (const name of referenceKernelNames) tf.unregisterKernel(name, "cpu");
}
