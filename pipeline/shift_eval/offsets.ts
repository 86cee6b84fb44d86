/**
 * The offsets that shifts are tried at.
 *
 * @module
 */

import type { Images, ImageShape } from "../../datasets/dataset.ts";
import { type Offset, shiftImages, type ShiftMode } from "../../datasets/shift.ts";
import { PolyphaseError } from "../errors.ts";
import type { Variant } from "./distinct_logits.ts";

/** Whole numbers from the first to the last, or `all` circular shifts that there are. */
export type OffsetRange = readonly [first: number, last: number] | "all";

/**
 * Every offset of a range on the axes of a mode, row by row.
 *
 * @throws {PolyphaseError} for an empty range, or for `all` with zero-filled shifts
 */
export function listOffsets(range: OffsetRange, mode: ShiftMode, image: ImageShape): Offset[] {
  if (range === "all" && mode.startsWith("zero")) {
    throw new PolyphaseError(`shiftEval: mode "${mode}" has no end of offsets: give a range such as [-4, 4]`);
  }
  const axis = (length: number): number[] => {
    const [first, last] = range === "all" ? [0, length - 1] : range;
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  };
  if (
    range !== "all" && !(Number.isInteger(range[0]) && Number.isInteger(range[1]) && range[0] <= range[1])
  ) {
    throw new PolyphaseError(
      `shiftEval: offsets from ${range[0]} to ${range[1]} are no range: give whole numbers in order`,
    );
  }
  if (mode.endsWith("flat")) return axis(image.height * image.width).map((dx) => ({ dy: 0, dx }));
  return axis(image.height).flatMap((dy) => axis(image.width).map((dx) => ({ dy, dx })));
}

/** Whether an offset moves nothing. */
export function isStill({ dy, dx }: Offset): boolean {
  return dy === 0 && dx === 0;
}

/** The images as they are. */
export const UNSHIFTED: Variant = { name: "still", change: (images) => images };

/** All images shifted by one offset. */
export function shiftedBy(offset: Offset, mode: ShiftMode): Variant {
  return {
    name: `${offset.dy},${offset.dx}`,
    change: (images: Images) => shiftImages(images, [offset], mode),
  };
}
