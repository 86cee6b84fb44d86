/**
 * The models that `deno task models` lists: those of the published Fashion-MNIST table, the classifier of the notebook, and
 * every family in its small sizes and in published ones: no more of these than are counted in a few seconds.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import { cvt13, cvtMicro } from "../../models/cvt.ts";
import type { Architecture } from "../../models/model.ts";
import { mvitV2Micro, mvitV2Tiny } from "../../models/mvit_v2.ts";
import { performer } from "../../models/performer.ts";
import { resnet18Aps, resnet18BlurPool, resnet18Lps, resnet34, resnet50 } from "../../models/resnet.ts";
import {
  swinBase,
  swinMini,
  swinNano,
  swinSmall,
  swinTiny,
  swinV2Mini,
  swinV2Nano,
  swinV2Tiny,
} from "../../models/swin_presets.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d, pixels } from "../../models/tokenizers/patches.ts";
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts";
import { VIT_SIZES, vitPreset, type VitSizeName } from "../../models/vit_presets.ts";
import { architectureOf, imageOf, ROWS, tokenizerOf } from "../fmnist_vit/rows.ts";

/** A model with what it is built for. */
export interface NamedModel {
  /** Name in the list. */
  readonly name: string;
  /** The model. */
  readonly architecture: Architecture;
  /** How images are cut for it. */
  readonly tokenizer: Tokenizer;
  /** Shape of the images. */
  readonly image: ImageShape;
  /** Classes that go out. Default 10. */
  readonly classes?: number;
  /** Trained parameters that were published for it. */
  readonly published?: number;
}

const SMALL_IMAGE: ImageShape = { height: 28, width: 28, channels: 1 };

/** What models of published sizes were published for: the images and classes of ImageNet. */
const IMAGENET = { image: { height: 224, width: 224, channels: 3 }, classes: 1000 } as const;

/** Counts of torchvision, but for Swin V2, which is timm's: torchvision's has a bias for keys, too. */
const PUBLISHED: { readonly [name: string]: number } = {
  "vit-base-patch16-224": 86_567_656,
  "swin-tiny": 28_288_354,
  "swin-small": 49_606_258,
  "swin-base": 87_768_224,
  "swin-v2-tiny": 28_347_154,
};

/** A model and its adaptive twin, which has an `a-` before its name; patches of one pixel leave a tokenizer no choice. */
function twins(
  name: string,
  make: (options: { adaptive: boolean }) => Architecture,
  { patch, ...rest }: Pick<NamedModel, "image" | "classes"> & { readonly patch?: number },
): NamedModel[] {
  const patches = patch === undefined ? undefined : patches2d({ size: patch });
  const given = { ...rest, tokenizer: patches ?? pixels() };
  const published = PUBLISHED[name];
  return [
    {
      ...given,
      name,
      architecture: make({ adaptive: false }),
      ...published === undefined ? {} : { published },
    },
    {
      ...given,
      name: `a-${name}`,
      architecture: make({ adaptive: true }),
      ...patches === undefined ? {} : { tokenizer: adaptive(patches) },
    },
  ];
}

/** Vision transformers by size with their adaptive twins. */
function vits(): NamedModel[] {
  return (Object.keys(VIT_SIZES) as VitSizeName[]).flatMap((size) =>
    ([size, `a-${size}`] as const).map((name): NamedModel => {
      const { architecture, tokenizer, image } = vitPreset(name);
      const published = PUBLISHED[name];
      return {
        name,
        architecture,
        tokenizer,
        ...image === 224
          ? IMAGENET
          : { image: { height: image, width: image, channels: image === 28 ? 1 : 3 } },
        ...published === undefined ? {} : { published },
      };
    })
  );
}

/** The models in the order of the list. */
export const NAMED_MODELS: readonly NamedModel[] = [
  ...ROWS.map((row) => ({
    name: row.row,
    architecture: architectureOf(row),
    tokenizer: tokenizerOf(row),
    image: imageOf(row),
    published: row.published.params,
  })),
  {
    name: "token-mean-mlp",
    architecture: tokenMeanMlp(),
    tokenizer: patches1d({ size: 4 }),
    image: { height: 14, width: 14, channels: 1 },
  },
  {
    name: "resnet34",
    architecture: resnet34({ code: 128 }),
    tokenizer: pixels(),
    image: { height: 28, width: 28, channels: 3 },
  },
  {
    name: "resnet50",
    architecture: resnet50({ code: 128 }),
    tokenizer: pixels(),
    image: { height: 28, width: 28, channels: 3 },
  },
  {
    name: "performer",
    architecture: performer(),
    tokenizer: pixels(),
    image: { height: 28, width: 28, channels: 1 },
  },
  ...([["aps", resnet18Aps], ["lps", resnet18Lps], ["blurpool", resnet18BlurPool]] as const).map(
    ([kind, make]) => ({
      name: `resnet18-${kind}`,
      architecture: make({ stem: "cifar" }),
      tokenizer: pixels(),
      image: { height: 32, width: 32, channels: 3 },
    }),
  ),
  ...vits(),
  ...twins("swin-nano", swinNano, { patch: 2, image: SMALL_IMAGE }),
  ...twins("swin-mini", swinMini, { patch: 2, image: SMALL_IMAGE }),
  ...twins("swin-tiny", swinTiny, { patch: 4, ...IMAGENET }),
  ...twins("swin-small", swinSmall, { patch: 4, ...IMAGENET }),
  ...twins("swin-base", swinBase, { patch: 4, ...IMAGENET }),
  ...twins("swin-v2-nano", swinV2Nano, { patch: 2, image: SMALL_IMAGE }),
  ...twins("swin-v2-mini", swinV2Mini, { patch: 2, image: SMALL_IMAGE }),
  ...twins("swin-v2-tiny", swinV2Tiny, {
    patch: 4,
    image: { height: 256, width: 256, channels: 3 },
    classes: 1000,
  }),
  ...twins("cvt-micro", cvtMicro, { image: SMALL_IMAGE }),
  ...twins("cvt-13", cvt13, IMAGENET),
  ...twins("mvit-v2-micro", mvitV2Micro, { image: SMALL_IMAGE }),
  ...twins("mvit-v2-tiny", mvitV2Tiny, IMAGENET),
];
