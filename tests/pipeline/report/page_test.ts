/** Tests of the page as a whole. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { chartFigure } from "../../../pipeline/report/curves.ts";
import { imageGrid } from "../../../pipeline/report/image_strip.ts";
import { page, type Section } from "../../../pipeline/report/page.ts";
import { tableHtml } from "../../../pipeline/report/table.ts";

const SECTIONS: readonly Section[] = ["Results", "Curves", "Results", "<&>"].map((title) => ({
  title,
  body: "<hr>",
}));

Deno.test("texts are escaped and bodies are not", () => {
  const html = page({
    title: "a<b>",
    subtitle: "c & d",
    sections: [{ title: "e<f>", intro: "g<h>\n\ni", body: "<table></table>", note: "j<k>" }],
    footer: "l<m>",
  });
  for (const text of ["<title>a&lt;b&gt;</title>", "<h1>a&lt;b&gt;</h1>", "c &amp; d", ">e&lt;f&gt;</h2>"]) {
    assertStringIncludes(html, text);
  }
  assertStringIncludes(html, '<p>g&lt;h&gt;</p>\n<p>i</p>\n<table></table>\n<p class="note">j&lt;k&gt;</p>');
  assertStringIncludes(html, "<footer>\n<p>l&lt;m&gt;</p>");
  assert(!/<[bfhkm]>/.test(html));
});

Deno.test("more than three sections get a table of contents whose links lead to different places", () => {
  const html = page({ title: "t", sections: SECTIONS });
  const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  assertEquals(links, ["results", "curves", "results-2", "section"]);
  for (const id of links) assertEquals(html.split(` id="${id}"`).length, 2);
  assertStringIncludes(html, `<nav aria-label="Contents">`);
  assert(!page({ title: "t", sections: SECTIONS.slice(1) }).includes("<nav"));
});

Deno.test(
  "the page asks for nothing outside itself",
  { sanitizeOps: true, sanitizeResources: true },
  async () => {
    const points = [{ x: 0, y: 1 }, { x: 1, y: 2 }];
    const body = tableHtml({ columns: [{ key: "a", label: "a" }], rows: [{ a: 1 }] }) +
      imageGrid({
        columns: ["0"],
        rows: [{
          label: "x",
          cells: [{ image: { height: 1, width: 1, channels: 1, pixels: new Uint8Array(1) } }],
        }],
      }) +
      await chartFigure({ series: [{ name: "a", points }], x: { label: "x" }, y: { label: "y" } });
    const html = page({ title: "t", sections: [{ title: "s", body }] });
    const addresses = new Set(html.match(/https?:\/\/[^"'\s<>]*/g));
    assertEquals([...addresses], ["http://www.w3.org/2000/svg"]);
    for (const [, where] of html.matchAll(/(?:src|href)="([^"]*)"/g)) assertMatch(where, /^(data:|#)/);
    assert(!/@import|url\((?!#)|<link rel="stylesheet|fetch\(/.test(html));
    assertStringIncludes(html, "default-src 'none'");
  },
);

Deno.test("only a page with tables carries the script that sorts them", () => {
  const table = tableHtml({ columns: [{ key: "a", label: "a" }], rows: [] });
  assertEquals(
    page({ title: "t", sections: [{ title: "s", body: table + table }] }).match(/<script>/g)!.length,
    1,
  );
  assert(!page({ title: "t", sections: SECTIONS }).includes("<script"));
});

Deno.test("the document says its language, its character set and its width", () => {
  const html = page({ title: "t", sections: [] });
  assert(html.startsWith(`<!doctype html>\n<html lang="en">`));
  assertStringIncludes(html, `<meta charset="utf-8">`);
  assertStringIncludes(html, `content="width=device-width, initial-scale=1"`);
  assertStringIncludes(html, "prefers-color-scheme: dark");
});
