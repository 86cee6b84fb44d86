/**
 * The block of a ResNet: a path of convolutions around which the input goes unchanged, or through a convolution of one
 * pixel where the shape changes.
 *
 * K. He et al., "Deep Residual Learning for Image Recognition", arXiv 1512.03385.
 *
 * @module
 */

import { foldIn, type Key, split } from "../../pipeline/random.ts";
import { type Tensor, tf } from "../backend/tf.ts";
import type { ApplyOptions, Params, TorchEntry } from "../model.ts";
import type { PaddingMode } from "./blur_pool.ts";
import {
  type ConvNorm,
  convNorm,
  convNormEntries,
  convNormMultiplyAdds,
  convNormSize,
  initConvNorm,
} from "./conv_norm.ts";
import {
  type Downsample,
  downsample,
  downsampleLike,
  downsampleMultiplyAdds,
  type DownsampleRule,
  downsampleSize,
  initDownsample,
} from "./downsample.ts";

/** Size of a block. */
export interface ResidualBlockShape {
  /** Channels that come in. */
  readonly inputs: number;
  /** Channels of its 3×3 convolutions. */
  readonly width: number;
  /** Pixels from window to window of one of its 3×3 convolutions. */
  readonly stride: number;
  /** What surrounds the image. Default `zero`. */
  readonly padding?: PaddingMode;
  /** How a stride other than 1 is taken instead: after the ReLU of that convolution. Default: the convolution strides. */
  readonly rule?: DownsampleRule;
}

/** What a block is made of. */
export interface ResidualBlock {
  /** Convolutions one after the other, each with batch norm; ReLU follows all but the last. */
  readonly path: readonly ConvNorm[];
  /** What the input goes through before it is added; absent where it is added as it is. */
  readonly shortcut?: ConvNorm;
  /** Channels that go out. */
  readonly outputs: number;
  /** How the image is made smaller, if no convolution strides. */
  readonly sampling?: BlockSampling;
}

/** How a block makes its image smaller where no convolution strides. */
export interface BlockSampling {
  /** Convolutions of the path that come before. */
  readonly after: number;
  /** What is done on the path, which chooses. */
  readonly onPath: Downsample;
  /** The same around it, before the convolution there, by the path's choice. */
  readonly around: Downsample;
}

/** The block of a path, with PyTorch's names: `conv1`, `bn1` and so on, `downsample.0` and `downsample.1`. */
export function residualBlock(
  { inputs, stride, padding, rule }: ResidualBlockShape,
  path: readonly Pick<ConvNorm, "kernelSize" | "outputs" | "stride">[],
): ResidualBlock {
  const { outputs } = path.at(-1)!;
  const strides = rule === undefined;
  const named = path.map((unit, index) => ({
    ...unit,
    stride: strides ? unit.stride : 1,
    padding,
    conv: `conv${index + 1}`,
    norm: `bn${index + 1}`,
    inputs: index === 0 ? inputs : path[index - 1].outputs,
  }));
  if (stride === 1 && inputs === outputs) return { path: named, outputs };
  const shortcut = {
    conv: "downsample.0",
    norm: "downsample.1",
    kernelSize: 1,
    inputs,
    outputs,
    stride: strides ? stride : 1,
    padding,
  };
  const striding = path.findIndex((unit) => unit.stride > 1);
  if (rule === undefined || striding < 0) return { path: named, shortcut, outputs };
  const sampling = {
    after: striding + 1,
    onPath: { rule, channels: path[striding].outputs, stride },
    around: { rule, channels: inputs, stride },
  };
  return { path: named, shortcut, outputs, sampling };
}

/**
 * Fresh parameters by dotted name; with `zero` the last batch norm begins at 0, so that the block does nothing at first.
 */
export function initResidualBlock(
  key: Key,
  block: ResidualBlock,
  zero: boolean,
): [name: string, tensor: Tensor][] {
  const units = unitsOf(block);
  const keys = split(key, units.length);
  const leaves = units.flatMap((unit, index) => initConvNorm(keys[index], unit));
  // From a key of their own: the rest begins as in the block without them.
  if (block.sampling) leaves.push(...initDownsample(foldIn(key, "sampling"), block.sampling.onPath));
  if (!zero) return leaves;
  const last = `${block.path.at(-1)!.norm}.weight`;
  return leaves.map(([name, tensor]) => {
    if (name !== last) return [name, tensor];
    tensor.dispose();
    return [name, tf.zeros(tensor.shape)];
  });
}

/**
 * `relu(path(x) + shortcut(x))`: `[batch, height, width, in]` → `[batch, out height, out width, out]`. `collect` is handed
 * what `downsample` has to say.
 */
export function applyResidualBlock(
  params: Params,
  { path, shortcut, sampling }: ResidualBlock,
  x: Tensor,
  options: ApplyOptions,
): Tensor {
  const [before, after] = [path.slice(0, sampling?.after ?? 0), path.slice(sampling?.after ?? 0)];
  const unit = (y: Tensor, each: ConvNorm) => convNorm(params, each, y, { ...options, activation: "relu" });
  const early = before.reduce(unit, x);
  const sampled = sampling && downsample(params, sampling.onPath, early, options);
  const inputs = sampled ? downsampleLike(sampling.around, x, sampled) : x;
  const residual = shortcut === undefined ? inputs : convNorm(params, shortcut, inputs, options);
  const late = after.slice(0, -1).reduce(unit, sampled?.output ?? early);
  return convNorm(params, after.at(-1)!, late, { ...options, residual, activation: "relu" });
}

/** Pixels along one side of what the block makes of `size` pixels. */
export function residualBlockSize(size: number, { path, sampling }: ResidualBlock): number {
  const convolved = path.reduce(convNormSize, size);
  return sampling ? downsampleSize(convolved, sampling.onPath) : convolved;
}

/** Multiply-adds of the block for images of `height` by `width` pixels. */
export function residualBlockMultiplyAdds(block: ResidualBlock, height: number, width: number): number {
  const { path, shortcut, sampling } = block;
  let [rows, columns, sum] = [height, width, 0];
  path.forEach((unit, index) => {
    if (sampling?.after === index) {
      sum += downsampleMultiplyAdds(sampling.onPath, rows, columns) +
        downsampleMultiplyAdds(sampling.around, height, width, true);
      [rows, columns] = [downsampleSize(rows, sampling.onPath), downsampleSize(columns, sampling.onPath)];
    }
    [rows, columns] = [convNormSize(rows, unit), convNormSize(columns, unit)];
    sum += convNormMultiplyAdds(unit, rows * columns);
  });
  return sum + (shortcut === undefined ? 0 : convNormMultiplyAdds(shortcut, rows * columns));
}

/** How PyTorch stores the block; the prefixes are put before the names here and there. */
export function residualBlockEntries(
  block: ResidualBlock,
  prefix: string,
  torchPrefix: string,
): TorchEntry[] {
  return unitsOf(block).flatMap((unit) => convNormEntries(unit, prefix, torchPrefix));
}

function unitsOf({ path, shortcut }: ResidualBlock): readonly ConvNorm[] {
  return shortcut === undefined ? path : [...path, shortcut];
}
