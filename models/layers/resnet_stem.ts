/**
 * What images go through first in a ResNet: a convolution, and for large images a maximum of small windows, which each
 * halve the image; or filter and sample it as the blocks do.
 *
 * @module
 */

import { foldIn, type Key } from "../../pipeline/random.ts";
import { maxPool } from "../backend/ops/max_pool.ts";
import type { Tensor } from "../backend/tf.ts";
import type { ApplyOptions, Params } from "../model.ts";
import type { PaddingMode } from "./blur_pool.ts";
import { circularPad } from "./circular_pad.ts";
import { type ConvNorm, convNorm, convNormMultiplyAdds, convNormSize, initConvNorm } from "./conv_norm.ts";
import {
  type Downsample,
  downsample,
  downsampleMultiplyAdds,
  type DownsampleRule,
  downsampleSize,
  initDownsample,
} from "./downsample.ts";
import { branch, within } from "./within.ts";

/** What to make a stem of. */
export interface StemShape {
  /** `imagenet` halves the image twice, `cifar` leaves its size as it is. */
  readonly kind: "imagenet" | "cifar";
  /** Channels of the image. */
  readonly inputs: number;
  /** Channels that go out. */
  readonly outputs: number;
  /** What surrounds the image. */
  readonly padding: PaddingMode;
  /** How strides are taken instead of by convolution and maximum. Default: they stride. */
  readonly rule?: DownsampleRule;
  /** Whether the convolution strides all the same, and the rule is for the maximum alone. */
  readonly poolOnly: boolean;
}

/** A stem. */
export interface Stem {
  /** The convolution, which ReLU follows. */
  readonly unit: ConvNorm;
  /** What halves the image after it, if the convolution does not stride: `stem.conv`. */
  readonly afterUnit?: Downsample;
  /** The maximum, if there is one. */
  readonly maximum?: Maximum;
  /** What halves the image after the maximum, if that does not stride: `stem.pool`. */
  readonly afterMaximum?: Downsample;
}

/** Maxima of windows. */
export interface Maximum {
  /** Rows and columns of a window. */
  readonly size: number;
  /** Pixels from window to window. */
  readonly strides: number;
  /** Rows and columns around the image, before it and after it. */
  readonly sides: readonly [before: number, after: number];
  /** What they hold: nothing that counts, or the opposite border. */
  readonly padding: PaddingMode;
}

/** The stem of a shape. */
export function stemOf({ kind, inputs, outputs, padding, rule, poolOnly }: StemShape): Stem {
  const unit = { conv: "conv1", norm: "bn1", inputs, outputs, padding };
  if (kind === "cifar") return { unit: { ...unit, kernelSize: 3, stride: 1 } };
  const large = { ...unit, kernelSize: 7 };
  if (rule === undefined) {
    return { unit: { ...large, stride: 2 }, maximum: { size: 3, strides: 2, sides: [1, 1], padding } };
  }
  const sampling = { rule, channels: outputs, stride: 2 };
  // Filters alone may lose a pixel to the maximum, as in the code of their paper; polyphases need them all.
  const sides = rule.kind === "blur" && padding === "zero" ? [0, 0] as const : [0, 1] as const;
  return {
    unit: { ...large, stride: poolOnly ? 2 : 1 },
    afterUnit: poolOnly ? undefined : sampling,
    maximum: { size: 2, strides: 1, sides, padding },
    afterMaximum: sampling,
  };
}

/** Fresh parameters by dotted name. */
export function initStem(key: Key, stem: Stem): [name: string, tensor: Tensor][] {
  const leaves = initConvNorm(key, stem.unit);
  for (const [name, sampling] of samplingsOf(stem)) {
    leaves.push(
      ...initDownsample(foldIn(key, name), sampling).map(([leaf, tensor]): [string, Tensor] => [
        `${name}.${leaf}`,
        tensor,
      ]),
    );
  }
  return leaves;
}

/**
 * `[batch, height, width, in]` → `[batch, out height, out width, out]`. `collect` is handed what `downsample` has to say,
 * as that of `stem.conv` and of `stem.pool`.
 *
 * @param params those of {@linkcode initStem} as a tree, alone or among others
 */
export function applyStem(params: Params, stem: Stem, x: Tensor, options: ApplyOptions): Tensor {
  const sample = (y: Tensor, [name, unit]: readonly [string, Downsample]) => {
    const key = options.key && foldIn(options.key, name);
    // What has no parameters has no branch either.
    const own = unit.rule.kind === "lps" ? branch(params, name) : {};
    return downsample(own, unit, y, { ...within(options, name), key }).output;
  };
  const { afterUnit, maximum, afterMaximum } = stem;
  const convolved = convNorm(params, stem.unit, x, { ...options, activation: "relu" });
  const first = afterUnit ? sample(convolved, ["stem.conv", afterUnit]) : convolved;
  const greatest = maximum ? applyMaximum(maximum, first) : first;
  return afterMaximum ? sample(greatest, ["stem.pool", afterMaximum]) : greatest;
}

/** Pixels along one side of what the stem makes of `size` pixels; 0 or less if no window of the maximum fits. */
export function stemSize(size: number, stem: Stem): number {
  const convolved = afterUnitSize(size, stem);
  const greatest = stem.maximum ? maximumSize(convolved, stem.maximum) : convolved;
  return stem.afterMaximum ? downsampleSize(greatest, stem.afterMaximum) : greatest;
}

/** Multiply-adds of the stem for images of `height` by `width` pixels. */
export function stemMultiplyAdds(stem: Stem, height: number, width: number): number {
  const { unit, afterUnit, maximum, afterMaximum } = stem;
  const convolved = [height, width].map((size) => convNormSize(size, unit));
  let sum = convNormMultiplyAdds(unit, convolved[0] * convolved[1]);
  if (afterUnit) sum += downsampleMultiplyAdds(afterUnit, convolved[0], convolved[1]);
  if (maximum && afterMaximum) {
    const [rows, columns] = [height, width].map((size) => maximumSize(afterUnitSize(size, stem), maximum));
    sum += downsampleMultiplyAdds(afterMaximum, rows, columns);
  }
  return sum;
}

function afterUnitSize(size: number, { unit, afterUnit }: Stem): number {
  const convolved = convNormSize(size, unit);
  return afterUnit ? downsampleSize(convolved, afterUnit) : convolved;
}

function maximumSize(length: number, { size, strides, sides: [before, after] }: Maximum): number {
  return Math.floor((length + before + after - size) / strides) + 1;
}

function applyMaximum({ size, strides, sides, padding }: Maximum, x: Tensor): Tensor {
  const [before, after] = sides;
  return padding === "circular"
    ? maxPool(circularPad(x, [before, after, before, after]), { size, strides })
    : maxPool(x, { size, strides, padding: [sides, sides] });
}

function samplingsOf({ afterUnit, afterMaximum }: Stem): (readonly [name: string, unit: Downsample])[] {
  return [
    ...(afterUnit ? [["stem.conv", afterUnit] as const] : []),
    ...(afterMaximum ? [["stem.pool", afterMaximum] as const] : []),
  ];
}
