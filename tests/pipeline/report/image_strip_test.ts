/** Tests of grids of images. @module */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
// deno-lint-ignore no-import-prefix -- the version that the encoder beside it names
import { decode } from "npm:fast-png@8.0.0";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { type ImageCell, imageGrid, pngDataUri } from "../../../pipeline/report/image_strip.ts";

function picture(height: number, width: number, channels: number) {
  const pixels = Uint8Array.from(
    { length: height * width * channels },
    (_, index) => (index * 37 + 11) % 256,
  );
  return { count: 1, height, width, channels, pixels };
}

for (const [height, width, channels] of [[14, 14, 1], [3, 5, 3], [1, 1, 1]]) {
  Deno.test(`a PNG data URI decodes to the same pixels, [${height}, ${width}, ${channels}]`, () => {
    const image = picture(height, width, channels);
    const uri = pngDataUri(image);
    assert(uri.startsWith("data:image/png;base64,"));
    const bytes = Uint8Array.from(
      atob(uri.slice(uri.indexOf(",") + 1)),
      (character) => character.charCodeAt(0),
    );
    const decoded = decode(bytes);
    assertEquals([decoded.height, decoded.width, decoded.channels, decoded.depth], [
      height,
      width,
      channels,
      8,
    ]);
    assertEquals([...decoded.data], [...image.pixels]);
  });
}

Deno.test("a part of a larger set's bytes makes the PNG of that part", () => {
  const set = picture(4, 2, 1).pixels;
  const part = { height: 2, width: 2, channels: 1, pixels: set.subarray(4) };
  assertEquals(pngDataUri(part), pngDataUri({ ...part, pixels: set.slice(4) }));
});

Deno.test("images that cannot be shown are refused in one line", () => {
  const two = { ...picture(2, 2, 1), pixels: new Uint8Array(8) };
  assertStringIncludes(assertThrows(() => pngDataUri(two), PolyphaseError).message, "8 bytes, expected 4");
  assertStringIncludes(
    assertThrows(() => pngDataUri(picture(2, 2, 2)), PolyphaseError).message,
    "2 channels",
  );
  assertThrows(
    () => pngDataUri({ height: 0, width: 0, channels: 1, pixels: new Uint8Array(0) }),
    PolyphaseError,
  );
});

Deno.test("a grid marks right and wrong by sign and name, and escapes every text", () => {
  const cell: ImageCell = {
    image: picture(2, 2, 1),
    caption: "<Coat>",
    ok: false,
    verdicts: [{ name: "a&b", text: "Dress", ok: true, color: `red"` }],
  };
  const html = imageGrid({ caption: "1 < 2", columns: [`"0"`], rows: [{ label: "<Dress>", cells: [cell] }] });
  assertStringIncludes(html, `<b class="wrong" role="img" aria-label="wrong">✗</b> &lt;Coat&gt;`);
  assertStringIncludes(html, `<b class="right" role="img" aria-label="right">✓</b> Dress`);
  assertStringIncludes(html, `alt="&lt;Dress&gt;, &quot;0&quot;"`);
  assertStringIncludes(html, `image-rendering:pixelated`);
  assertStringIncludes(html, `a&amp;b`);
  assertStringIncludes(html, `style="background:red&quot;"`);
  assertStringIncludes(html, "<figcaption>1 &lt; 2</figcaption>");
  assert(!/<(Coat|Dress)>/.test(html));
});

Deno.test("a cell without a verdict has no sign", () => {
  const html = imageGrid({
    columns: ["0"],
    rows: [{ label: "x", cells: [{ image: picture(1, 1, 1), caption: "y" }] }],
  });
  assert(!html.includes("✓") && !html.includes("✗") && !html.includes("legend"));
});

Deno.test("a row with a cell too few is refused", () => {
  const grid = { columns: ["0", "1"], rows: [{ label: "Coat", cells: [{ image: picture(1, 1, 1) }] }] };
  assertStringIncludes(
    assertThrows(() => imageGrid(grid), PolyphaseError).message,
    `row "Coat": 1 cells, expected 2`,
  );
});
