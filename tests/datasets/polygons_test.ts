import { assertAlmostEquals, assertEquals } from "@std/assert";
import { fillPolygons, type Point } from "../../datasets/polygons.ts";

function paint(size: number, outlines: Point[][], value = 1): Float32Array {
  const canvas = new Float32Array(size * size);
  fillPolygons(canvas, size, outlines, value);
  return canvas;
}

const total = (canvas: Float32Array) => canvas.reduce((sum, value) => sum + value, 0);

Deno.test("a box on pixel borders fills its pixels and no other", () => {
  const canvas = paint(4, [[[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]], 8);
  assertEquals(Array.from(canvas), [0, 0, 0, 0, 0, 8, 8, 0, 0, 8, 8, 0, 0, 0, 0, 0]);
});

Deno.test("a pixel that is covered in part gets its share", () => {
  const canvas = paint(2, [[[0.125, 0], [0.5, 0], [0.5, 0.5], [0.125, 0.5]]]);
  assertAlmostEquals(canvas[0], 0.75, 1e-6);
  assertEquals(Array.from(canvas.subarray(1)), [0, 0, 0]);
});

Deno.test("the sum of a triangle is its area, and what lies outside the canvas is cut off", () => {
  assertAlmostEquals(total(paint(40, [[[0.1, 0.1], [0.9, 0.5], [0.2, 0.8]]])), 0.26 * 1600, 1);
  assertAlmostEquals(total(paint(8, [[[-1, -1], [2, -1], [2, 2], [-1, 2]]])), 64, 1e-4);
});

Deno.test("an outline in another cuts a hole", () => {
  const box = (at: number): Point[] => [[at, at], [1 - at, at], [1 - at, 1 - at], [at, 1 - at]];
  assertAlmostEquals(total(paint(8, [box(0), box(0.25)])), 64 - 16, 1e-4);
});
