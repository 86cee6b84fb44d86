/**
 * Mixing two bytes in float32, cut off rather than rounded: what torchvision's brightness, colour, contrast and
 * sharpness are made of.
 *
 * @module
 */

/** The weights of two images that are mixed, both float32. They sum to 1, and the second is negative beyond 1. */
export interface BlendWeights {
  /** Weight of the image. */
  readonly image: number;
  /** Weight of what it is mixed with. */
  readonly other: number;
}

/** Weights for `factor` of the image: 0 is the other alone, 1 the image alone, and above 1 goes past it. */
export function blendWeights(factor: number): BlendWeights {
  return { image: Math.fround(factor), other: Math.fround(1 - factor) };
}

/** `value` mixed with `other`, clamped to [0, 255] and cut off to a byte. Each product and the sum are float32. */
export function blend(value: number, other: number, weights: BlendWeights): number {
  const sum = Math.fround(Math.fround(weights.image * value) + Math.fround(weights.other * other));
  return sum <= 0 ? 0 : sum >= 255 ? 255 : Math.trunc(sum);
}
