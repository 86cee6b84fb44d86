/** Tests of axes. @module */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { scaleOf } from "../../../pipeline/report/axis.ts";

Deno.test("epochs get whole ticks however few they are", () => {
  assertEquals(scaleOf({ label: "Epoch" }, [1, 2, 3], false).ticks, [1, 2, 3]);
  assertEquals(scaleOf({ label: "Epoch" }, [1], false).ticks, [1]);
  assertEquals(scaleOf({ label: "Epoch" }, [1, 50], false).ticks, [10, 20, 30, 40, 50]);
});

Deno.test("a nice domain widens to round numbers, and shares stay between 0 and 100%", () => {
  const scale = scaleOf({ label: "Accuracy", percent: true }, [0.633, 0.997], true);
  assertEquals(scale.domain, [0.6, 1]);
  assertEquals(scale.ticks.map(scale.format), ["60%", "70%", "80%", "90%", "100%"]);
  assertEquals(scaleOf({ label: "Loss" }, [0.283, 1.28], true).domain, [0.2, 1.4]);
});

Deno.test("ticks are told apart by their text and lie inside the domain", () => {
  for (const [low, high] of [[0, 1e-7], [0.8611, 0.8612], [-3, 12], [0, 3.2e9], [5, 5], [0, 0], [-7, -7]]) {
    const { ticks, format, domain } = scaleOf({ label: "y" }, [low, high], true);
    assert(ticks.length >= 2, `${low} to ${high}: ${ticks}`);
    assertEquals(new Set(ticks.map(format)).size, ticks.length, `${low} to ${high}: ${ticks.map(format)}`);
    assert(domain[0] < domain[1] && domain[0] <= low && domain[1] >= high, `${low} to ${high}: ${domain}`);
    const slack = 1e-9 * (domain[1] - domain[0]);
    assert(
      ticks.every((tick) => tick >= domain[0] - slack && tick <= domain[1] + slack),
      `${ticks} in ${domain}`,
    );
  }
});

Deno.test("given ticks and domains are kept, and an axis without data has no ticks", () => {
  assertEquals(scaleOf({ label: "x", ticks: [28, 0, 500], domain: [0, 195] }, [3], false).ticks, [0, 28]);
  assertEquals(scaleOf({ label: "x", domain: [0, 1] }, [], false).ticks, [0, 0.2, 0.4, 0.6, 0.8, 1]);
  const { domain, ticks } = scaleOf({ label: "x" }, [], true);
  assertEquals([domain, ticks], [[0, 1], []]);
});

Deno.test("a long list of values does not overflow the stack", () => {
  assertEquals(scaleOf({ label: "x" }, Array.from({ length: 300_000 }, (_, index) => index), true).domain, [
    0,
    300_000,
  ]);
});

Deno.test("a domain that does not go upwards is refused", () => {
  for (const domain of [[1, 1], [2, 1], [0, NaN], [0, Infinity]] as [number, number][]) {
    const error = assertThrows(() => scaleOf({ label: "Epoch", domain }, [1], false), PolyphaseError);
    assertStringIncludes(error.message, `axis "Epoch" from ${domain[0]} to ${domain[1]}`);
  }
});
