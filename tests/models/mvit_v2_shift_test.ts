/**
 * MViTv2 under every circular shift: the adaptive twin is invariant, and whatever lacks one of its parts is for just those
 * shifts that the rest leaves it.
 *
 * @module
 */

import { mvitV2, type MvitV2Options } from "../../models/mvit_v2.ts";
import type { ImageSize } from "./shifted_maps.ts";
import { expectExactShifts, SIGNAL, SIZE, STAGES } from "./stage_models.ts";

const OPTIONS = STAGES satisfies MvitV2Options;

for (
  const [what, size, options, exact] of [
    ["adaptive", SIZE, { adaptive: true }, 96],
    ["adaptive, other energy", SIZE, { adaptive: true, energy: { p: 3 } }, 96],
    ["adaptive, 7×7 patches", { ...SIZE, height: 16, width: 32 }, {
      adaptive: true,
      patchSize: 7,
      patchStride: 4,
      patchPadding: 3,
      keyStrides: [4, 1, 1],
    }, 512],
    ["a signal", SIGNAL, { adaptive: true }, 16],
    ["plain", SIZE, {}, 1],
    // A fixed stride of 2 in the frame of what is adaptive before it knows one of 2 places along each axis.
    ["fixed embedding", SIZE, { adaptive: { embedding: false } }, 96 / 2 ** 2],
    ["fixed queries", SIZE, { adaptive: { queries: false } }, 96 / 2 ** 2],
    ["fixed keys", SIZE, { adaptive: { keys: false } }, 96 / 2 ** 2],
    // Signed distances know no shift of the 4×6 tokens, only the 2×2 places of pixels in them.
    ["signed positions", SIZE, { adaptive: { positions: false } }, 96 / (4 * 6)],
    ["zeros beyond the border", SIZE, { adaptive: { padding: false } }, 1],
  ] satisfies [string, ImageSize, MvitV2Options, number][]
) {
  Deno.test(`mvitV2 under shift: so many shifts leave the logits as they are (${what}: ${exact})`, () => {
    return expectExactShifts(mvitV2({ ...OPTIONS, ...options }), size, exact);
  });
}
