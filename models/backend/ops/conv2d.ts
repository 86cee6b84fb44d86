/**
 * Two-dimensional convolution, grouped and depthwise too, as PyTorch's `conv2d` on channels-last tensors.
 *
 * Each of its three parts (value, gradient of the input, gradient of the filter) takes the first way there is: our
 * kernel; TensorFlow.js's own, which no backend has for everything; a matrix product.
 *
 * @module
 */

import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type Tensor, tf } from "../tf.ts";
import {
  filterFromColumns,
  filterToColumns,
  fromColumns,
  outputFromColumns,
  outputToColumns,
  toColumns,
} from "./columns.ts";
import { differentiable, type ExactOption, isExact } from "./differentiable.ts";
import {
  type ConvAttributes,
  hasFused,
  hasKernel,
  type Rectifier,
  runFused,
  runKernel,
} from "./fused_kernels.ts";
import { rectifierGrad, relu } from "./relu.ts";
import { expectFeatures } from "./rows.ts";
import { explicitPadding, type Padding, type Pair, type Window, windowOver } from "./window.ts";

/** Options of {@linkcode conv2d}. */
export interface Conv2dOptions extends ExactOption {
  /** Step from window to window. Default 1. */
  readonly strides?: Pair;
  /** Zeros around the image. Default 0. */
  readonly padding?: Padding;
  /** Distance between the taps of the filter. Default 1. */
  readonly dilations?: Pair;
  /** `[out]`, is added to each pixel. Default none. */
  readonly bias?: Tensor;
  /** What is applied to the result. Default `none`. */
  readonly activation?: Rectifier;
  /** Number of groups of channels that do not see each other; as many as channels is a depthwise convolution. Default 1. */
  readonly groups?: number;
}

/**
 * Cross-correlation of images with a filter, with bias and activation.
 *
 * @param x `[batch, height, width, channels]`
 * @param filter `[kernel height, kernel width, channels / groups, out]`; PyTorch's transposed by `(2, 3, 1, 0)`
 * @returns `[batch, out height, out width, out]`
 * @throws {PolyphaseError} if the shapes do not fit
 */
export function conv2d(x: Tensor, filter: Tensor, options: Conv2dOptions = {}): Tensor {
  return tf.tidy(() => {
    const { strides = 1, padding = 0, dilations = 1, groups = 1 } = options;
    expectFilter(x.shape, filter.shape, groups);
    const kernel = [filter.shape[0], filter.shape[1]!] as const;
    const window = windowOver("conv2d", x.shape, { kernel, strides, padding, dilations });
    const attrs = attributes(x, filter, window, groups);
    const { bias, activation = "none" } = options;
    if (bias) expectFeatures("conv2d", filter.shape[3]!, { bias });
    if (isExact(options)) return finished(columnForward(x, filter, window, attrs), bias, activation);
    const inputs: Record<string, Tensor> = bias ? { x, filter, bias } : { x, filter };
    return differentiable(inputs, (save) => {
      const y = forward(x, filter, bias, window, attrs, activation);
      save(x, filter, ...activation === "relu" ? [y] : []);
      return y;
    }, (dy, x, filter, y) => {
      const [dz, dbias] = activation === "relu" ? rectifierGrad(dy, y) : [dy];
      return {
        x: () => inputGrad(dz, filter, window, attrs),
        filter: () => filterGrad(dz, x, window, attrs),
        bias: () => dbias ?? tf.sum(dz, [0, 1, 2]),
      };
    });
  });
}

/** Bias and activation of plain operations, with right second derivatives. */
function finished(z: Tensor, bias: Tensor | undefined, activation: Rectifier): Tensor {
  const biased = bias ? tf.add(z, bias) : z;
  return activation === "relu" ? relu(biased) : biased;
}

function expectFilter(input: readonly number[], filter: readonly number[], groups: number): void {
  const fits = input.length === 4 && filter.length === 4 && Number.isInteger(groups) && groups > 0 &&
    filter[2] * groups === input[3] && filter[3] % groups === 0;
  if (!fits) {
    throw new PolyphaseError(
      `conv2d got x [${input}] and filter [${filter}] with ${groups} groups, expected ` +
        `[batch, height, width, channels] and [kernel height, kernel width, channels / groups, out], ` +
        `out a multiple of groups: transpose or reshape them`,
    );
  }
}

function attributes(x: Tensor, filter: Tensor, { rows, columns }: Window, groups: number): ConvAttributes {
  const filterShape = [...filter.shape] as [number, number, number, number];
  return {
    inputShape: [...x.shape] as [number, number, number, number],
    filterShape,
    outputShape: [x.shape[0], rows.output, columns.output, filterShape[3]],
    strides: [rows.stride, columns.stride],
    pads: [rows.before, rows.after, columns.before, columns.after],
    dilations: [rows.dilation, columns.dilation],
    groups,
  };
}

