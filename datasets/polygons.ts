/**
 * Filling polygons on a grey canvas, with smooth edges.
 *
 * @module
 */

/** A corner: x to the right and y downwards, both in [0, 1] across the canvas. */
export type Point = readonly [x: number, y: number];

/** Lines through a row of pixels on which coverage is measured; along a line it is exact. */
const LINES = 4;

/**
 * Paints what the closed outlines enclose (by the even-odd rule, so an outline inside another cuts a hole) over the canvas.
 *
 * @param canvas Grey values, `[size, size]`, changed in place.
 * @param size Height and width of the canvas in pixels.
 * @param outlines Corners of each outline in order.
 * @param value The grey value to paint; it mixes with what is there where a pixel is covered in part.
 */
export function fillPolygons(
  canvas: Float32Array,
  size: number,
  outlines: readonly (readonly Point[])[],
  value: number,
): void {
  const coverage = new Float32Array(size);
  const crossings: number[] = [];
  for (let row = 0; row < size; row++) {
    let touched = false;
    for (let line = 0; line < LINES; line++) {
      const y = (row + (line + 0.5) / LINES) / size;
      crossings.length = 0;
      for (const outline of outlines) collectCrossings(outline, y, crossings);
      crossings.sort((a, b) => a - b);
      for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
        cover(coverage, crossings[pair] * size, crossings[pair + 1] * size);
        touched = true;
      }
    }
    if (!touched) continue;
    for (let x = 0; x < size; x++) {
      const at = row * size + x;
      canvas[at] += (value - canvas[at]) * coverage[x];
    }
    coverage.fill(0);
  }
}

/** Adds where an outline's edges cross the horizontal line at `y`. */
function collectCrossings(outline: readonly Point[], y: number, crossings: number[]): void {
  let [fromX, fromY] = outline[outline.length - 1];
  for (const [toX, toY] of outline) {
    if ((fromY <= y) !== (toY <= y)) crossings.push(fromX + ((y - fromY) * (toX - fromX)) / (toY - fromY));
    fromX = toX;
    fromY = toY;
  }
}

/** Adds the share of each pixel that lies between `left` and `right`, in pixels, on one of the lines. */
function cover(coverage: Float32Array, left: number, right: number): void {
  const from = Math.max(0, left);
  const to = Math.min(coverage.length, right);
  for (let x = Math.floor(from); x < to; x++) {
    coverage[x] += (Math.min(x + 1, to) - Math.max(x, from)) / LINES;
  }
}
