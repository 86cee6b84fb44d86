/**
 * Tests that the colours can be seen and told apart, by the eyes that most people and that colour-blind people have.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { colorOf, colors, PALETTE } from "../../../pipeline/report/palette.ts";

type Triple = readonly [number, number, number];

/** `#rrggbb` as linear light, each in [0, 1]. */
function linear(color: string): Triple {
  const channel = (start: number) => {
    const value = parseInt(color.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

function apply(matrix: readonly Triple[], [a, b, c]: Triple): Triple {
  const row = ([x, y, z]: Triple) => Math.min(1, Math.max(0, x * a + y * b + z * c));
  return [row(matrix[0]), row(matrix[1]), row(matrix[2])];
}

/** Oklab of linear light, times 100: a distance of 2 is just noticeable side by side. */
function oklab([r, g, b]: Triple): Triple {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    100 * (0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s),
    100 * (1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s),
    100 * (0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s),
  ];
}

// G. M. Machado et al., "A physiologically-based model for simulation of color vision deficiency", 2009, severity 1.
const EYES: Record<string, readonly Triple[]> = {
  usual: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

Deno.test("every colour has a contrast of 3 to 1 with the light and with the dark page", () => {
  const luminance = (color: string) => {
    const [r, g, b] = linear(color);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  for (const color of PALETTE) {
    for (const paper of ["#ffffff", "#14171c"]) {
      const [dark, light] = [luminance(color), luminance(paper)].sort((a, b) => a - b);
      assert((light + 0.05) / (dark + 0.05) >= 3, `${color} on ${paper}`);
    }
  }
});

Deno.test("no two colours look alike, with protanopia and deuteranopia either", () => {
  for (const [name, eye] of Object.entries(EYES)) {
    const seen = PALETTE.map((color) => oklab(apply(eye, linear(color))));
    seen.forEach((a, i) =>
      seen.slice(0, i).forEach((b, j) => {
        const distance = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
        assert(distance > 7, `${PALETTE[i]} and ${PALETTE[j]} are ${distance} apart with ${name} eyes`);
      })
    );
  }
});

Deno.test("colours go by first appearance and start over after the last", () => {
  assertEquals([...colors(["b", "a", "b"])], [["b", PALETTE[0]], ["a", PALETTE[1]]]);
  assertEquals(colorOf(PALETTE.length + 1), PALETTE[1]);
  assertThrows(() => colorOf(-1), RangeError);
  assertThrows(() => colorOf(0.5), RangeError);
});
