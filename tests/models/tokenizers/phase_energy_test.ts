/**
 * Energies of polyphases: what they are by definition, that a shift permutes them bit for bit, and that grids chosen by them
 * follow every shift.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { modulo } from "../../../datasets/shift.ts";
import { adaptive } from "../../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d } from "../../../models/tokenizers/patches.ts";
import { phaseEnergies, type PhaseEnergy } from "../../../models/tokenizers/phase_energy.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import type { JsonObject } from "../../../pipeline/json.ts";
import { keyOf } from "../../../pipeline/random.ts";
import { registry } from "../../../pipeline/registry.ts";
import { randomImages } from "../../pipeline/fixtures.ts";
import { embeddingOf, type Grid, GRIDS, hardImages, rotations, shiftsOf } from "./grids.ts";
import { listTokens, rollNaively, tokensNaively } from "./naive.ts";

const ENERGIES: readonly PhaseEnergy[] = [
  {},
  { p: 1 },
  { p: 3.5 },
  { p: "max" },
  { take: "least" },
  { of: "pixels" },
  { of: "pixels", p: 1, take: "least" },
  { of: "pixels", p: "max" },
];

const nameOf = (energy: PhaseEnergy) => JSON.stringify(energy);

/** The energy of every phase by its definition: roll, cut, look at each token or at the first pixel of each patch. */
function energiesNaively(
  { of = "tokens", p = 2 }: PhaseEnergy,
  grid: Grid,
  image: ReturnType<typeof randomImages>,
): number[] {
  const { weight, bias } = embeddingOf(grid);
  const size = grid.patches.config.size as number;
  const { channels } = image;
  const phases = grid.axes === "flat" ? size : size ** 2;
  return Array.from({ length: phases }, (_, phase) => {
    const offset = grid.axes === "flat"
      ? { dy: 0, dx: phase }
      : { dy: Math.floor(phase / size), dx: phase % size };
    const values = tokensNaively(rollNaively(image, offset, grid.axes), size, grid.axes).flatMap((token) =>
      of === "pixels"
        ? token.slice(0, channels).map((byte) => byte / 255)
        : Array.from(bias, (start, unit) =>
          token.reduce((sum, byte, at) =>
            sum + (byte / 255) * weight[at * bias.length + unit], start))
    ).map(Math.abs);
    return p === "max" ? Math.max(...values) : values.reduce((sum, value) => sum + value ** p, 0);
  });
}

for (const grid of GRIDS) {
  Deno.test(`phase energies: are what they say, of opposite sign for the least (${grid.name})`, () => {
    const images = randomImages(keyOf(60), { count: 2, ...grid.shape });
    const lattice = grid.patches.lattice(images);
    for (const energy of ENERGIES) {
      const { scores } = phaseEnergies("test", energy).scores(images, lattice, embeddingOf(grid));
      const size = images.pixels.length / 2;
      const sign = energy.take === "least" ? -1 : 1;
      const expected = [0, 1].flatMap((index) =>
        energiesNaively(energy, grid, {
          ...images,
          count: 1,
          pixels: images.pixels.slice(index * size, (index + 1) * size),
        })
      );
      assertEquals(scores.length, expected.length);
      scores.forEach((score, at) =>
        assertAlmostEquals(score / (sign * expected[at]), 1, 1e-9, nameOf(energy))
      );
    }
  });

  Deno.test(`phase energies: a shift permutes them bit for bit (${grid.name})`, () => {
    const image = randomImages(keyOf(61), { count: 1, ...grid.shape });
    const lattice = grid.patches.lattice(image);
    const { patchHeight, patchWidth } = lattice;
    for (const energy of ENERGIES) {
      const energies = phaseEnergies("test", energy);
      const still = energies.scores(image, lattice, embeddingOf(grid)).scores;
      for (const shift of shiftsOf(grid)) {
        const moved =
          energies.scores(rollNaively(image, shift, grid.axes), lattice, embeddingOf(grid)).scores;
        moved.forEach((score, phase) => {
          const row = modulo(Math.floor(phase / patchWidth) + shift.dy, patchHeight);
          const from = row * patchWidth + modulo(phase + shift.dx, patchWidth);
          assert(score === still[from], `${nameOf(energy)}: shift ${shift.dy},${shift.dx}`);
        });
      }
    }
  });

  Deno.test(`adaptive: every shift only rotates the tokens, whatever the energy, and canonical ones stay (${grid.name})`, () => {
    const hard = hardImages(grid).filter((_, index) => index % 3 === 0).map(([, image]) => image);
    for (const energy of ENERGIES) {
      const [polyphase, canonical] = (["polyphase", "canonical"] as const).map((order) => {
        const tokenizer = adaptive(grid.patches, { order, energy });
        return (image: typeof hard[number]) =>
          listTokens(
            tokenizer.tokenize(image, { embedding: embeddingOf(grid) }),
            0,
            grid.rows * grid.columns,
            grid.patch,
          );
      });
      for (const image of [randomImages(keyOf(62), { count: 1, ...grid.shape }), ...hard]) {
        const allowed = rotations(grid, polyphase(image));
        const same = canonical(image).join(";");
        for (const shift of shiftsOf(grid)) {
          const moved = rollNaively(image, shift, grid.axes);
          const place = `${nameOf(energy)}: shift ${shift.dy},${shift.dx}`;
          assert(allowed.has(polyphase(moved).join(";")), place);
          assertEquals(canonical(moved).join(";") === same, true, place);
        }
      }
    }
  });
}

