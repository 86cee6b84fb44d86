/**
 * Residual networks, as torchvision's: a stem, four stages of residual blocks, the mean over pixels, a linear layer.
 *
 * K. He et al., "Deep Residual Learning for Image Recognition", arXiv 1512.03385.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { foldIn, type Key, split } from "../pipeline/random.ts";
import { type Tensor, tf } from "./backend/tf.ts";
import { basicBlock } from "./layers/basic_block.ts";
import { isBatchNormBuffer } from "./layers/batch_norm.ts";
import { bottleneck } from "./layers/bottleneck.ts";
import { convNormEntries } from "./layers/conv_norm.ts";
import { initLinear, linear, type LinearParams } from "./layers/linear.ts";
import { linearEntries } from "./layers/linear_entries.ts";
import { pixelImage, type PixelShape, pixelShape } from "./layers/pixel_image.ts";
import {
  applyResidualBlock,
  initResidualBlock,
  type ResidualBlock,
  residualBlockEntries,
  residualBlockMultiplyAdds,
  residualBlockSize,
} from "./layers/residual_block.ts";
import { applyStem, initStem, type Stem, stemMultiplyAdds, stemOf, stemSize } from "./layers/resnet_stem.ts";
import { branch, within } from "./layers/within.ts";
import type { ApplyOptions, Architecture, Model, ModelShape, Params, TorchEntry } from "./model.ts";
import { unflatten } from "./params.ts";
import {
  resnetConfig,
  type ResnetDepth,
  type ResnetDepthOptions,
  type ResnetOptions,
  type ResnetSettings,
  resnetSettings,
} from "./resnet_options.ts";

export type {
  ResnetDepth,
  ResnetDepthOptions,
  ResnetDownsample,
  ResnetOptions,
  ResnetStem,
} from "./resnet_options.ts";

/** Kind of block, and how many of them each stage has. */
const STAGES: Readonly<Record<ResnetDepth, readonly [block: typeof basicBlock, counts: readonly number[]]>> =
  {
    18: [basicBlock, [2, 2, 2, 2]],
    34: [basicBlock, [3, 4, 6, 3]],
    50: [bottleneck, [3, 4, 6, 3]],
    101: [bottleneck, [3, 4, 23, 3]],
    152: [bottleneck, [3, 8, 36, 3]],
  };

/** A network for a number of channels. */
interface Plan {
  readonly stem: Stem;
  readonly blocks: readonly (readonly [name: string, block: ResidualBlock])[];
  /** Channels of the last stage. */
  readonly features: number;
}

type Head = { readonly fc: LinearParams; readonly linear?: LinearParams };

/** ResNet-18; 11.2 million parameters for ten classes, see {@linkcode resnet}. */
export function resnet18(options: ResnetOptions = {}): Architecture {
  return resnet({ ...options, depth: 18 });
}

/** ResNet-34, see {@linkcode resnet}. */
export function resnet34(options: ResnetOptions = {}): Architecture {
  return resnet({ ...options, depth: 34 });
}

/** ResNet-50, see {@linkcode resnet}. */
export function resnet50(options: ResnetOptions = {}): Architecture {
  return resnet({ ...options, depth: 50 });
}

/** ResNet-18 with adaptive polyphase sampling (arXiv 2011.14214) and circular padding, see {@linkcode resnet}. */
export function resnet18Aps(options: Omit<ResnetOptions, "downsample"> = {}): Architecture {
  return resnet({ ...options, depth: 18, downsample: "aps" });
}

/** ResNet-18 with filters before each stride but the first (arXiv 1904.11486), see {@linkcode resnet}. */
export function resnet18BlurPool(options: Omit<ResnetOptions, "downsample"> = {}): Architecture {
  return resnet({ ...options, depth: 18, downsample: "blur" });
}

/** ResNet-18 with learnable polyphase sampling (arXiv 2210.08001) and circular padding, see {@linkcode resnet}. */
export function resnet18Lps(options: Omit<ResnetOptions, "downsample"> = {}): Architecture {
  return resnet({ ...options, depth: 18, downsample: "lps" });
}

