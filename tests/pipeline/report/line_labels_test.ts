/** Tests of how names of lines are pushed apart. @module */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { randint } from "../../../pipeline/random.ts";
import { shorten, spread } from "../../../pipeline/report/line_labels.ts";

Deno.test("positions with room stay", () => {
  assertEquals(spread([50, 10, 90], 17, [0, 100]), [50, 10, 90]);
  assertEquals(spread([], 17, [0, 100]), []);
});

Deno.test("positions that would touch share the way to move", () => {
  assertEquals(spread([50, 50], 10, [0, 100]), [45, 55]);
  assertEquals(spread([98, 99], 10, [0, 100]), [90, 100]);
});

Deno.test("positions keep their order, their gap and the range", () => {
  for (let seed = 0; seed < 100; seed++) {
    const wanted = [...randint([7, seed], 9, -20, 220)];
    const placed = spread(wanted, 17, [0, 200]);
    const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b] || a - b);
    order.forEach((index, place) => {
      assert(placed[index] > -1e-9 && placed[index] < 200 + 1e-9, `${wanted} gives ${placed}`);
      if (place > 0) {
        assert(placed[index] - placed[order[place - 1]] > 17 - 1e-6, `${wanted} gives ${placed}`);
      }
    });
  }
});

Deno.test("where the range is too short the gap shrinks evenly", () => {
  const placed = spread([5, 5, 5, 5, 5], 17, [0, 40]);
  placed.forEach((position, index) => assertAlmostEquals(position, index * 10, 1e-9));
});

Deno.test("shorten keeps names that fit", () => {
  assertEquals([shorten("adaptive", 8), shorten("adaptive", 5)], ["adaptive", "adap…"]);
});
