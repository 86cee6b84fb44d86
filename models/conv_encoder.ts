/**
 * A plain convolutional encoder: convolutions without padding or pooling, a linear layer to the code, a linear layer to
 * the classes.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { type Key, split } from "../pipeline/random.ts";
import { type Tensor, tf } from "./backend/tf.ts";
import { conv2d, conv2dEntry, type Conv2dParams, type Conv2dShape, initConv2d } from "./layers/conv2d.ts";
import { initLinear, linear, type LinearParams } from "./layers/linear.ts";
import { linearEntries } from "./layers/linear_entries.ts";
import { pixelImage, type PixelShape, pixelShape } from "./layers/pixel_image.ts";
import type { Architecture, Params, TorchEntry } from "./model.ts";

/** Sizes of {@linkcode convEncoder}. */
export interface ConvEncoderOptions {
  /** Channels of each convolution, one after the other. Default `[32, 32, 32]`. */
  readonly channels?: readonly number[];
  /** Rows and columns of every filter. Default 3. */
  readonly kernelSize?: number;
  /** Features of the linear layer after the convolutions. Default 128. */
  readonly code?: number;
}

type ConvEncoderParams = {
  readonly convs: { readonly [index: string]: Conv2dParams };
  readonly code: LinearParams;
  readonly linear: LinearParams;
};

/** The layers for an image. */
interface Plan {
  readonly convs: readonly Conv2dShape[];
  /** What the last convolution makes of an image. */
  readonly map: PixelShape;
}

/**
 * For each of `channels` a convolution with ReLU, which takes `kernelSize − 1` rows and columns off the image; then, with
 * nothing between the two, linear layers to `code` features and to the classes. The tokens are to be pixels.
 *
 * `collect` is handed `convs.0` and so on, `[batch, height, width, channels]`, and `code`, `[batch, code]`. Files of
 * PyTorch's are those of an `nn.Sequential` of convolutions and ReLUs in turn, `nn.Flatten` and the two linear layers.
 *
 * @throws {PolyphaseError} if a size is not a whole number of 1 or more; `build` throws one if tokens are not pixels, or
 * if the filters take more off the image than there is
 */
export function convEncoder(
  { channels = [32, 32, 32], kernelSize = 3, code = 128 }: ConvEncoderOptions = {},
): Architecture {
  expectSizes({ channels, kernelSize, code });
  const config = { name: "conv-encoder", channels, kernelSize, code };
  return {
    name: config.name,
    config,
    build({ grid, classes }) {
      const image = pixelShape(config.name, grid);
      const plan = planOf(image, channels, kernelSize);
      const flat = plan.map.reduce((product, size) => product * size, 1);
      return {
        name: config.name,
        config,
        init: (key) => init(key, plan.convs, flat, code, classes),
        apply(params, tokens, { collect } = {}): Tensor {
          const { convs, code: toCode, linear: toClasses } = params as ConvEncoderParams;
          const map = plan.convs.reduce((x, _, index) => {
            const y = conv2d(convs[index], x, { activation: "relu" });
            collect?.(`convs.${index}`, y);
            return y;
          }, pixelImage(tokens, image));
          const features = linear(toCode, tf.reshape(map, [-1, flat]));
          collect?.("code", features);
          return linear(toClasses, features);
        },
        multiplyAdds: multiplyAddsOf(plan, image) + flat * code + code * classes,
        torch: { torch: entries(plan, code, classes) },
      };
    },
  };
}

function expectSizes({ channels, kernelSize, code }: Required<ConvEncoderOptions>): void {
  const isSize = (size: number) => Number.isInteger(size) && size > 0;
  if (channels.length > 0 && [...channels, kernelSize, code].every(isSize)) return;
  throw new PolyphaseError(
    `conv-encoder got channels [${channels}], kernelSize ${kernelSize} and code ${code}, expected whole numbers of 1 ` +
      `or more, and one convolution at least: give such`,
  );
}

function planOf(
  [height, width, inputs]: PixelShape,
  channels: readonly number[],
  kernelSize: number,
): Plan {
  const lost = channels.length * (kernelSize - 1);
  if (lost >= Math.min(height, width)) {
    throw new PolyphaseError(
      `conv-encoder got images of ${height}×${width} pixels, expected ${lost + 1} or more along each side ` +
        `(${channels.length} filters of ${kernelSize}): use fewer or smaller filters, or larger images`,
    );
  }
  const convs = channels.map((outputs, index) => ({
    kernelSize,
    inputs: index === 0 ? inputs : channels[index - 1],
    outputs,
  }));
  return { convs, map: [height - lost, width - lost, channels.at(-1)!] };
}

function init(
  key: Key,
  convs: readonly Conv2dShape[],
  flat: number,
  code: number,
  classes: number,
): Params {
  const keys = split(key, convs.length + 2);
  const [forCode, forLinear] = keys.slice(convs.length);
  return {
    convs: Object.fromEntries(convs.map((conv, index) => [index, initConv2d(keys[index], conv)])),
    code: initLinear(forCode, flat, code),
    linear: initLinear(forLinear, code, classes),
  };
}

function multiplyAddsOf({ convs }: Plan, [height, width]: PixelShape): number {
  return convs.reduce((sum, { kernelSize, inputs, outputs }, index) => {
    const lost = (index + 1) * (kernelSize - 1);
    return sum + (height - lost) * (width - lost) * kernelSize ** 2 * inputs * outputs;
  }, 0);
}

function entries({ convs, map }: Plan, code: number, classes: number): TorchEntry[] {
  const [height, width, channels] = map;
  // A ReLU after each convolution and the flattening count as modules, too.
  const first = 2 * convs.length + 1;
  const [toCode, codeBias] = linearEntries("code", `${first}`, height * width * channels, code);
  return [
    ...convs.flatMap((conv, index) => [
      conv2dEntry(`convs.${index}`, `${2 * index}`, conv),
      { name: `convs.${index}.bias`, torch: `${2 * index}.bias`, shape: [conv.outputs] },
    ]),
    // PyTorch flattens channel by channel, each row by row; here each pixel has its channels side by side.
    { ...toCode, view: [code, channels, height, width], axes: [2, 3, 1, 0] },
    codeBias,
    ...linearEntries("linear", `${first + 1}`, code, classes),
  ];
}
