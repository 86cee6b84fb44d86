/**
 * Logits of many variants of the same images by any predictor: those of the images themselves, or means over views.
 *
 * @module
 */

import type { Images } from "../../datasets/dataset.ts";
import { shiftImages } from "../../datasets/shift.ts";
import type { Predictor } from "../predict.ts";
import type { Key } from "../random.ts";
import { viewMean, type Views } from "../views.ts";
import { distinctLogits, type DistinctOptions, type Variant, type VariantLogits } from "./distinct_logits.ts";

/**
 * The logits of every variant of every image, run by run, as `predict` makes them of the variants.
 *
 * Without views these are {@linkcode distinctLogits}. With views, each variant is shifted to all of them; a shift of a
 * shift is a shift, so most of their tokens come more than once and go through the model once. `distinct` counts those,
 * and `logits` has a row for each variant of each image, `[variants · count, classes]`.
 */
export async function* variantLogits(
  predictor: Predictor,
  images: Images,
  variants: readonly Variant[],
  key: Key,
  options: DistinctOptions = {},
): AsyncGenerator<VariantLogits> {
  const { views } = predictor;
  if (views === undefined) return yield* distinctLogits(predictor, images, variants, key, options);
  const seen = variants.flatMap((variant) => viewsOf(variant, views));
  for await (
    const { first, count, logits, distinct, places } of distinctLogits(predictor, images, seen, key, options)
  ) {
    const classes = logits.length / distinct;
    const means = new Float32Array(variants.length * count * classes);
    variants.forEach((_, nth) => {
      const sum = viewMean(views.over, count, classes);
      views.offsets.forEach((_, view) => {
        const start = (nth * views.offsets.length + view) * count;
        sum.add(rowsAt(logits, places.subarray(start, start + count), classes));
      });
      means.set(sum.mean(), nth * count * classes);
    });
    const own = Int32Array.from({ length: variants.length * count }, (_, row) => row);
    yield { first, count, logits: means, distinct, places: own };
  }
}

function viewsOf(variant: Variant, { offsets, mode }: Views): Variant[] {
  return offsets.map((offset, view) => ({
    name: `${variant.name}, view ${view}`,
    change: (images: Images, first: number) => shiftImages(variant.change(images, first), [offset], mode),
  }));
}

function rowsAt(logits: Float32Array, places: Int32Array, classes: number): Float32Array {
  const rows = new Float32Array(places.length * classes);
  places.forEach((place, row) =>
    rows.set(logits.subarray(place * classes, (place + 1) * classes), row * classes)
  );
  return rows;
}
