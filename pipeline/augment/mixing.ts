/**
 * Mixing the images of a batch with one another, and their targets with them: what mixup and CutMix share.
 *
 * As timm's `Mixup` does, a batch is mixed with itself in reverse order, so image `i` of `n` with image `n - 1 - i`. In
 * an odd batch the one in the middle is mixed with itself, and so stays.
 *
 * @module
 */

import { type Images, type ImageShape, imageSize } from "../../datasets/dataset.ts";
import type { Augmentation, TargetedImages } from "../augment.ts";
import { PolyphaseError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { type Key, randint, split, uniform } from "../random.ts";
import { betaNumbers } from "./beta.ts";
import type { DrawPer } from "./options.ts";

/** When and how images are mixed. */
export interface MixingRule {
  /** Shape of the beta distribution that the share of mixup is drawn from; 0 for no mixup. */
  readonly mixupAlpha: number;
  /** Shape of the beta distribution that the area of CutMix is drawn from; 0 for no CutMix. */
  readonly cutmixAlpha: number;
  /** Chance of CutMix where there are both, in [0, 1]. */
  readonly switchProbability: number;
  /** Chance of a draw to mix at all, in [0, 1]. */
  readonly probability: number;
  /** Whether each image has a draw of its own, or all of a batch share one. */
  readonly per: DrawPer;
}

/** How one image is mixed: whole images by shares, or a rectangle pasted. */
export interface MixDraw {
  /** The share of the image that stays, in [0, 1]. The rest is its partner's. */
  readonly share: number;
  /** The rectangle that comes from the partner: rows `top` to before `bottom`, columns `left` to before `right`. */
  readonly box?: {
    readonly top: number;
    readonly bottom: number;
    readonly left: number;
    readonly right: number;
  };
}

/** An augmentation that mixes by a rule. Without targets, so applied instead of mixed, it leaves images as they are. */
export function mixing(config: JsonObject & { readonly name: string }, rule: MixingRule): Augmentation {
  return {
    name: config.name,
    config,
    copies: 1,
    apply: (images) => images,
    mix(batch, key) {
      const draws = drawMixes(key, rule.per === "batch" ? 1 : batch.images.count, batch.images, rule);
      return mixBatch(batch, draws);
    },
  };
}

/** `count` draws of how to mix images of a shape. */
export function drawMixes(key: Key, count: number, shape: ImageShape, rule: MixingRule): MixDraw[] {
  const { mixupAlpha, cutmixAlpha, switchProbability, probability } = rule;
  const [forChance, forSwitch, forMixup, forCutmix, forRow, forColumn] = split(key, 6);
  const chances = uniform(forChance, count);
  const switches = uniform(forSwitch, count);
  const isCut = (index: number) =>
    cutmixAlpha > 0 && (mixupAlpha === 0 || switches[index] < switchProbability);
  const shares = mixupAlpha > 0 ? betaNumbers(forMixup, count, mixupAlpha, mixupAlpha) : undefined;
  const areas = cutmixAlpha > 0 ? betaNumbers(forCutmix, count, cutmixAlpha, cutmixAlpha) : undefined;
  const rows = randint(forRow, count, 0, shape.height);
  const columns = randint(forColumn, count, 0, shape.width);
  return Array.from(chances, (chance, index) => {
    if (chance >= probability) return { share: 1 };
    if (areas && isCut(index)) return cut(shape, areas[index], rows[index], columns[index]);
    return { share: shares ? shares[index] : 1 };
  });
}

/**
 * A batch of the same shape in which every image is mixed with its partner, and its target with the partner's in the
 * same shares: `draws` holds one for each image, or a single one for all. Pixels are rounded to the nearest byte.
 *
 * @throws {PolyphaseError} if the targets are not whole rows, one an image
 * @throws {RangeError} if there is neither one draw nor one an image
 */
export function mixBatch({ images, targets }: TargetedImages, draws: readonly MixDraw[]): TargetedImages {
  const { count } = images;
  if (draws.length !== 1 && draws.length !== count) {
    throw new RangeError(`${draws.length} draws for ${count} images: give one, or one an image`);
  }
  const classes = count === 0 ? 0 : targets.length / count;
  if (!Number.isInteger(classes)) {
    throw new PolyphaseError(
      `mixing: ${targets.length} targets for ${count} images, expected as many for each: give [count, classes]`,
    );
  }
  const mixed = { images: { ...images, pixels: images.pixels.slice() }, targets: targets.slice() };
  for (let row = 0; row < count; row++) {
    const draw = draws[draws.length === 1 ? 0 : row];
    const partner = count - 1 - row;
    if (draw.share === 1 || partner === row) continue;
    if (draw.box) paste(images, row, partner, draw.box, mixed.images.pixels);
    else mixPixels(images, row, partner, draw.share, mixed.images.pixels);
    for (let label = 0; label < classes; label++) {
      mixed.targets[row * classes + label] = draw.share * targets[row * classes + label] +
        (1 - draw.share) * targets[partner * classes + label];
    }
  }
  return mixed;
}

/** A rectangle of about `1 - share` of the area, cut off at the border, with the share that it leaves. */
function cut({ height, width }: ImageShape, share: number, row: number, column: number): MixDraw {
  const side = Math.sqrt(1 - share);
  // Twice halved, as timm has it: the sides of the rectangle are even.
  const halfHeight = Math.floor(Math.floor(height * side) / 2);
  const halfWidth = Math.floor(Math.floor(width * side) / 2);
  const top = Math.max(0, row - halfHeight);
  const bottom = Math.min(height, row + halfHeight);
  const left = Math.max(0, column - halfWidth);
  const right = Math.min(width, column + halfWidth);
  return {
    share: 1 - ((bottom - top) * (right - left)) / (height * width),
    box: { top, bottom, left, right },
  };
}

function mixPixels(images: Images, row: number, partner: number, share: number, pixels: Uint8Array): void {
  const size = imageSize(images);
  const from = partner * size - row * size;
  for (let at = row * size; at < (row + 1) * size; at++) {
    pixels[at] = Math.trunc(share * images.pixels[at] + (1 - share) * images.pixels[from + at] + 0.5);
  }
}

function paste(
  images: Images,
  row: number,
  partner: number,
  { top, bottom, left, right }: NonNullable<MixDraw["box"]>,
  pixels: Uint8Array,
): void {
  const { height, width, channels } = images;
  for (let y = top; y < bottom; y++) {
    const from = (partner * height + y) * width;
    pixels.set(
      images.pixels.subarray((from + left) * channels, (from + right) * channels),
      ((row * height + y) * width + left) * channels,
    );
  }
}
