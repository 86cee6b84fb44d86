/**
 * Drawing a picture large enough to see its pixels, with the patches that a tokenizer cuts it into.
 *
 * @module
 */

/// <reference lib="dom" />

import { type Images, type Lattice, modulo, type Offset } from "../../../mod.ts";

/** Draws the first picture of `images` so that it fills the canvas. */
export function drawPicture(canvas: HTMLCanvasElement, images: Images): void {
  const { height, width, channels, pixels } = images;
  const small = new OffscreenCanvas(width, height);
  const data = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      data.data[4 * pixel + channel] = pixels[pixel * channels + (channels === 1 ? 0 : channel)];
    }
    data.data[4 * pixel + 3] = 255;
  }
  small.getContext("2d")!.putImageData(data, 0, 0);
  const context = canvas.getContext("2d")!;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/**
 * Draws the borders of patches over a picture that fills the canvas: lines between pixels of different patches. Patches go
 * around the border of the picture, where it is rolled before it is cut.
 *
 * @param offset the roll
 * @param colour of the lines, as CSS has it
 */
export function drawPatches(
  canvas: HTMLCanvasElement,
  { height, width }: Pick<Images, "height" | "width">,
  lattice: Lattice,
  offset: Offset,
  colour: string,
): void {
  if (lattice.patchHeight * lattice.patchWidth === 1) return;
  const patch = patchOf(width, lattice, offset);
  const [scaleX, scaleY] = [canvas.width / width, canvas.height / height];
  const context = canvas.getContext("2d")!;
  const lines = new Path2D();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const here = patch(y, x);
      if (x > 0 && patch(y, x - 1) !== here) {
        lines.moveTo(x * scaleX, y * scaleY);
        lines.lineTo(x * scaleX, (y + 1) * scaleY);
      }
      if (y > 0 && patch(y - 1, x) !== here) {
        lines.moveTo(x * scaleX, y * scaleY);
        lines.lineTo((x + 1) * scaleX, y * scaleY);
      }
    }
  }
  context.strokeStyle = colour;
  context.lineWidth = Math.max(2, canvas.width / 130);
  context.lineCap = "square";
  context.stroke(lines);
}

/** Tells which patch a pixel belongs to. A lattice of one row is the picture flattened. */
function patchOf(width: number, lattice: Lattice, offset: Offset): (y: number, x: number) => number {
  const columns = lattice.width / lattice.patchWidth;
  const isFlat = lattice.width !== width;
  return (y, x) => {
    const row = isFlat ? 0 : modulo(y + offset.dy, lattice.height);
    const column = modulo((isFlat ? y * width + x : x) + offset.dx, lattice.width);
    return Math.floor(row / lattice.patchHeight) * columns + Math.floor(column / lattice.patchWidth);
  };
}
