/**
 * Convolutional layers on plain arrays in PyTorch's order, channels before rows, in double precision and with one loop an
 * axis: what the models are compared with. Weights are drawn in PyTorch's names and shapes.
 *
 * @module
 */

import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Params, TorchEntry } from "../../models/model.ts";
import { flatten, unflatten } from "../../models/params.ts";
import { foldIn, type Key, normal } from "../../pipeline/random.ts";

/** Images `[batch, channels, height, width]`. */
export interface Maps {
  readonly shape: readonly [batch: number, channels: number, height: number, width: number];
  readonly data: Float64Array;
}

/** Weights of a state dict by name. */
export type StateDict = ReadonlyMap<string, Float32Array>;

/** Normally distributed weights; running variances and scales are positive. */
export function drawStateDict(key: Key, entries: readonly TorchEntry[]): StateDict {
  return new Map(entries.map(({ torch, shape }) => {
    const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
    const values = normal(foldIn(key, torch), shape.reduce((product, size) => product * size, 1));
    const isPositive = torch.endsWith("running_var") || (shape.length === 1 && torch.endsWith(".weight"));
    return [
      torch,
      values.map((value) => isPositive ? 0.5 + Math.abs(value) : value / Math.sqrt(fanIn)),
    ];
  }));
}

/** The parameters that a state dict holds, by what the entries say. `fresh` gives names, order and shapes. */
export function paramsOf(state: StateDict, entries: readonly TorchEntry[], fresh: Params): Params {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  return unflatten(
    flatten(fresh).map(([name, like]): [string, Tensor] => {
      const { torch, shape, view = shape, axes } = byName.get(name)!;
      const turned = tf.tidy(() => {
        const there = tf.tensor(state.get(torch)!, [...view]);
        return tf.reshape(axes === undefined ? there : tf.transpose(there, [...axes]), like.shape);
      });
      return [name, turned];
    }),
  );
}

/** Cross-correlation with the filter `<name>.weight` `[out, in, kernel, kernel]`, and `<name>.bias` if there is one. */
export function conv(state: StateDict, name: string, x: Maps, stride = 1, padding = 0): Maps {
  const [batch, inputs, height, width] = x.shape;
  const [weight, bias] = [state.get(`${name}.weight`)!, state.get(`${name}.bias`)];
  const outputs = outputsOf(state, name, inputs);
  const kernel = Math.sqrt(weight.length / outputs / inputs);
  return slide(x, outputs, kernel, stride, padding, (image, out, top, left) => {
    let sum = bias?.[out] ?? 0;
    for (let channel = 0; channel < inputs; channel++) {
      for (let row = 0; row < kernel; row++) {
        for (let column = 0; column < kernel; column++) {
          const [y, z] = [top + row, left + column];
          if (y < 0 || z < 0 || y >= height || z >= width) continue;
          sum += weight[((out * inputs + channel) * kernel + row) * kernel + column] *
            x.data[((image * inputs + channel) * height + y) * width + z];
        }
      }
    }
    return sum;
  }, batch);
}

/** The greatest value of each window of 3×3 pixels, with stride 2 and padding 1. */
export function pool(x: Maps): Maps {
  const [batch, channels, height, width] = x.shape;
  return slide(x, channels, 3, 2, 1, (image, channel, top, left) => {
    let greatest = -Infinity;
    for (let y = Math.max(0, top); y < Math.min(height, top + 3); y++) {
      for (let z = Math.max(0, left); z < Math.min(width, left + 3); z++) {
        greatest = Math.max(greatest, x.data[((image * channels + channel) * height + y) * width + z]);
      }
    }
    return greatest;
  }, batch);
}