/**
 * A residual network, whose tokens are to be pixels. Names and values are those of torchvision: with the options left out,
 * `resnet({ depth: 18 })` is its `resnet18`. Whatever `downsample` and `padding` are, parameters have the same names,
 * shapes and first values, so that weights move from one to the other; `lps` has networks for its logits besides.
 *
 * With `aps` or `lps` the image is to be divisible as often as it is halved: by 8 with the stem for CIFAR, by 32 with that
 * for ImageNet.
 *
 * With `code`, the layer `fc` makes `[batch, code]` of the mean over pixels, and `linear` logits of that. The `code` handed
 * to `collect` is the output of `fc` then, and else the mean over pixels. `collect` is also handed `stem` and each block,
 * `layer1.0` and so on, `[batch, height, width, channels]`; and of each polyphase chosen, at `stem.conv`, `stem.pool` and
 * `layer2.0` to `layer4.0`, `<place>.phase`, row and column `[batch, 2]`, and `<place>.gap`, by how large a share of the
 * best the second best was worse `[batch]`, or for `lps` in training `<place>.weights` `[batch, phases]`.
 *
 * @throws {PolyphaseError} if there is no such network, or options do not go together; `build` throws one if tokens are
 * not pixels, or the image cannot be halved so often
 */
export function resnet(options: ResnetDepthOptions): Architecture {
  const { depth } = options;
  if (!(depth in STAGES)) {
    throw new PolyphaseError(
      `resnet got depth ${depth}, expected ${Object.keys(STAGES).join(", ")}: choose one of these`,
    );
  }
  const name = `resnet${depth}`;
  const settings = resnetSettings(name, options);
  const config = { name, ...resnetConfig(settings) };
  return { name, config, build: (shape) => build({ name, config }, shape, depth, settings) };
}

function build(
  about: Pick<Model, "name" | "config">,
  { grid, classes }: ModelShape,
  depth: ResnetDepth,
  settings: ResnetSettings,
): Model {
  const image = pixelShape(about.name, grid);
  const plan = planOf(depth, image[2], settings);
  expectHalvable(about.name, image, settings);
  const { code, zeroInitResidual, rule } = settings;
  // timm has the names of torchvision here; no network of theirs has logits of polyphases.
  const layout = entries(plan, classes, code);
  const torch = rule?.kind === "lps" ? {} : { torch: { torchvision: layout, timm: layout } };
  return {
    ...about,
    init: (key) => init(key, plan, classes, code, zeroInitResidual),
    apply(params, tokens, options = {}): Tensor {
      const { collect, key } = options;
      const begin = part(
        "stem",
        options,
        (inside) => applyStem(params, plan.stem, pixelImage(tokens, image), inside),
      );
      const pixels = plan.blocks.reduce(
        (x, [name, block]) =>
          part(name, options, (inside) =>
            applyResidualBlock(branch(params, name), block, x, {
              ...within(inside, name),
              key: key && foldIn(key, name),
            })),
        begin,
      );
      const { fc, linear: last } = params as Params & Head;
      const mean = meanOverPixels(pixels);
      if (last === undefined) {
        collect?.("code", mean);
        return linear(fc, mean);
      }
      const features = linear(fc, mean);
      collect?.("code", features);
      return linear(last, features);
    },
    isBuffer: isBatchNormBuffer,
    multiplyAdds: multiplyAddsOf(plan, image[0], image[1]) + headSizes(plan, classes, code).reduce(
      (sum, [, inputs, outputs]) => sum + inputs * outputs,
      0,
    ),
    ...torch,
  };
}

/** Holds that every polyphase of an image is as large as the others, wherever one is chosen. */
function expectHalvable(name: string, [height, width]: PixelShape, { rule, stem }: ResnetSettings): void {
  if (rule === undefined) return;
  const seen = `${name} with downsample "${rule.kind}" got images of ${height}×${width} pixels`;
  if (rule.kind === "blur") {
    if (stem === "cifar" || rule.padding === "circular" || Math.min(height, width) > 2) return;
    throw new PolyphaseError(
      `${seen}, expected 3 or more along each side: resize them, or take the stem for CIFAR`,
    );
  }
  const multiple = stem === "imagenet" ? 32 : 8;
  if (height % multiple === 0 && width % multiple === 0) return;
  const sizes = [Math.floor, Math.ceil].map((round) =>
    [height, width].map((size) => Math.max(1, round(size / multiple)) * multiple).join("×")
  );
  throw new PolyphaseError(
    `${seen}, expected sides that ${multiple} divides: resize or pad them to ${
      [...new Set(sizes)].join(" or ")
    }`,
  );
}