function forward(
  x: Tensor,
  filter: Tensor,
  bias: Tensor | undefined,
  window: Window,
  attrs: ConvAttributes,
  activation: Rectifier,
): Tensor {
  if (hasFused("PolyphaseConv2d")) {
    return runFused("PolyphaseConv2d", { x, filter, bias }, { ...attrs, activation })[0];
  }
  return finished(ownForward(x, filter, window, attrs), bias, activation);
}

function ownForward(x: Tensor, filter: Tensor, window: Window, attrs: ConvAttributes): Tensor {
  const [strides, dilations] = [[...attrs.strides], [...attrs.dilations]] as [number, number][];
  const hasOne = isOnes(strides) || isOnes(dilations);
  const pad = explicitPadding(window);
  if (attrs.groups === 1 && hasOne && hasKernel("Conv2D")) {
    return tf.conv2d(x as Tensor4D, filter as Tensor4D, strides, pad, "NHWC", dilations);
  }
  if (isDepthwise(attrs) && hasOne && hasKernel("DepthwiseConv2dNative")) {
    const depthwise = tf.reshape(filter, depthwiseShape(attrs)) as Tensor4D;
    return tf.depthwiseConv2d(x as Tensor4D, depthwise, strides, pad, "NHWC", dilations);
  }
  return columnForward(x, filter, window, attrs);
}

function inputGrad(dy: Tensor, filter: Tensor, window: Window, attrs: ConvAttributes): Tensor {
  if (hasFused("PolyphaseConv2dInputGrad")) {
    return runFused("PolyphaseConv2dInputGrad", { dy, filter }, attrs)[0];
  }
  const own = { ...ownAttributes(window, attrs), inputShape: attrs.inputShape };
  if (attrs.groups === 1 && isOnes(attrs.dilations) && hasKernel("Conv2DBackpropInput")) {
    return runKernel("Conv2DBackpropInput", { dy, filter }, own) as Tensor;
  }
  if (hasOwnDepthwise("DepthwiseConv2dNativeBackpropInput", attrs)) {
    const depthwise = tf.reshape(filter, depthwiseShape(attrs));
    return runKernel("DepthwiseConv2dNativeBackpropInput", { dy, filter: depthwise }, own) as Tensor;
  }
  const columns = tf.matMul(
    outputToColumns(dy, attrs.groups),
    filterToColumns(filter, attrs.groups),
    false,
    true,
  );
  return fromColumns(columns, window, attrs);
}

function filterGrad(dy: Tensor, x: Tensor, window: Window, attrs: ConvAttributes): Tensor {
  if (hasFused("PolyphaseConv2dFilterGrad")) {
    return runFused("PolyphaseConv2dFilterGrad", { dy, x }, attrs)[0];
  }
  const own = ownAttributes(window, attrs);
  if (attrs.groups === 1 && isOnes(attrs.dilations) && hasKernel("Conv2DBackpropFilter")) {
    return runKernel("Conv2DBackpropFilter", { x, dy }, { ...own, filterShape: attrs.filterShape }) as Tensor;
  }
  if (hasOwnDepthwise("DepthwiseConv2dNativeBackpropFilter", attrs)) {
    const filterShape = depthwiseShape(attrs);
    const dfilter = runKernel("DepthwiseConv2dNativeBackpropFilter", { x, dy }, { ...own, filterShape });
    return tf.reshape(dfilter as Tensor, [...attrs.filterShape]);
  }
  const columns = tf.matMul(
    toColumns(x, window, attrs.groups),
    outputToColumns(dy, attrs.groups),
    true,
    false,
  );
  return filterFromColumns(columns, attrs);
}

/** The convolution as a matrix product; its derivatives of any order are right. */
function columnForward(x: Tensor, filter: Tensor, window: Window, attrs: ConvAttributes): Tensor {
  const { groups } = attrs;
  return outputFromColumns(
    tf.matMul(toColumns(x, window, groups), filterToColumns(filter, groups)),
    attrs,
  );
}

type Tensor4D = ReturnType<typeof tf.tensor4d>;

function ownAttributes(window: Window, { strides, dilations }: ConvAttributes): object {
  return { strides, dilations, pad: explicitPadding(window), dataFormat: "NHWC" };
}

function isOnes(pair: readonly [number, number]): boolean {
  return pair[0] === 1 && pair[1] === 1;
}

function isDepthwise({ groups, filterShape }: ConvAttributes): boolean {
  return groups > 1 && filterShape[2] === 1;
}

function hasOwnDepthwise(name: string, attrs: ConvAttributes): boolean {
  return isDepthwise(attrs) && isOnes(attrs.dilations) && hasKernel(name);
}

/** The filter as TensorFlow.js's depthwise kernels have it, the same data: `[height, width, channels, out / channels]`. */
function depthwiseShape(
  { filterShape: [height, width, , out], groups }: ConvAttributes,
): [number, number, number, number] {
  return [height, width, groups, out / groups];
}