/** Batch norm by the running statistics, or in training by the batch's own. */
export function norm(state: StateDict, name: string, x: Maps, training: boolean): Maps {
  const [batch, channels, height, width] = x.shape;
  const pixels = height * width;
  const data = new Float64Array(x.data.length);
  for (let channel = 0; channel < channels; channel++) {
    const places = Array.from(
      { length: batch * pixels },
      (_, index) => (Math.floor(index / pixels) * channels + channel) * pixels + index % pixels,
    );
    const mean = places.reduce((sum, place) => sum + x.data[place], 0) / places.length;
    const variance = places.reduce((sum, place) => sum + (x.data[place] - mean) ** 2, 0) / places.length;
    const [centre, spread] = training
      ? [mean, variance]
      : [state.get(`${name}.running_mean`)![channel], state.get(`${name}.running_var`)![channel]];
    const scale = state.get(`${name}.weight`)![channel] / Math.sqrt(spread + 1e-5);
    for (const place of places) {
      data[place] = (x.data[place] - centre) * scale + state.get(`${name}.bias`)![channel];
    }
  }
  return { shape: x.shape, data };
}

/** `max(x + other, 0)`. */
export function relu(x: Maps, other?: Maps): Maps {
  return {
    shape: x.shape,
    data: x.data.map((value, index) => Math.max(0, value + (other?.data[index] ?? 0))),
  };
}

/** The mean over pixels, `[batch, channels, 1, 1]`. */
export function mean(x: Maps): Maps {
  const [batch, channels, height, width] = x.shape;
  const pixels = height * width;
  const data = Float64Array.from(
    { length: batch * channels },
    (_, row) =>
      x.data.subarray(row * pixels, (row + 1) * pixels).reduce((sum, value) => sum + value) / pixels,
  );
  return { shape: [batch, channels, 1, 1], data };
}

/** `weight · x + bias` of each image flattened, channels first: `[batch, out, 1, 1]`. */
export function dense(state: StateDict, name: string, { shape, data }: Maps): Maps {
  const [batch, inputs] = [shape[0], shape[1] * shape[2] * shape[3]];
  return conv(state, name, { shape: [batch, inputs, 1, 1], data });
}

/** Tokens `[batch, height · width, channels]` of such images. */
export function tokensOf({ shape, data }: Maps): Tensor {
  return tf.tidy(() => {
    const [batch, channels, height, width] = shape;
    const images = tf.tensor(Float32Array.from(data), [...shape]);
    return tf.reshape(tf.transpose(images, [0, 2, 3, 1]), [batch, height * width, channels]);
  });
}

/** Random images. */
export function drawMaps(key: Key, shape: Maps["shape"]): Maps {
  return {
    shape,
    data: Float64Array.from(normal(key, shape.reduce((product, size) => product * size, 1))),
  };
}

function outputsOf(state: StateDict, name: string, inputs: number): number {
  const [weight, bias] = [state.get(`${name}.weight`)!, state.get(`${name}.bias`)];
  if (bias !== undefined) return bias.length;
  // A convolution without bias is followed by a batch norm, which knows.
  const after = name.includes("downsample") ? name.replace(/0$/, "1") : name.replace(/conv(\d)$/, "bn$1");
  const outputs = state.get(`${after}.weight`)!.length;
  if (weight.length % (outputs * inputs) !== 0) throw new Error(`${name} does not take ${inputs} channels`);
  return outputs;
}

function slide(
  { shape: [, , height, width] }: Maps,
  outputs: number,
  kernel: number,
  stride: number,
  padding: number,
  valueOf: (image: number, out: number, top: number, left: number) => number,
  batch: number,
): Maps {
  const [rows, columns] = [height, width].map((size) =>
    Math.floor((size + 2 * padding - kernel) / stride) + 1
  );
  const data = new Float64Array(batch * outputs * rows * columns);
  let place = 0;
  for (let image = 0; image < batch; image++) {
    for (let out = 0; out < outputs; out++) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          data[place++] = valueOf(image, out, row * stride - padding, column * stride - padding);
        }
      }
    }
  }
  return { shape: [batch, outputs, rows, columns], data };
}
