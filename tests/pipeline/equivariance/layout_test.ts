/** Where numbers of an activation lie. @module */

import { assertEquals } from "@std/assert";
import { layoutOf } from "../../../pipeline/equivariance/layout.ts";

const square = { shape: [8, 8] };
const wide = { shape: [4, 6] };
const flat = { shape: [49] };

for (
  const [shape, grid, expected] of [
    [[2, 14, 12, 3], square, ["map", 0, 14, 12, 3]],
    [[2, 64, 5], square, ["tokens", 0, 8, 8, 5]],
    [[2, 65, 5], square, ["tokens", 5, 8, 8, 5]],
    [[2, 16, 5], square, ["tokens", 0, 4, 4, 5]],
    [[2, 17, 5], square, ["tokens", 5, 4, 4, 5]],
    [[2, 24, 5], wide, ["tokens", 0, 4, 6, 5]],
    [[2, 6, 5], wide, ["tokens", 0, 2, 3, 5]],
    [[2, 49, 5], flat, ["tokens", 0, 1, 49, 5]],
    [[2, 50, 5], flat, ["tokens", 5, 1, 49, 5]],
    [[2, 7, 5], flat, ["tokens", 0, 1, 7, 5]],
    [[2, 30, 5], square, ["vector", 0, 1, 1, 150]],
    [[2, 12, 5], wide, ["vector", 0, 1, 1, 60]],
    [[2, 10], square, ["vector", 0, 1, 1, 10]],
    [[2], square, ["vector", 0, 1, 1, 1]],
    [[2, 2, 3, 4, 5], square, ["vector", 0, 1, 1, 120]],
  ] as const
) {
  Deno.test(`layout of [${shape}] on a grid [${grid.shape}]: ${expected.join(", ")}`, () => {
    const { kind, before, height, width, channels } = layoutOf(shape, grid);
    assertEquals([kind, before, height, width, channels], [...expected]);
  });
}
