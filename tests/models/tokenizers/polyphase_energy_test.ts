/**
 * Polyphase energies: against the definition, their period, and that a shift permutes them bit for bit.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import type { Images } from "../../../datasets/dataset.ts";
import { type Lattice, offsetOfPhase, phases } from "../../../models/tokenizers/lattice.ts";
import { patches1d, patches2d } from "../../../models/tokenizers/patches.ts";
import {
  energyPlan,
  energyWeights,
  polyphaseEnergies,
  tokenEnergies,
} from "../../../models/tokenizers/polyphase_energy.ts";
import type { Embedding } from "../../../models/tokenizers/tokenizer.ts";
import { foldIn, keyOf } from "../../../pipeline/random.ts";
import { randomImages } from "../../pipeline/fixtures.ts";
import { type Axes, energyNaively, imageAt, randomEmbedding, rollNaively, tokensNaively } from "./naive.ts";

function energiesOf(images: Images, lattice: Lattice, embedding: Embedding, patch: number): Float64Array {
  return polyphaseEnergies(images, energyPlan(lattice), energyWeights(embedding, patch));
}

/** A random image, embedding and patch size, in one or two dimensions, of one or three channels. */
const situations = fc.record({
  axes: fc.constantFrom<Axes>("flat", "2d"),
  size: fc.integer({ min: 1, max: 4 }),
  rows: fc.integer({ min: 1, max: 3 }),
  columns: fc.integer({ min: 1, max: 3 }),
  channels: fc.constantFrom(1, 3),
  embed: fc.integer({ min: 1, max: 5 }),
  seed: fc.nat(),
}).map(({ axes, size, rows, columns, channels, embed, seed }) => {
  const shape = { count: 2, height: axes === "flat" ? rows : rows * size, width: columns * size, channels };
  const images = randomImages(keyOf(seed), shape);
  const tokenizer = axes === "flat" ? patches1d({ size }) : patches2d({ size });
  const { patch } = tokenizer.grid(images);
  const embedding = randomEmbedding(foldIn(keyOf(seed), "embedding"), patch, embed);
  return { axes, size, images, lattice: tokenizer.lattice(images), patch, embedding };
});

Deno.test("polyphaseEnergies: those of rolling, cutting, projecting and summing squares", () => {
  fc.assert(
    fc.property(situations, ({ axes, size, images, lattice, patch, embedding }) => {
      const energies = energiesOf(images, lattice, embedding, patch);
      const count = phases(lattice);
      assertEquals(energies.length, images.count * count);
      energies.forEach((energy, place) => {
        const rolled = rollNaively(
          imageAt(images, Math.floor(place / count)),
          offsetOfPhase(lattice, place % count),
          axes,
        );
        const expected = energyNaively(tokensNaively(rolled, size, axes), embedding);
        assertAlmostEquals(energy, expected, 1e-12 * expected);
      });
    }),
    { seed: 2, numRuns: 120 },
  );
});

Deno.test("tokenEnergies: those of projecting and summing squares", () => {
  fc.assert(
    fc.property(situations, ({ axes, size, images, patch, embedding }) => {
      const tokens = tokensNaively(imageAt(images, 0), size, axes);
      const out = new Float64Array(tokens.length);
      tokenEnergies(Uint8Array.from(tokens.flat()), energyWeights(embedding, patch), out);
      // The sum of squares is expanded, so what cancels is seen against the terms: ‖b‖² and the brightest patch.
      const scale = energyNaively([new Array(patch).fill(255)], embedding) +
        energyNaively([new Array(patch).fill(0)], embedding);
      tokens.forEach((token, index) => {
        const expected = energyNaively([token], embedding);
        assertAlmostEquals(out[index], expected, 1e-12 * Math.max(expected, 10 * scale));
      });
    }),
    { seed: 3, numRuns: 120 },
  );
});

Deno.test("the energy of a roll repeats with the patch size: rolls by whole tokens tie", () => {
  // This is why an argmax over all 196 rolls of a 14×14 image is decided by rounding: 49 of them have equal energy.
  const image = randomImages(keyOf(4), { count: 1, height: 14, width: 14, channels: 1 });
  const embedding = randomEmbedding(keyOf(5), 4, 8);
  const byRoll = Array.from(
    { length: 196 },
    (_, dx) => energyNaively(tokensNaively(rollNaively(image, { dy: 0, dx }, "flat"), 4, "flat"), embedding),
  );
  const exact = energiesOf(image, patches1d({ size: 4 }).lattice(image), embedding, 4);
  byRoll.forEach((energy, roll) => {
    assertAlmostEquals(energy, byRoll[roll % 4], 1e-12 * energy);
    assertAlmostEquals(energy, exact[roll % 4], 1e-12 * energy);
  });
  // The four phases do differ, by far more than rounding.
  const gaps = [0, 1, 2, 3].flatMap((a) =>
    [0, 1, 2, 3].map((b) => a === b ? Infinity : Math.abs(exact[a] - exact[b]))
  );
  assert(Math.min(...gaps) > 1e-6 * exact[0]);
  // Naive float64 sums differ from roll to roll in their last bits, which is what picks one of the 49.
  assertNotEquals(new Set(byRoll.filter((_, roll) => roll % 4 === 0)).size, 1);
});

Deno.test("a circular shift permutes the energies bit for bit", () => {
  fc.assert(
    fc.property(
      situations,
      fc.nat(63),
      fc.nat(63),
      ({ axes, images, lattice, patch, embedding }, down, right) => {
        const shift = { dy: axes === "flat" ? 0 : down, dx: right };
        const count = phases(lattice);
        const image = imageAt(images, 0);
        const still = energiesOf(image, lattice, embedding, patch);
        const moved = energiesOf(rollNaively(image, shift, axes), lattice, embedding, patch);
        for (let phase = 0; phase < count; phase++) {
          const { dy, dx } = offsetOfPhase(lattice, phase);
          const from = ((dy + shift.dy) % lattice.patchHeight) * lattice.patchWidth +
            (dx + shift.dx) % lattice.patchWidth;
          // Phase m of the image rolled by s is phase m + s of the image.
          assert(Object.is(moved[phase], still[from]), `phase ${phase}: ${moved[phase]} and ${still[from]}`);
        }
      },
    ),
    { seed: 6, numRuns: 200 },
  );
});

Deno.test("energies of a batch are those of its images one by one", () => {
  const images = randomImages(keyOf(7), { count: 5, height: 6, width: 6, channels: 3 });
  const lattice = patches2d({ size: 3 }).lattice(images);
  const embedding = randomEmbedding(keyOf(8), 27, 16);
  const together = energiesOf(images, lattice, embedding, 27);
  for (let index = 0; index < 5; index++) {
    assertEquals(
      energiesOf(imageAt(images, index), lattice, embedding, 27),
      together.slice(index * 9, index * 9 + 9),
    );
  }
});
