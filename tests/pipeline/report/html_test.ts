/** Tests of escaping. @module */

import { assertEquals } from "@std/assert";
import { escapeHtml } from "../../../pipeline/report/html.ts";

Deno.test("escapeHtml replaces the five characters of HTML and nothing else", () => {
  assertEquals(escapeHtml(`a<b>&"c"'d' é ✓`), "a&lt;b&gt;&amp;&quot;c&quot;&#39;d&#39; é ✓");
  assertEquals(escapeHtml("&amp;"), "&amp;amp;");
});
