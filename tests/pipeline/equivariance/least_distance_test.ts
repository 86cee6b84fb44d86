/** The nearest shift, beside a search that leaves nothing out. @module */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Layout } from "../../../pipeline/equivariance/layout.ts";
import { lengthOf, nearestShift } from "../../../pipeline/equivariance/least_distance.ts";
import { foldIn, keyOf, normal } from "../../../pipeline/random.ts";

/** `S^q source`, numbers before the grid as they are. */
function shifted(source: Float32Array, dy: number, dx: number, layout: Layout): Float32Array {
  const { before, height, width, channels } = layout;
  const out = source.slice();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++) {
        const to = before + (((y + dy) % height) * width + (x + dx) % width) * channels + channel;
        out[to] = source[before + (y * width + x) * channels + channel];
      }
    }
  }
  return out;
}

const distance = (a: Float32Array, b: Float32Array) =>
  Math.sqrt(a.reduce((sum, value, at) => sum + (value - b[at]) ** 2, 0));

const layouts = fc.record({
  before: fc.integer({ min: 0, max: 3 }),
  height: fc.integer({ min: 1, max: 6 }),
  width: fc.integer({ min: 1, max: 7 }),
  channels: fc.integer({ min: 1, max: 4 }),
}).map((sizes): Layout => ({ kind: "map", ...sizes }));

const sizeOf = ({ before, height, width, channels }: Layout) => before + height * width * channels;

Deno.test("nearestShift: a shifted map is found, at the distance 0", () => {
  fc.assert(fc.property(layouts, fc.nat(), fc.nat(), fc.nat(1000), (layout, down, right, seed) => {
    const source = normal(keyOf(seed), sizeOf(layout));
    const [dy, dx] = [down % layout.height, right % layout.width];
    assertEquals(nearestShift(shifted(source, dy, dx, layout), source, layout), { dy, dx, distance: 0 });
  }));
});

Deno.test("nearestShift: of unlike maps it is what trying every shift gives", () => {
  fc.assert(fc.property(layouts, fc.nat(1000), (layout, seed) => {
    const source = normal(foldIn(keyOf(seed), 0), sizeOf(layout));
    const target = normal(foldIn(keyOf(seed), 1), sizeOf(layout));
    const all = Array.from({ length: layout.height * layout.width }, (_, index) => {
      const [dy, dx] = [Math.floor(index / layout.width), index % layout.width];
      return distance(target, shifted(source, dy, dx, layout));
    });
    const found = nearestShift(target, source, layout);
    assertAlmostEquals(found.distance, Math.min(...all), 1e-9);
    assertAlmostEquals(all[found.dy * layout.width + found.dx], found.distance, 1e-9);
  }));
});

Deno.test("nearestShift: a nearly equivariant map is at the distance of what was added", () => {
  const layout: Layout = { kind: "tokens", before: 2, height: 7, width: 7, channels: 8 };
  const source = normal(keyOf(1), sizeOf(layout));
  const target = shifted(source, 3, 6, layout);
  target[2 + 17] += 0.25;
  target[0] += 0.5;
  const found = nearestShift(target, source, layout);
  assertEquals([found.dy, found.dx], [3, 6]);
  assertAlmostEquals(found.distance, Math.hypot(0.25, 0.5), 1e-6);
});

Deno.test("nearestShift: equal maps, constant maps and zeros are not shifted", () => {
  const layout: Layout = { kind: "map", before: 0, height: 3, width: 4, channels: 2 };
  for (const value of [0, 1.5]) {
    const constant = new Float32Array(24).fill(value);
    assertEquals(nearestShift(constant, constant, layout), { dy: 0, dx: 0, distance: 0 });
  }
  assertEquals(lengthOf(new Float32Array([3, 4])), 5);
  assert(nearestShift(new Float32Array(24).fill(1), new Float32Array(24), layout).distance > 4.8);
});
