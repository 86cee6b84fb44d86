/**
 * Clouds of points that classifiers can be tried on without any images.
 *
 * @module
 */

import { foldIn, type Key, normal } from "../../../pipeline/random.ts";

/** Points `[rows, dims]` around a centre for each class, the classes in turn; `spread` over 1 makes them overlap. */
export function blobs(
  key: Key,
  { rows, dims, classes, spread }: { rows: number; dims: number; classes: number; spread: number },
): { features: Float32Array; labels: Int32Array } {
  const centres = normal(foldIn(key, "centres"), classes * dims);
  const noise = normal(foldIn(key, "noise"), rows * dims);
  const labels = Int32Array.from({ length: rows }, (_, row) => row % classes);
  const features = noise.map((each, place) =>
    centres[labels[Math.floor(place / dims)] * dims + place % dims] + spread * each
  );
  return { features, labels };
}
