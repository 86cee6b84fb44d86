/**
 * Converting images between grey and colour as Pillow's `convert` does.
 *
 * @module
 */

import type { Dataset, Images, Split } from "./dataset.ts";

/**
 * Images with 1 (grey) or 3 (RGB) channels, made of images with 1 to 4: grey, grey and alpha, RGB, or RGB and alpha.
 *
 * Alpha is dropped, not blended, as Pillow and so torchvision's `ImageFolder` do: what lies under transparent pixels
 * shows. Colours become grey by the luma weights 0.299, 0.587 and 0.114, in Pillow's fixed-point arithmetic.
 */
export function convertChannels(images: Images, channels: 1 | 3): Images {
  if (images.channels === channels) return images;
  const { pixels: from, channels: stride } = images;
  const colour = stride >= 3;
  const count = from.length / stride;
  const pixels = new Uint8Array(count * channels);
  for (let pixel = 0, at = 0, to = 0; pixel < count; pixel++, at += stride) {
    if (channels === 3) {
      pixels[to++] = from[at];
      pixels[to++] = from[colour ? at + 1 : at];
      pixels[to++] = from[colour ? at + 2 : at];
    } else {
      pixels[to++] = colour ? luma(from[at], from[at + 1], from[at + 2]) : from[at];
    }
  }
  return { ...images, channels, pixels };
}

/**
 * The data set with grey images in three equal channels, or with colours made grey: what a model of other channels
 * wants. Its configuration gains `channels`.
 */
export function inChannels(dataset: Dataset, channels: 1 | 3): Dataset {
  const convert = (split: Split): Split => ({ ...split, images: convertChannels(split.images, channels) });
  return {
    ...dataset,
    config: { ...dataset.config, channels },
    async load(options) {
      const { train, test, classes } = await dataset.load(options);
      return { train: convert(train), test: convert(test), classes };
    },
  };
}

/** The luma of ITU-R BT.601 with weights of 16 binary digits. */
function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}
