/**
 * CvT written out on plain arrays.
 *
 * @module
 */

import type { CvtOptions } from "../../models/cvt.ts";
import {
  affine,
  attend,
  batchNormalize,
  best,
  convolve,
  dot,
  type Grid,
  meanOf,
  normalize,
  part,
  perceive,
  type Placing,
  plus,
  type Rows,
  type Weights,
} from "./map_reference.ts";

/** Sizes that weights do not tell. */
export type CvtSizes = Required<
  Pick<CvtOptions, "kernelSizes" | "strides" | "paddings" | "keyStrides" | "heads">
>;

/** Logits of an image; adaptive strides take the polyphase of most energy, and windows then go around the border. */
export function cvtReference(weights: Weights, image: Grid, sizes: CvtSizes, adaptive: boolean): number[] {
  const chosen = (placing: Placing, make: (placing: Placing) => Grid): Placing =>
    adaptive ? { ...placing, start: best(make({ ...placing, stride: 1 }), placing.stride) } : placing;
  let map = image;
  let token: Rows = [];
  sizes.strides.forEach((stride, stage) => {
    const here = part(weights, `stages.${stage}`);
    const { conv, norm } = { conv: part(here, "embedding.conv"), norm: part(here, "embedding.norm") };
    const embed = (placing: Placing) =>
      convolve(map, conv.get("weight")!, conv.get("bias"), { ...placing, circular: adaptive });
    const window = { kernel: sizes.kernelSizes[stage], stride, before: sizes.paddings[stage] };
    const tokens = embed(chosen(window, embed));
    const { height, width } = tokens;
    const first = stage === sizes.strides.length - 1 ? weights.get("classToken") : undefined;
    token = first === undefined ? [] : [Array.from(first.data)];
    let x: Rows = [...token, ...normalize(tokens.pixels, norm, 1e-5)];
    for (let index = 0; part(here, `blocks.${index}`).size > 0; index++) {
      const block = part(here, `blocks.${index}`);
      const before = normalize(x, part(block, "norm1"), 1e-5);
      const grid = { height, width, pixels: before.slice(token.length) };
      const project = (name: string, placing: Placing): Grid =>
        convolve(grid, block.get(`attention.${name}.conv.weight`)!, undefined, {
          ...placing,
          circular: adaptive,
        });
      const keys = { kernel: 3, stride: sizes.keyStrides[stage], before: 1 };
      const placed = chosen(keys, (placing) => project("keys", placing));
      const [q, k, v] = ["queries", "keys", "values"].map((name) => {
        const made = project(name, name === "queries" ? { ...keys, stride: 1 } : placed).pixels;
        const normalized = batchNormalize(made, part(block, `attention.${name}.norm`));
        return affine(
          [...before.slice(0, token.length), ...normalized],
          part(block, `attention.${name}.linear`),
        );
      });
      const dim = q[0].length / sizes.heads[stage];
      const heads = Array.from({ length: sizes.heads[stage] }, (_, head) => {
        const [ours, theirs, values] = [q, k, v].map((rows) =>
          rows.map((row) => row.slice(head * dim, (head + 1) * dim))
        );
        return attend(
          q.length,
          values,
          (query, key) => dot(ours[query], theirs[key]) / Math.sqrt(q[0].length),
        );
      });
      const found = q.map((_, row) => heads.flatMap((head) => head[row]));
      x = plus(x, affine(found, part(block, "attention.proj")));
      x = plus(x, perceive(normalize(x, part(block, "norm2"), 1e-5), part(block, "mlp")));
    }
    map = { height, width, pixels: x };
  });
  const pooled = normalize(
    token.length > 0 ? map.pixels.slice(0, 1) : map.pixels,
    part(weights, "norm"),
    1e-5,
  );
  return [...affine([meanOf(pooled)], part(weights, "head"))[0]];
}
