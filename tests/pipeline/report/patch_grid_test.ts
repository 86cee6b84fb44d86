/** Tests of patch grids. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { takeImages } from "../../../datasets/dataset.ts";
import { shiftImages } from "../../../datasets/shift.ts";
import { adaptive } from "../../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d } from "../../../models/tokenizers/patches.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { patchGrid, patchGridFigure, type PatchGridPicture } from "../../../pipeline/report/patch_grid.ts";
import { noiseSplit } from "../shift_fixtures.ts";

const { images } = noiseSplit(1, 4);
const grid = patches2d({ size: 2 }).grid(images);
const still = { image: images, offset: { dy: 0, dx: 0 } };

/** For each image the path of the borders and that of the first token. */
function paths(svg: string): { borders: string; first: string }[] {
  const found = [...svg.matchAll(/<path d="([^"]*)" fill="#[^"]*"[^>]*\/><path d="([^"]*)" fill="none"/g)];
  return found.map(([, first, borders]) => ({ borders, first }));
}

Deno.test("a grid that starts at the origin", () => {
  const [drawn, ...others] = paths(patchGrid({ cells: [still], grid }));
  assertEquals(others, []);
  assertEquals(drawn.first, "M0 0H2V1H0ZM0 1H2V2H0Z");
  // The whole of every border, that of the image too.
  assertEquals(drawn.borders, "M0 0V4M2 0V4M4 0V4M0 0H4M0 2H4M0 4H4");
});

Deno.test("a grid that is moved is open at the border, and its first token lies on both sides of it", () => {
  // The tokenizer rolls the image by one row down, so the first patch begins a row before the first.
  const [down] = paths(patchGrid({ cells: [{ image: images, offset: { dy: 1, dx: 0 } }], grid }));
  assertEquals(down.borders, "M0 0V4M2 0V4M4 0V4M0 1H4M0 3H4");
  assertEquals(down.first, "M0 0H2V1H0ZM0 3H2V4H0Z");
  const [both] = paths(patchGrid({ cells: [{ image: images, offset: { dy: -1, dx: 1 } }], grid }));
  assertEquals(both.borders, "M1 0V4M3 0V4M0 1H4M0 3H4");
  assertEquals(both.first, "M0 1H1V2H0ZM3 1H4V2H3ZM0 2H1V3H0ZM3 2H4V3H3Z");
});

Deno.test("patches of the flattened image run on from row to row", () => {
  const flat = patches1d({ size: 8 }).grid(images);
  const [two] = paths(patchGrid({ cells: [{ image: images, offset: { dy: 0, dx: 2 } }], grid: flat }));
  // The first patch is the last two pixels, then six from the first on.
  assertEquals(two.first, "M0 0H4V1H0ZM0 1H2V2H0ZM2 3H4V4H2Z");
  assertStringIncludes(two.borders, "M2 1V2");
});

Deno.test("the grid of an adaptive tokenizer moves with the image", () => {
  const { images: image } = noiseSplit(1, 6, 9);
  const tokenizer = adaptive(patches2d({ size: 3 }));
  const embedding = { weight: normal(keyOf(1), 9 * 4), bias: normal(keyOf(2), 4) };
  const drawn = (dy: number, dx: number) => {
    const moved = shiftImages(image, [{ dy, dx }], "circular-2d");
    const { offsets } = tokenizer.tokenize(moved, { embedding });
    return paths(patchGrid({ cells: [{ image: moved, offset: offsets[0] }], grid: tokenizer.grid(image) }))[0]
      .borders;
  };
  // A shift by a whole patch gives the same lines, another one moves them.
  assertEquals(drawn(3, 3), drawn(0, 0));
  const xs = (path: string) => [...path.matchAll(/M(\d+) \d+V/g)].map(([, x]) => Number(x) % 3);
  assertEquals(new Set(xs(drawn(0, 1))), new Set([(xs(drawn(0, 0))[0] + 1) % 3]));
});

Deno.test("images, captions, lines of images and what a screen reader says", () => {
  const cells = Array.from({ length: 5 }, (_, nth) => ({ ...still, caption: `<${nth}>` }));
  const svg = patchGrid({ cells, grid, columns: 2, width: 400, title: "a & b" });
  assertMatch(svg, /^<svg xmlns="[^"]+" role="img" aria-label="a &amp; b: 5 images with the grid of each."/);
  assertEquals(svg.match(/<image href="data:image\/png;base64,/g)!.length, 5);
  assertEquals([...svg.matchAll(/translate\(([\d.]+),([\d.]+)\)/g)].map(([, x]) => Number(x)), [
    0,
    209,
    0,
    209,
    0,
  ]);
  assertStringIncludes(svg, ">&lt;0&gt;</text>");
  assert(!svg.includes("<0>"));
  assertStringIncludes(patchGrid({ cells: [still], grid }), "1 image with");
  assertStringIncludes(
    patchGridFigure({ cells: [still], grid }, "1 < 2"),
    "<figcaption>1 &lt; 2</figcaption>",
  );
  const rgb = noiseSplit(2, 4, 1, 3).images;
  const colour = patchGrid({
    cells: [{ ...still, image: takeImages(rgb, [1]) }],
    grid: patches2d({ size: 2 }).grid(rgb),
  });
  assertEquals(paths(colour)[0], paths(patchGrid({ cells: [still], grid }))[0]);
});

Deno.test("what cannot be drawn is refused in one line", () => {
  const larger = noiseSplit(1, 6).images;
  for (
    const picture of [
      { cells: [], grid },
      { cells: [{ ...still, image: larger }], grid },
      { cells: [still, { ...still, image: larger }], grid },
      { cells: [{ ...still, image: { ...images, height: 2, width: 8 } }, still], grid },
    ] as PatchGridPicture[]
  ) {
    const { message } = assertThrows(() => patchGrid(picture), PolyphaseError);
    assert(message.startsWith("Cannot draw a patch grid") && !message.includes("\n"));
  }
});
