/**
 * CvT under every circular shift: the adaptive twin is invariant, and whatever lacks one of its parts is for just those
 * shifts that the rest leaves it.
 *
 * @module
 */

import { cvt, type CvtOptions } from "../../models/cvt.ts";
import type { ImageSize } from "./shifted_maps.ts";
import { expectExactShifts, SIGNAL, SIZE, STAGES } from "./stage_models.ts";

const OPTIONS = STAGES satisfies CvtOptions;

for (
  const [what, size, options, exact] of [
    ["adaptive", SIZE, { adaptive: true }, 96],
    ["adaptive, class token", SIZE, { adaptive: true, pooling: "token" }, 96],
    ["adaptive, other energy", SIZE, { adaptive: true, energy: { p: 3 } }, 96],
    ["adaptive, 7×7 windows", { ...SIZE, height: 16, width: 16 }, {
      adaptive: true,
      kernelSizes: [7, 3, 3],
      strides: [4, 2, 1],
      paddings: [2, 1, 1],
      keyStrides: [2, 2, 1],
    }, 256],
    ["a signal", SIGNAL, { adaptive: true }, 16],
    ["plain", SIZE, {}, 1],
    // What is left fixed knows shifts by whole strides alone: all those before it, and its own.
    ["fixed embedding", SIZE, { adaptive: { embedding: false } }, 96 / 4 ** 2],
    ["fixed keys", SIZE, { adaptive: { keys: false } }, 96 / 2 ** 2],
    ["zeros beyond the border", SIZE, { adaptive: { padding: false } }, 1],
  ] satisfies [string, ImageSize, CvtOptions, number][]
) {
  Deno.test(`cvt under shift: so many shifts leave the logits as they are (${what}: ${exact})`, () => {
    return expectExactShifts(cvt({ ...OPTIONS, ...options }), size, exact);
  });
}
