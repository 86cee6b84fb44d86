/**
 * Sizes of Swin and Swin V2: published ones, and small ones for images of 28 or 32 pixels.
 *
 * Z. Liu et al., "Swin Transformer", arXiv 2103.14030, and "Swin Transformer V2", arXiv 2111.09883.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { Architecture } from "./model.ts";
import { swin } from "./swin.ts";
import type { SwinOptions } from "./swin_options.ts";
import { swinV2 } from "./swin_v2.ts";

/** What a preset leaves open. */
export type SwinPresetOptions = Omit<SwinOptions, "embed" | "depths" | "heads" | "window" | "mlpRatio">;

/** What a preset for small images leaves open. */
export interface SmallSwinOptions extends SwinPresetOptions {
  /** Pixels along a side of the image, in patches of 2: which windows divide it. Default 28. */
  readonly image?: 28 | 32;
}

/** Swin-T, `swin_tiny_patch4_window7_224`: for `patches2d({ size: 4 })` of images of 224 pixels. */
export function swinTiny(options: SwinPresetOptions = {}): Architecture {
  return swin({ ...options, embed: 96, depths: [2, 2, 6, 2], heads: [3, 6, 12, 24], window: 7 });
}

/** Swin-S, `swin_small_patch4_window7_224`: for `patches2d({ size: 4 })` of images of 224 pixels. */
export function swinSmall(options: SwinPresetOptions = {}): Architecture {
  return swin({ ...options, embed: 96, depths: [2, 2, 18, 2], heads: [3, 6, 12, 24], window: 7 });
}

/** Swin-B, `swin_base_patch4_window7_224`: for `patches2d({ size: 4 })` of images of 224 pixels. */
export function swinBase(options: SwinPresetOptions = {}): Architecture {
  return swin({ ...options, embed: 128, depths: [2, 2, 18, 2], heads: [4, 8, 16, 32], window: 7 });
}

/** SwinV2-T, `swinv2_tiny_window8_256`: for `patches2d({ size: 4 })` of images of 256 pixels. */
export function swinV2Tiny(options: SwinPresetOptions = {}): Architecture {
  return swinV2({ ...options, embed: 96, depths: [2, 2, 6, 2], heads: [3, 6, 12, 24], window: 8 });
}

/** A Swin of 1.2 million parameters in two stages: for `patches2d({ size: 2 })` of images of 28 or 32 pixels. */
export function swinMini({ image, ...options }: SmallSwinOptions = {}): Architecture {
  return swin({ ...options, ...MINI, window: windowFor("swinMini", image) });
}

/** A Swin of 0.2 million parameters in two stages: for `patches2d({ size: 2 })` of images of 28 or 32 pixels. */
export function swinNano({ image, ...options }: SmallSwinOptions = {}): Architecture {
  return swin({ ...options, ...NANO, window: windowFor("swinNano", image) });
}

/** A Swin V2 of the sizes of {@linkcode swinMini}. */
export function swinV2Mini({ image, ...options }: SmallSwinOptions = {}): Architecture {
  return swinV2({ ...options, ...MINI, window: windowFor("swinV2Mini", image) });
}

/** A Swin V2 of the sizes of {@linkcode swinNano}. */
export function swinV2Nano({ image, ...options }: SmallSwinOptions = {}): Architecture {
  return swinV2({ ...options, ...NANO, window: windowFor("swinV2Nano", image) });
}

const MINI = { embed: 96, depths: [2, 2], heads: [3, 6] } as const;

const NANO = { embed: 40, depths: [2, 2], heads: [2, 4] } as const;

/** The window that is half of the first map of 14 or 16 tokens a side, and all of the second. */
function windowFor(name: string, image: number = 28): number {
  if (image === 28 || image === 32) return image / 4;
  throw new PolyphaseError(
    `${name} got image ${image}, expected 28 or 32: resize, or call swin with a window`,
  );
}
