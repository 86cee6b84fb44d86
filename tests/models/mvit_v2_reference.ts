/**
 * MViTv2 written out on plain arrays.
 *
 * @module
 */

import type { MvitV2Options } from "../../models/mvit_v2.ts";
import {
  affine,
  attend,
  best,
  convolve,
  dot,
  greatest,
  type Grid,
  meanOf,
  modulo,
  normalize,
  part,
  perceive,
  type Placing,
  plus,
  type Rows,
  type Weights,
} from "./map_reference.ts";

/** Sizes that weights do not tell. */
export type MvitV2Sizes = Required<
  Pick<
    MvitV2Options,
    "heads" | "patchSize" | "patchStride" | "patchPadding" | "queryStrides" | "keyStrides"
  >
>;

/** Queries, keys or values of all heads, and where windows were. */
interface Pooled {
  readonly grid: Grid;
  readonly heads: readonly Rows[];
  readonly placing: Placing;
}

/** Logits of an image; adaptive strides take the polyphase of most energy, and all else then goes around the border. */
export function mvitV2Reference(
  weights: Weights,
  image: Grid,
  sizes: MvitV2Sizes,
  adaptive: boolean,
): number[] {
  const filter = (placing: Placing) =>
    convolve(image, weights.get("patchEmbedding.weight")!, weights.get("patchEmbedding.bias"), placing);
  const { patchSize: kernel, patchStride: stride, patchPadding: before } = sizes;
  let map = filter(chosen({ kernel, stride, before }, filter, adaptive));
  sizes.queryStrides.forEach((queryStride, stage) => {
    for (let index = 0; part(weights, `stages.${stage}.blocks.${index}`).size > 0; index++) {
      const strides = [index === 0 ? queryStride : 1, sizes.keyStrides[stage]] as const;
      map = block(
        part(weights, `stages.${stage}.blocks.${index}`),
        map,
        sizes.heads[stage],
        strides,
        adaptive,
      );
    }
  });
  const code = meanOf(normalize(map.pixels, part(weights, "norm"), 1e-6));
  return [...affine([code], part(weights, "head"))[0]];
}

function block(
  weights: Weights,
  map: Grid,
  heads: number,
  [queryStride, keyStride]: readonly [number, number],
  adaptive: boolean,
): Grid {
  const before = normalize(map.pixels, part(weights, "norm1"), 1e-6);
  const packed = affine(before, part(weights, "attention.qkv"));
  const embed = packed[0].length / 3;
  const pool = (name: string, index: number, stride: number, placed?: Placing): Pooled => {
    const grid = { ...map, pixels: packed.map((row) => row.slice(index * embed, (index + 1) * embed)) };
    const { shape: [height, width, , dim], data } = weights.get(`attention.${name}.conv.weight`)!;
    // The same filter for each head.
    const shared = Array.from(
      { length: height * width * embed },
      (_, at) => data[Math.floor(at / embed) * dim + at % embed % dim],
    );
    const filter = { shape: [height, width, 1, embed], data: shared };
    const make = (placing: Placing) => convolve(grid, filter, undefined, placing);
    const placing = placed ?? chosen({ kernel: height, stride, before: 1 }, make, adaptive);
    const made = make(placing);
    const each = Array.from({ length: heads }, (_, head) =>
      normalize(
        made.pixels.map((row) => row.slice(head * dim, (head + 1) * dim)),
        part(weights, `attention.${name}.norm`),
        1e-6,
      ));
    return { grid: made, heads: each, placing };
  };
  const [q, k] = [pool("queries", 0, queryStride), pool("keys", 1, keyStride)];
  const v = pool("values", 2, keyStride, k.placing);
  const found = q.heads.map((queries, head) => {
    const scores = (query: number, key: number) =>
      dot(queries[query], k.heads[head][key]) / Math.sqrt(queries[query].length) +
      positions(weights, queries[query], [q, query], [k, key], map, adaptive);
    return plus(attend(queries.length, v.heads[head], scores), queries);
  });
  const together = q.grid.pixels.map((_, row) => found.flatMap((rows) => rows[row]));
  const shortcut = part(weights, "shortcut");
  const around = { ...map, pixels: shortcut.size > 0 ? affine(before, shortcut) : map.pixels };
  const skip = { ...q.placing, kernel: queryStride + 1, before: Math.floor((queryStride + 1) / 2) };
  const kept = queryStride === 1 ? around : greatest(around, skip);
  const attended = plus(kept.pixels, affine(together, part(weights, "attention.proj")));
  const perceived = perceive(normalize(attended, part(weights, "norm2"), 1e-6), part(weights, "mlp"));
  return { ...q.grid, pixels: plus(attended, perceived) };
}

/** What the place of a key to a query adds to the score: the query times a vector for rows and one for columns. */
function positions(
  weights: Weights,
  vector: readonly number[],
  [queries, query]: readonly [Pooled, number],
  [keys, key]: readonly [Pooled, number],
  map: Grid,
  adaptive: boolean,
): number {
  return (["rows", "columns"] as const).reduce((sum, name, axis) => {
    const side = axis === 0 ? "height" : "width";
    const place = ({ grid }: Pooled, index: number) =>
      axis === 0 ? Math.floor(index / grid.width) : index % grid.width;
    const [from, to] = [place(queries, query), place(keys, key)];
    const [asking, looked] = [queries.grid[side], keys.grid[side]];
    const pixel = ({ placing: { start = [0, 0], stride } }: Pooled, at: number) => start[axis] + at * stride;
    const distance = adaptive ? modulo(pixel(queries, from) - pixel(keys, to), map[side]) : Math.floor(
      from * Math.max(looked / asking, 1) - to * Math.max(asking / looked, 1) +
        (looked - 1) * Math.max(asking / looked, 1),
    );
    const { data } = weights.get(`attention.positions.${name}`)!;
    return sum + dot(vector, vector.map((_, at) => data[distance * vector.length + at]));
  }, 0);
}

function chosen(placing: Placing, make: (placing: Placing) => Grid, adaptive: boolean): Placing {
  if (!adaptive) return placing;
  const circular = { ...placing, circular: true };
  return { ...circular, start: best(make({ ...circular, stride: 1 }), placing.stride) };
}
