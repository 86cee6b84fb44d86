/**
 * Options of models of stages: which modules are adaptive, what images they take, and rates.
 *
 * @module
 */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { adaptiveModules, expectImageSize } from "../../../models/layers/adaptive_modules.ts";
import { growingRates } from "../../../models/layers/stage_options.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";

Deno.test("adaptiveModules: all, none, or all but those that are named", () => {
  const names = ["keys", "padding"] as const;
  assertEquals(adaptiveModules("model", names), { keys: false, padding: false });
  assertEquals(adaptiveModules("model", names, true), { keys: true, padding: true });
  assertEquals(adaptiveModules("model", names, { padding: false }), { keys: true, padding: false });
});

Deno.test("expectImageSize: says the nearest size that all strides divide", () => {
  const refused = (
    image: readonly [number, number],
    strides: readonly (readonly [number, number])[],
    text: string,
  ) =>
    assertThrows(
      () => expectImageSize("model", image, strides.map(([before, stride]) => ({ before, stride }))),
      PolyphaseError,
      text,
    );
  refused([30, 30], [[1, 2], [2, 2]], "model got images of 30×30, expected");
  refused([30, 30], [[1, 2], [2, 2]], "multiples of 4: make images 32×32");
  refused([28, 20], [[1, 4], [4, 3]], "multiples of 12: make images 24×24");
  refused([3, 8], [[1, 2], [1, 3]], "multiples of 6: make images 6×6");
  // A side of one pixel is not strided over, be it the image's or that of a map deep in the model.
  expectImageSize("model", [1, 28], [{ before: 1, stride: 4 }]);
  expectImageSize("model", [8, 8], [{ before: 1, stride: 8 }, { before: 8, stride: 3 }]);
  expectImageSize("model", [7, 9], []);
});

Deno.test("growingRates: equal steps from 0 to the rate over all blocks", () => {
  const rates = growingRates(0.3, [1, 2, 1]);
  assertEquals(rates.map((stage) => stage.length), [1, 2, 1]);
  rates.flat().forEach((rate, index) => assertAlmostEquals(rate, index * 0.1, 1e-12));
  assertEquals(growingRates(0.3, [1]), [[0.3]]);
});
