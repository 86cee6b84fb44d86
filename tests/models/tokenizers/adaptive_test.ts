/**
 * Adaptive tokenization: equivariant, invariant or random in the start, as its order says, under every circular shift.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import type { Images } from "../../../datasets/dataset.ts";
import type { Offset } from "../../../datasets/shift.ts";
import { adaptive, type TokenOrder } from "../../../models/tokenizers/adaptive.ts";
import { cutAll, patches2d, pixels } from "../../../models/tokenizers/patches.ts";
import { energyPlan, energyWeights, polyphaseEnergies } from "../../../models/tokenizers/polyphase_energy.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { randomImages } from "../../pipeline/fixtures.ts";
import { embeddingOf, type Grid, GRIDS, hardImages, rotations, shiftsOf } from "./grids.ts";
import { imageAt, listTokens, randomEmbedding, rollNaively } from "./naive.ts";

/** The tokens of the only image of a batch. */
function tokensOf(grid: Grid, image: Images, order: TokenOrder, seed = 0): number[][] {
  const made = adaptive(grid.patches, { order }).tokenize(image, {
    embedding: embeddingOf(grid),
    key: keyOf(seed),
  });
  return listTokens(made, 0, grid.rows * grid.columns, grid.patch);
}

for (const grid of GRIDS) {
  Deno.test(`adaptive polyphase: every shift only rotates the tokens (${grid.name})`, () => {
    for (let seed = 0; seed < 3; seed++) {
      const image = randomImages(keyOf(30 + seed), { count: 1, ...grid.shape });
      const plan = energyPlan(grid.patches.lattice(image));
      const energies = polyphaseEnergies(image, plan, energyWeights(embeddingOf(grid), grid.patch));
      assertEquals(new Set(energies).size, energies.length, "the property is promised where no energies tie");
      const allowed = rotations(grid, tokensOf(grid, image, "polyphase"));
      const seen = new Set<string>();
      for (const shift of shiftsOf(grid)) {
        const text = tokensOf(grid, rollNaively(image, shift, grid.axes), "polyphase").join(";");
        assert(allowed.has(text), `shift ${shift.dy},${shift.dx}`);
        seen.add(text);
      }
      // Shifts by whole tokens do rotate: this order is equivariant, not invariant.
      assertEquals(seen.size, grid.rows * grid.columns);
    }
  });

  Deno.test(`adaptive polyphase: every shift only rotates the tokens where energies tie, too (${grid.name})`, () => {
    for (const [name, image] of hardImages(grid)) {
      const allowed = rotations(grid, tokensOf(grid, image, "polyphase"));
      for (const shift of shiftsOf(grid)) {
        const text = tokensOf(grid, rollNaively(image, shift, grid.axes), "polyphase").join(";");
        assert(allowed.has(text), `${name}: shift ${shift.dy},${shift.dx}`);
      }
    }
  });

  Deno.test(`adaptive: the gap is that of the two best energies, and 0 where they tie (${grid.name})`, () => {
    const embedding = embeddingOf(grid);
    for (const order of ["polyphase", "canonical", "random"] as const) {
      const tokenizer = adaptive(grid.patches, { order });
      const images = randomImages(keyOf(40), { count: 5, ...grid.shape });
      const plan = energyPlan(grid.patches.lattice(images));
      const energies = polyphaseEnergies(images, plan, energyWeights(embedding, grid.patch));
      const count = energies.length / 5;
      const { gaps } = tokenizer.tokenize(images, { embedding, key: keyOf(0) });
      gaps!.forEach((gap, index) => {
        const [best, second] = energies.slice(index * count, (index + 1) * count).sort().reverse();
        assertEquals(gap, (best - second) / best);
        assert(gap > 0);
      });
      const black = hardImages(grid).find(([name]) => name === "black")![1];
      assertEquals([...tokenizer.tokenize(black, { embedding, key: keyOf(0) }).gaps!], [0]);
    }
  });

  Deno.test(`adaptive canonical: every shift gives the very same tokens (${grid.name})`, () => {
    const random = [0, 1, 2].map((seed): [string, Images] => [
      `random ${seed}`,
      randomImages(keyOf(40 + seed), { count: 1, ...grid.shape }),
    ]);
    for (const [name, image] of [...random, ...hardImages(grid)]) {
      const expected = tokensOf(grid, image, "canonical").join(";");
      for (const shift of shiftsOf(grid)) {
        const text = tokensOf(grid, rollNaively(image, shift, grid.axes), "canonical").join(";");
        assertEquals(text === expected, true, `${name}, shift ${shift.dy},${shift.dx}`);
      }
    }
  });

  Deno.test(`adaptive canonical: takes a polyphase of most energy and only rotates it (${grid.name})`, () => {
    const image = randomImages(keyOf(50), { count: 1, ...grid.shape });
    const allowed = rotations(grid, tokensOf(grid, image, "polyphase"));
    assert(allowed.has(tokensOf(grid, image, "canonical").join(";")));
  });

  Deno.test(`adaptive polyphase: takes a polyphase of most energy (${grid.name})`, () => {
    for (
      const image of [
        randomImages(keyOf(51), { count: 1, ...grid.shape }),
        ...hardImages(grid).map(([, each]) => each),
      ]
    ) {
      const plan = energyPlan(grid.patches.lattice(image));
      const energies = [...polyphaseEnergies(image, plan, energyWeights(embeddingOf(grid), grid.patch))];
      const { offsets: [{ dy, dx }] } = adaptive(grid.patches).tokenize(image, {
        embedding: embeddingOf(grid),
      });
      assertEquals(energies[dy * plan.lattice.patchWidth + dx], Math.max(...energies));
    }
  });

  Deno.test(`adaptive random: another key starts at another token, the tokens are the same (${grid.name})`, () => {
    const image = randomImages(keyOf(52), { count: 1, ...grid.shape });
    const allowed = rotations(grid, tokensOf(grid, image, "polyphase"));
    const starts = new Set<string>();
    for (let seed = 0; seed < 400; seed++) {
      const text = tokensOf(grid, image, "random", seed).join(";");
      assert(allowed.has(text));
      starts.add(text);
    }
    assertEquals(starts.size, grid.rows * grid.columns, "every token can come first");
    assertEquals(tokensOf(grid, image, "random", 3), tokensOf(grid, image, "random", 3));
  });

  Deno.test(`adaptive: rolling by the reported offset and cutting a plain grid gives the tokens (${grid.name})`, () => {
    const images = randomImages(keyOf(53), { count: 6, ...grid.shape });
    for (const order of ["polyphase", "canonical", "random"] as const) {
      const made = adaptive(grid.patches, { order }).tokenize(images, {
        embedding: embeddingOf(grid),
        key: keyOf(1),
      });
      assertEquals(cutAll(images, grid.patches.lattice(images), made.offsets).values, made.values);
      const rolled = made.offsets.map((offset, index) =>
        rollNaively(imageAt(images, index), offset, grid.axes).pixels
      );
      const again = grid.patches.tokenize({
        ...images,
        pixels: Uint8Array.from(rolled.flatMap((each) => [...each])),
      }, {});
      assertEquals(again.values, made.values);
      for (const { dy, dx } of made.offsets) {
        const { height, width } = grid.patches.lattice(images);
        assert(dy >= 0 && dy < height && dx >= 0 && dx < width);
      }
    }
  });
}

