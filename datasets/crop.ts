/**
 * Bringing images of any shape to a square one, as torchvision's `Resize(size)` and `CenterCrop(size)` do one after the
 * other.
 *
 * @module
 */

import type { Images } from "./dataset.ts";
import { resizeImages } from "./resize.ts";

/** Images resized so that the shorter side has `size` pixels, then cut to the `size` × `size` pixels in the middle. */
export function resizeAndCrop(images: Images, size: number): Images {
  const { height, width } = images;
  const shorter = Math.min(height, width);
  // In this order of operations: torchvision drops the fraction of the product divided by the shorter side.
  const scaled = (side: number) => side === shorter ? size : Math.floor((size * side) / shorter);
  return centerCrop(resizeImages(images, { height: scaled(height), width: scaled(width) }), size);
}

function centerCrop(images: Images, size: number): Images {
  if (images.height === size && images.width === size) return images;
  const { channels } = images;
  const top = roundHalfEven((images.height - size) / 2);
  const left = roundHalfEven((images.width - size) / 2);
  const line = size * channels;
  const pixels = new Uint8Array(images.count * size * line);
  for (let row = 0; row < images.count * size; row++) {
    const y = Math.floor(row / size) * images.height + top + (row % size);
    const start = (y * images.width + left) * channels;
    pixels.set(images.pixels.subarray(start, start + line), row * line);
  }
  return { ...images, height: size, width: size, pixels };
}

/** Rounding as Python's `round` does: halves go to the even neighbour. */
function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}