Deno.test("adaptive: least and most energy, and other powers, choose other grids", () => {
  const [, grid] = GRIDS;
  const images = randomImages(keyOf(63), { count: 40, ...grid.shape });
  const chosen = ENERGIES.map((energy) =>
    JSON.stringify(
      adaptive(grid.patches, { energy }).tokenize(images, { embedding: embeddingOf(grid) }).offsets,
    )
  );
  assertEquals(new Set(chosen).size, chosen.length);
});

Deno.test("adaptive: energies and gaps are told; the gap of the least is to the second least", () => {
  const [grid] = GRIDS;
  const image = randomImages(keyOf(64), { count: 1, ...grid.shape });
  for (const energy of ENERGIES) {
    const { energies, gaps, offsets } = adaptive(grid.patches, { energy }).tokenize(image, {
      embedding: embeddingOf(grid),
    });
    const expected = energiesNaively(energy, grid, image);
    energies!.forEach((each, at) => assertAlmostEquals(each / expected[at], 1, 1e-9));
    const sorted = [...energies!].sort((a, b) => a - b);
    const [best, second] = energy.take === "least" ? sorted : sorted.reverse();
    assertEquals(gaps![0], Math.abs(best - second) / Math.max(best, second));
    assertEquals(energies![offsets[0].dx], best);
  }
});

Deno.test("adaptive: a grid chosen by pixels needs no embedding", () => {
  const tokenizer = adaptive(patches2d({ size: 2 }), { energy: { of: "pixels" } });
  assertEquals(tokenizer.adaptive, false);
  const image = { count: 1, height: 2, width: 2, channels: 1, pixels: Uint8Array.from([0, 0, 9, 0]) };
  // The bright pixel comes first in its patch.
  assertEquals([...tokenizer.tokenize(image, {}).values], [9, 0, 0, 0]);
  assertNotEquals(adaptive(patches2d({ size: 2 }), { energy: {} }).adaptive, false);
});

Deno.test("adaptive: the configuration tells the energy and builds the same tokenizer again", () => {
  const tokenizer = adaptive(patches1d({ size: 4 }), { energy: { p: "max" }, order: "canonical" });
  const { name, ...config } = tokenizer.config;
  assertEquals([name, config.energy], ["adaptive", { of: "tokens", p: "max", take: "most" }]);
  const build = (_: string, { name, ...rest }: JsonObject) =>
    registry.tokenizer[String(name)](rest, build as never);
  assertEquals(
    (registry.tokenizer.adaptive(config, build as never) as typeof tokenizer).config,
    tokenizer.config,
  );
});

Deno.test("adaptive: an energy that there is not is refused in one line", () => {
  const refused = (energy: unknown, text: string) =>
    assertThrows(
      () => adaptive(patches1d({ size: 4 }), { energy: energy as PhaseEnergy }),
      PolyphaseError,
      text,
    );
  refused({ of: "bytes" }, 'adaptive: energy of "bytes", expected tokens or pixels: choose one of them');
  for (const p of [0, -1, NaN, Infinity, "most"]) {
    refused({ p }, `energy of exponent ${p}, expected a number above 0 or max`);
  }
  refused({ take: "some" }, 'takes "some" energy, expected most or least');
});
