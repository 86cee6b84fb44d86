/**
 * Convolution and maximum pooling as plain loops in double precision.
 *
 * @module
 */

import type { ConvAttributes, PoolAttributes } from "../../../../models/backend/ops/fused_kernels.ts";
import { array, type Array_ } from "./reference_array.ts";

type Visit = (place: { readonly x: number; readonly filter: number; readonly y: number }) => void;

/** Calls `visit` for every product of a convolution, with the places of its operands and of the sum it goes to. */
function products(attrs: ConvAttributes, visit: Visit): void {
  const { inputShape, filterShape, outputShape, strides, pads, dilations, groups } = attrs;
  const [, height, width, channels] = inputShape;
  const [kernelRows, kernelColumns, depth, out] = filterShape;
  const [batch, rows, columns] = outputShape;
  for (let b = 0; b < batch; b++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        for (let i = 0; i < kernelRows; i++) {
          for (let j = 0; j < kernelColumns; j++) {
            const h = r * strides[0] + i * dilations[0] - pads[0];
            const w = c * strides[1] + j * dilations[1] - pads[2];
            if (h < 0 || h >= height || w < 0 || w >= width) continue;
            for (let d = 0; d < depth; d++) {
              for (let o = 0; o < out; o++) {
                const channel = Math.floor(o / (out / groups)) * depth + d;
                visit({
                  x: ((b * height + h) * width + w) * channels + channel,
                  filter: ((i * kernelColumns + j) * depth + d) * out + o,
                  y: ((b * rows + r) * columns + c) * out + o,
                });
              }
            }
          }
        }
      }
    }
  }
}

/** Value of a convolution. */
export function conv2d(x: Array_, filter: Array_, attrs: ConvAttributes): Array_ {
  const y = array(attrs.outputShape);
  products(attrs, (at) => y.values[at.y] += x.values[at.x] * filter.values[at.filter]);
  return y;
}

/** Gradient with respect to the input. */
export function conv2dInputGrad(dy: Array_, filter: Array_, attrs: ConvAttributes): Array_ {
  const dx = array(attrs.inputShape);
  products(attrs, (at) => dx.values[at.x] += dy.values[at.y] * filter.values[at.filter]);
  return dx;
}

/** Gradient with respect to the filter. */
export function conv2dFilterGrad(dy: Array_, x: Array_, attrs: ConvAttributes): Array_ {
  const dfilter = array(attrs.filterShape);
  products(attrs, (at) => dfilter.values[at.filter] += dy.values[at.y] * x.values[at.x]);
  return dfilter;
}

/** The windows of a pooling: for each place of the output, the places in the image it lies on, row by row. */
export function windows({ inputShape, outputShape, size, strides, pads }: PoolAttributes): number[][] {
  const [, height, width, channels] = inputShape;
  const [batch, rows, columns] = outputShape;
  const all: number[][] = [];
  for (let b = 0; b < batch; b++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        for (let d = 0; d < channels; d++) {
          const places: number[] = [];
          for (let i = 0; i < size[0]; i++) {
            for (let j = 0; j < size[1]; j++) {
              const [h, w] = [r * strides[0] + i - pads[0], c * strides[1] + j - pads[2]];
              if (h < 0 || h >= height || w < 0 || w >= width) continue;
              places.push(((b * height + h) * width + w) * channels + d);
            }
          }
          all.push(places);
        }
      }
    }
  }
  return all;
}

/** Gradient of a maximum pooling. */
export function maxPoolGrad(dy: Array_, x: Array_, attrs: PoolAttributes): Array_ {
  const dx = array(attrs.inputShape);
  windows(attrs).forEach((places, index) => {
    const best = places.reduce((a, b) => x.values[b] > x.values[a] || Number.isNaN(x.values[b]) ? b : a);
    dx.values[best] += dy.values[index];
  });
  return dx;
}
