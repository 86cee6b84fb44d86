/**
 * The models of `shift-vit` by name: architecture, tokenizer, what is done to training images, and what is averaged.
 *
 * A plain model and its adaptive twin have the same sizes and the same head on the mean of all tokens, so that they differ
 * by the adaptive modules and nothing else. The vision transformer and CvT of the papers have a class token; theirs are
 * taken without it here.
 *
 * @module
 */

import { cvt } from "../../models/cvt.ts";
import type { Architecture } from "../../models/model.ts";
import { mvitV2 } from "../../models/mvit_v2.ts";
import { resnet18, resnet18Aps, resnet18BlurPool, resnet18Lps } from "../../models/resnet.ts";
import { swin } from "../../models/swin.ts";
import { swinV2 } from "../../models/swin_v2.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { blurred } from "../../models/tokenizers/blurred.ts";
import { patches2d, pixels } from "../../models/tokenizers/patches.ts";
import { randomPhase } from "../../models/tokenizers/random_phase.ts";
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts";
import { vit } from "../../models/vit.ts";
import type { Augmentation } from "../../pipeline/augment.ts";
import { circularShift, zeroShift } from "../../pipeline/augment.ts";
import type { ModelName } from "./model_names.ts";
import type { ModelSizes } from "./presets.ts";

/** What a model is trained on and how it is evaluated. */
export interface NamedModel {
  /** The architecture. */
  readonly architecture: Architecture;
  /** How it sees an image. */
  readonly tokenizer: Tokenizer;
  /** Rows and columns of pixels of the images that it takes. */
  readonly size: number;
  /** What is done to training images. */
  readonly augmentations: readonly Augmentation[];
  /** Shifts along each axis that predictions are averaged over: by less than this many pixels; 1 for none. */
  readonly averaged: number;
}

/** Greatest zero-filled shift as a share of the image: 3 pixels of 28, which the garments' free margins allow. */
const ZERO_SHARE = 1 / 8;

/** The model of a name, in the sizes of a preset. */
export function namedModel(name: ModelName, sizes: ModelSizes): NamedModel {
  const { base, shifts, average } = name;
  const size = base.startsWith("resnet") ? sizes.resnet.image : sizes.image;
  const augmentations = shifts.map(({ kind, max }) => {
    if (kind === "zero") return zeroShift({ max: max ?? Math.max(1, Math.floor(size * ZERO_SHARE)) });
    // Around the border, offsets from 0 on are all there are, each once.
    return circularShift(max === undefined ? { min: 0, max: size - 1 } : { max });
  });
  const { architecture, patch, period } = build(name, sizes);
  const averaged = average === undefined ? 1 : average === "all" ? size : period;
  return { architecture, tokenizer: tokenizerOf(name, patch), size, augmentations, averaged };
}

function tokenizerOf({ modules, energy, blur }: ModelName, patch: number): Tokenizer {
  if (patch === 1) return pixels();
  const patches = patches2d({ size: patch });
  const order = modules.includes("canonical") ? "canonical" : "polyphase";
  const isChosen = order === "canonical" || modules.includes("tokens");
  const laid = energy === "random"
    ? randomPhase(patches)
    : isChosen
    ? adaptive(patches, { order, energy })
    : patches;
  return blur ? blurred(laid) : laid;
}

/** A model, the pixels of a patch along each side (1: it sees pixels), and those from place to place of its last map. */
interface Built {
  readonly architecture: Architecture;
  readonly patch: number;
  readonly period: number;
}

function build({ base, modules }: ModelName, sizes: ModelSizes): Built {
  const isOn = (module: string) => modules.includes(module);
  switch (base) {
    case "vit":
    case "a-vit": {
      const { patch, ...options } = sizes.vit;
      const positions = isOn("positions") ? "circular" : "learned";
      return { architecture: vit({ ...options, classToken: false, positions }), patch, period: patch };
    }
    case "swin":
    case "a-swin":
    case "a-swin-box":
    case "swin-v2":
    case "a-swin-v2": {
      const { patch, ...options } = sizes.swin;
      const parts = { windows: isOn("windows"), merge: isOn("merge"), positions: isOn("positions") };
      const isAdaptive = Object.values(parts).some(Boolean);
      const window = base === "a-swin-box" ? "box" as const : "hann" as const;
      const all = { ...options, ...isAdaptive ? { adaptive: parts, energy: { window } } : {} };
      const architecture = base === "swin-v2" || base === "a-swin-v2" ? swinV2(all) : swin(all);
      return { architecture, patch, period: patch * 2 ** (options.depths.length - 1) };
    }
    case "cvt":
    case "a-cvt": {
      const parts = { embedding: isOn("embedding"), keys: isOn("keys"), padding: isOn("padding") };
      const architecture = cvt({ ...sizes.cvt, pooling: "mean", adaptive: parts });
      return { architecture, patch: 1, period: product(sizes.cvt.strides) };
    }
    case "mvit-v2":
    case "a-mvit-v2": {
      const parts = {
        embedding: isOn("embedding"),
        queries: isOn("queries"),
        keys: isOn("keys"),
        positions: isOn("positions"),
        padding: isOn("padding"),
      };
      const { patchStride, queryStrides } = sizes.mvitV2;
      const architecture = mvitV2({ ...sizes.mvitV2, adaptive: parts });
      return { architecture, patch: 1, period: patchStride * product(queryStrides) };
    }
    case "resnet18":
    case "resnet18-aps":
    case "resnet18-lps":
    case "resnet18-blurpool": {
      const made = {
        "resnet18": resnet18,
        "resnet18-aps": resnet18Aps,
        "resnet18-lps": resnet18Lps,
        "resnet18-blurpool": resnet18BlurPool,
      }[base];
      const { width } = sizes.resnet;
      // The stem for CIFAR leaves three strides of 2.
      return { architecture: made({ stem: "cifar", width }), patch: 1, period: 8 };
    }
  }
}

function product(factors: readonly number[]): number {
  return factors.reduce((sum, factor) => sum * factor, 1);
}