function planOf(
  depth: ResnetDepth,
  channels: number,
  { stem: kind, width, padding, rule, poolOnly }: ResnetSettings,
): Plan {
  const [block, counts] = STAGES[depth];
  let inputs = width;
  const blocks = counts.flatMap((count, stage) =>
    Array.from({ length: count }, (_, index) => {
      const stride = stage > 0 && index === 0 ? 2 : 1;
      const made = block({ inputs, width: width * 2 ** stage, stride, padding, rule });
      inputs = made.outputs;
      return [`layer${stage + 1}.${index}`, made] as const;
    })
  );
  const stem = stemOf({ kind, inputs: channels, outputs: width, padding, rule, poolOnly });
  return { stem, blocks, features: inputs };
}

function init(
  key: Key,
  plan: Plan,
  classes: number,
  code: number | undefined,
  zeroInitResidual: boolean,
): Params {
  const leaves = [
    ...initStem(foldIn(key, "stem"), plan.stem),
    ...plan.blocks.flatMap(([name, block]) =>
      initResidualBlock(foldIn(key, name), block, zeroInitResidual).map(([leaf, tensor]) =>
        [`${name}.${leaf}`, tensor] as const
      )
    ),
  ];
  const keys = split(foldIn(key, "head"));
  const head = headSizes(plan, classes, code).map(([name, inputs, outputs], index) =>
    [name, initLinear(keys[index], inputs, outputs)] as const
  );
  return { ...unflatten(leaves), ...Object.fromEntries(head) };
}

/** The linear layers at the end. */
function headSizes(
  { features }: Plan,
  classes: number,
  code: number | undefined,
): readonly (readonly [name: string, inputs: number, outputs: number])[] {
  return code === undefined
    ? [["fc", features, classes]]
    : [["fc", features, code], ["linear", code, classes]];
}

function entries(plan: Plan, classes: number, code: number | undefined): TorchEntry[] {
  // The network is a part of a module of two, the encoder and what makes logits of its code.
  const prefix = code === undefined ? "" : "encoder.";
  return [
    ...convNormEntries(plan.stem.unit, "", prefix),
    ...plan.blocks.flatMap(([name, block]) => residualBlockEntries(block, `${name}.`, `${prefix}${name}.`)),
    ...headSizes(plan, classes, code).flatMap(([name, inputs, outputs]) =>
      linearEntries(name, name === "fc" ? `${prefix}fc` : name, inputs, outputs)
    ),
  ];
}

function multiplyAddsOf({ stem, blocks }: Plan, height: number, width: number): number {
  let [rows, columns] = [height, width].map((size) => stemSize(size, stem));
  let sum = stemMultiplyAdds(stem, height, width);
  for (const [, block] of blocks) {
    sum += residualBlockMultiplyAdds(block, rows, columns);
    [rows, columns] = [rows, columns].map((size) => residualBlockSize(size, block));
  }
  return sum;
}

/** `[batch, height, width, channels]` → `[batch, channels]`. */
function meanOverPixels(x: Tensor): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const rows = tf.reshape(x, [batch, height * width, channels]);
  // A single pixel is its own mean; so is what the stages leave of a small image.
  return height * width === 1 ? tf.reshape(x, [batch, channels]) : tf.mean(rows, 1);
}

/**
 * Makes a part of the network and hands it to `collect` by its name, behind what the part itself collects.
 *
 * In training, the gradient and the new running statistics outlive the part that made them; else they go with it.
 */
function part(name: string, options: ApplyOptions, make: (inside: ApplyOptions) => Tensor): Tensor {
  const { training, collect } = options;
  const seen: { [name: string]: Tensor } = {};
  const inside = collect
    ? { ...options, collect: (name: string, value: Tensor) => void (seen[name] = value) }
    : options;
  const made = () => ({ output: make(inside), seen });
  const { output } = training ? made() : tf.tidy(made);
  for (const [name, value] of Object.entries(seen)) collect?.(name, value);
  collect?.(name, output);
  return output;
}
