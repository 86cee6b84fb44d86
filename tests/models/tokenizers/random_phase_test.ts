/**
 * Patches at a random polyphase: every phase comes, by key alone, and the tokens are those of the shifted image.
 *
 * @module
 */

import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { randomPhase } from "../../../models/tokenizers/random_phase.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { registry } from "../../../pipeline/registry.ts";
import { randomImages } from "../../pipeline/fixtures.ts";
import { GRIDS } from "./grids.ts";
import { imageAt, listTokens, rollNaively, tokensNaively } from "./naive.ts";

for (const grid of GRIDS) {
  Deno.test(`random phase: tokens are those of the image shifted by the phase, and all phases come (${grid.name})`, () => {
    const images = randomImages(keyOf(1), { count: 100, ...grid.shape });
    const tokenizer = randomPhase(grid.patches);
    const made = tokenizer.tokenize(images, { key: keyOf(2) });
    const size = grid.patches.config.size as number;
    made.offsets.forEach((offset, index) => {
      const moved = rollNaively(imageAt(images, index), offset, grid.axes);
      const expected = tokensNaively(moved, size, grid.axes);
      assertEquals(listTokens(made, index, grid.rows * grid.columns, grid.patch), expected);
    });
    const seen = new Set(made.offsets.map(({ dy, dx }) => `${dy},${dx}`));
    assertEquals(seen.size, grid.axes === "flat" ? size : size ** 2);
    assertEquals(tokenizer.tokenize(images, { key: keyOf(2) }), made);
    assertNotEquals(tokenizer.tokenize(images, { key: keyOf(3) }).offsets, made.offsets);
    assertEquals(tokenizer.grid(images), grid.patches.grid(images));
  });
}

Deno.test("random phase: needs a key, says so, and is built again from its configuration", () => {
  const tokenizer = randomPhase(GRIDS[0].patches);
  assertEquals([tokenizer.adaptive, tokenizer.random], [false, true]);
  assertThrows(
    () => tokenizer.tokenize(randomImages(keyOf(1), { count: 1, ...GRIDS[0].shape }), {}),
    PolyphaseError,
    "needs a random key",
  );
  const { name, ...config } = tokenizer.config;
  const build = (_: string, part: Record<string, never>): unknown =>
    registry.tokenizer[String(part.name)](part, build as never);
  const again = registry.tokenizer[String(name)](config, build as never) as typeof tokenizer;
  assertEquals(again.config, tokenizer.config);
});