Deno.test("adaptive: a batch is its images one by one, each with a start of its own", () => {
  const [grid] = GRIDS;
  const images = randomImages(keyOf(54), { count: 5, ...grid.shape });
  for (const order of ["polyphase", "canonical"] as const) {
    const tokenizer = adaptive(grid.patches, { order });
    const whole = tokenizer.tokenize(images, { embedding: embeddingOf(grid) });
    for (let index = 0; index < 5; index++) {
      const one = tokenizer.tokenize(imageAt(images, index), { embedding: embeddingOf(grid) });
      assertEquals(listTokens(one, 0, 49, 4), listTokens(whole, index, 49, 4));
    }
  }
  const { offsets } = adaptive(grid.patches, { order: "random" })
    .tokenize({ ...images, count: 5, pixels: new Uint8Array(5 * 196) }, {
      embedding: embeddingOf(grid),
      key: keyOf(2),
    });
  assertNotEquals(new Set(offsets.map(({ dx }) => dx)).size, 1);
});

Deno.test("adaptive: the choice depends on the embedding", () => {
  const [grid] = GRIDS;
  const images = randomImages(keyOf(55), { count: 40, ...grid.shape });
  const choose = (seed: number) =>
    adaptive(grid.patches).tokenize(images, { embedding: embeddingOf(grid, seed) }).offsets;
  assertNotEquals(choose(1), choose(2));
});

Deno.test("adaptive: the same tokenizer serves images of several shapes", () => {
  const tokenizer = adaptive(patches2d({ size: 2 }), { order: "canonical" });
  const embedding = randomEmbedding(keyOf(1), 4, 3);
  const small = randomImages(keyOf(2), { count: 1, height: 4, width: 4, channels: 1 });
  const large = randomImages(keyOf(3), { count: 1, height: 4, width: 8, channels: 1 });
  const alone = adaptive(patches2d({ size: 2 }), { order: "canonical" }).tokenize(large, { embedding });
  tokenizer.tokenize(small, { embedding });
  assertEquals(tokenizer.tokenize(large, { embedding }), alone);
});

Deno.test("adaptive: on pixels there is one polyphase, and canonical order still undoes every shift", () => {
  const image = randomImages(keyOf(4), { count: 1, height: 3, width: 4, channels: 1 }, [0, 9]);
  const embedding = randomEmbedding(keyOf(5), 1, 2);
  const canonical = (shift: Offset) =>
    adaptive(pixels(), { order: "canonical" }).tokenize(rollNaively(image, shift, "2d"), { embedding })
      .values;
  for (let at = 0; at < 12; at++) {
    assertEquals(canonical({ dy: Math.floor(at / 4), dx: at % 4 }), canonical({ dy: 0, dx: 0 }));
  }
  assertEquals(adaptive(pixels()).tokenize(image, { embedding }).values, image.pixels);
});

Deno.test("adaptive: says what it needs, and refuses to go without", () => {
  const [grid] = GRIDS;
  const image = randomImages(keyOf(6), { count: 1, ...grid.shape });
  const orders: readonly TokenOrder[] = ["polyphase", "canonical", "random"];
  for (const order of orders) {
    const tokenizer = adaptive(grid.patches, { order });
    assertEquals([tokenizer.adaptive, tokenizer.random], [true, order === "random"]);
    assertEquals(tokenizer.config, { name: "adaptive", patches: { name: "patches-1d", size: 4 }, order });
    assertEquals(tokenizer.grid(image), { shape: [49], tokens: 49, patch: 4, patchShape: [1, 4, 1] });
    assertThrows(() => tokenizer.tokenize(image, { key: keyOf(0) }), PolyphaseError, "no embedding");
  }
  const random = adaptive(grid.patches, { order: "random" });
  assertThrows(
    () => random.tokenize(image, { embedding: embeddingOf(grid) }),
    PolyphaseError,
    "needs a random key",
  );
  assertThrows(() => random.grid({ height: 3, width: 3, channels: 1 }), PolyphaseError, "does not divide");
});
