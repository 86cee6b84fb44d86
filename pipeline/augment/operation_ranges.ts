/**
 * How strongly each operation on images may be done: the magnitudes that TrivialAugment and RandAugment choose from.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import { type Key, randint, split } from "../random.ts";
import { IMAGE_OPERATIONS, type ImageOperation, type OperationDraw } from "./image_ops.ts";
import { roundHalfEven } from "./rounding.ts";

/** The magnitudes of one operation. */
export interface OperationRange {
  /** Which operation. */
  readonly operation: ImageOperation;
  /** Its magnitudes from weak to strong, `[bins]`; all 0 if it has none. */
  readonly magnitudes: readonly number[];
  /** Whether it is done both ways: with the magnitude and with its negative. */
  readonly signed: boolean;
}

/** The strongest of each kind of operation. */
interface Strongest {
  /** Slope. */
  readonly shear: number;
  /** Pixels to the side. */
  readonly translateX: number;
  /** Pixels up or down. */
  readonly translateY: number;
  /** Degrees. */
  readonly rotate: number;
  /** Change of a factor. */
  readonly enhance: number;
  /** Bits that Posterize drops. */
  readonly posterize: number;
}

/** The ranges of TrivialAugment's wide space, each in `bins` magnitudes. */
export function wideRanges(bins: number): OperationRange[] {
  return ranges(bins, {
    shear: 0.99,
    translateX: 32,
    translateY: 32,
    rotate: 135,
    enhance: 0.99,
    posterize: 6,
  });
}

/** The ranges of RandAugment, each in `bins` magnitudes; translations grow with the image. */
export function randAugmentRanges(bins: number, { height, width }: ImageShape): OperationRange[] {
  return ranges(bins, {
    shear: 0.3,
    translateX: (150 / 331) * width,
    translateY: (150 / 331) * height,
    rotate: 30,
    enhance: 0.9,
    posterize: 4,
  });
}

/**
 * `count` draws of an operation, each with the magnitude of a bin: one that is drawn too, or `bin` if that is given.
 * Operations, magnitudes and signs are uniform and independent.
 */
export function drawOperations(
  key: Key,
  count: number,
  ranges: readonly OperationRange[],
  bin?: number,
): OperationDraw[] {
  const [forOperation, forMagnitude, forSign] = split(key, 3);
  const operations = randint(forOperation, count, 0, ranges.length);
  const bins = bin === undefined ? randint(forMagnitude, count, 0, ranges[0].magnitudes.length) : undefined;
  const signs = randint(forSign, count, 0, 2);
  return Array.from(operations, (index, row) => {
    const { operation, magnitudes, signed } = ranges[index];
    const magnitude = magnitudes[bins?.[row] ?? bin ?? 0];
    return { operation, magnitude: signed && signs[row] === 1 ? -magnitude : magnitude };
  });
}

function ranges(bins: number, strongest: Strongest): OperationRange[] {
  const upTo = (end: number) => evenlySpaced(0, end, bins);
  const enhance = upTo(strongest.enhance);
  const shear = upTo(strongest.shear);
  const dropped = Math.fround((bins - 1) / strongest.posterize);
  const magnitudes: { readonly [name in ImageOperation]?: readonly number[] } = {
    ShearX: shear,
    ShearY: shear,
    TranslateX: upTo(strongest.translateX),
    TranslateY: upTo(strongest.translateY),
    Rotate: upTo(strongest.rotate),
    Brightness: enhance,
    Color: enhance,
    Contrast: enhance,
    Sharpness: enhance,
    Posterize: Array.from({ length: bins }, (_, bin) => 8 - roundHalfEven(Math.fround(bin / dropped))),
    Solarize: evenlySpaced(255, 0, bins),
  };
  const none = new Array<number>(bins).fill(0);
  return IMAGE_OPERATIONS.map((operation) => ({
    operation,
    magnitudes: magnitudes[operation] ?? none,
    signed: magnitudes[operation] !== undefined && operation !== "Posterize" && operation !== "Solarize",
  }));
}

/**
 * `count` numbers from `start` to `end`, each the float32 nearest to its exact value. The last binary digit of
 * `torch.linspace` depends on the vector width of the machine, so there is nothing closer to agree with.
 */
function evenlySpaced(start: number, end: number, count: number): number[] {
  return Array.from(
    { length: count },
    (_, index) => Math.fround(start + ((end - start) * index) / (count - 1)),
  );
}
