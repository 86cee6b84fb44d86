/**
 * Convolution and pooling in double precision, by loops over every window and tap.
 *
 * @module
 */

import fc from "fast-check";

/** Geometry of a convolution; out sizes follow from it. */
export interface Geometry {
  /** `[batch, height, width, channels]`. */
  readonly input: readonly [number, number, number, number];
  /** `[filter height, filter width, channels / groups, out]`. */
  readonly filter: readonly [number, number, number, number];
  /** Steps. */
  readonly strides: readonly [number, number];
  /** Zeros above, below, left, right. */
  readonly pads: readonly [number, number, number, number];
  /** Distances of the taps. */
  readonly dilations: readonly [number, number];
  /** Groups of channels. */
  readonly groups: number;
}

/** `[batch, out height, out width, out]`. */
export function outputShape(geometry: Geometry): [number, number, number, number] {
  const { input, filter, strides, pads, dilations } = geometry;
  const out = (axis: 0 | 1) => {
    const free = input[axis + 1] + pads[2 * axis] + pads[2 * axis + 1] -
      (filter[axis] - 1) * dilations[axis] - 1;
    return Math.floor(free / strides[axis]) + 1;
  };
  return [input[0], out(0), out(1), filter[3]];
}

/** Calls `visit` with the positions of everything that meets in a product: pixel, tap and result. */
export function forEachProduct(
  geometry: Geometry,
  visit: (pixel: number, tap: number, result: number) => void,
): void {
  const { input, filter, strides, pads, dilations, groups } = geometry;
  const [batch, height, width, channels] = input;
  const [filterHeight, filterWidth, depth, out] = filter;
  const [, outHeight, outWidth] = outputShape(geometry);
  for (let n = 0; n < batch; n++) {
    for (let y = 0; y < outHeight; y++) {
      for (let x = 0; x < outWidth; x++) {
        for (let r = 0; r < filterHeight; r++) {
          for (let s = 0; s < filterWidth; s++) {
            const row = y * strides[0] - pads[0] + r * dilations[0];
            const column = x * strides[1] - pads[2] + s * dilations[1];
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            for (let o = 0; o < out; o++) {
              const group = Math.floor(o / (out / groups));
              for (let c = 0; c < depth; c++) {
                visit(
                  ((n * height + row) * width + column) * channels + group * depth + c,
                  ((r * filterWidth + s) * depth + c) * out + o,
                  ((n * outHeight + y) * outWidth + x) * out + o,
                );
              }
            }
          }
        }
      }
    }
  }
}

/** Random geometries whose windows fit. */
export function geometries(kind: "full" | "depthwise" | "grouped"): fc.Arbitrary<Geometry> {
  const size = fc.integer({ min: 1, max: 9 });
  const tap = fc.integer({ min: 1, max: 4 });
  const step = fc.integer({ min: 1, max: 3 });
  const pad = fc.integer({ min: 0, max: 4 });
  return fc.record({
    batch: fc.integer({ min: 0, max: 3 }),
    sizes: fc.tuple(size, size),
    taps: fc.tuple(tap, tap),
    strides: fc.tuple(step, step),
    dilations: fc.tuple(step, step),
    pads: fc.tuple(pad, pad, pad, pad),
    groups: fc.integer({ min: 2, max: kind === "depthwise" ? 37 : 4 }),
    depth: fc.integer({ min: 0, max: 19 }),
    out: fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 19 })),
    multiplier: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 3 })),
  }).map((drawn): Geometry => {
    const groups = kind === "full" ? 1 : drawn.groups;
    const depth = kind === "depthwise" ? 1 : drawn.depth;
    const out = groups * (kind === "depthwise" ? drawn.multiplier : drawn.out);
    return {
      input: [drawn.batch, ...drawn.sizes, groups * depth],
      filter: [...drawn.taps, depth, out],
      strides: drawn.strides,
      pads: drawn.pads,
      dilations: drawn.dilations,
      groups,
    };
  }).filter((geometry) => outputShape(geometry).slice(1, 3).every((length) => length > 0));
}
