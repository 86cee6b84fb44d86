/**
 * The canonical start against trying every rotation, on alphabets so small that nearly everything ties.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { canonicalStart, type TokenCycle } from "../../../models/tokenizers/canonical_start.ts";

/** Tokens of two bytes; their energy is coarser than their bytes, so both have to be compared. */
function cycleOf(letters: readonly number[]): TokenCycle {
  return {
    values: Uint8Array.from(letters.flatMap((letter) => [1, letter])),
    energies: Float64Array.from(letters, (letter) => -Math.floor(letter / 2)),
  };
}

/** A rotation of a torus of letters, as the list that lexicographic order compares: energy, then byte, place by place. */
function rotation(letters: readonly number[], rows: number, columns: number, start: number): number[] {
  return Array.from({ length: rows * columns }, (_, place) => {
    const row = (Math.floor(start / columns) + Math.floor(place / columns)) % rows;
    const letter = letters[row * columns + (start % columns + place % columns) % columns];
    return [-Math.floor(letter / 2), letter];
  }).flat();
}

function isGreater(left: readonly number[], right: readonly number[]): boolean {
  const place = left.findIndex((value, index) => value !== right[index]);
  return place >= 0 && left[place] > right[place];
}

const tori = fc.record({
  rows: fc.integer({ min: 1, max: 4 }),
  columns: fc.integer({ min: 1, max: 6 }),
  cycles: fc.integer({ min: 1, max: 3 }),
  alphabet: fc.integer({ min: 1, max: 4 }),
}).chain(({ rows, columns, cycles, alphabet }) =>
  fc.record({
    rows: fc.constant(rows),
    columns: fc.constant(columns),
    letters: fc.array(
      fc.array(fc.nat(alphabet - 1), { minLength: rows * columns, maxLength: rows * columns }),
      { minLength: cycles, maxLength: cycles },
    ),
  })
);

Deno.test("canonicalStart: is the greatest of all rotations of all cycles", () => {
  fc.assert(
    fc.property(tori, ({ rows, columns, letters }) => {
      const { cycle, token } = canonicalStart(letters.map(cycleOf), rows, columns);
      const found = rotation(letters[cycle], rows, columns, token);
      for (const each of letters) {
        for (let start = 0; start < rows * columns; start++) {
          assert(!isGreater(rotation(each, rows, columns, start), found));
        }
      }
    }),
    { seed: 12, numRuns: 400 },
  );
});

Deno.test("canonicalStart: every rotation of a cycle gives the same sequence", () => {
  fc.assert(
    fc.property(tori, fc.nat(), ({ rows, columns, letters: [letters] }, seed) => {
      const canonical = (from: readonly number[]) =>
        rotation(from, rows, columns, canonicalStart([cycleOf(from)], rows, columns).token);
      const start = seed % (rows * columns);
      // Letters are the second of each pair of the rotation.
      const rotated = rotation(letters, rows, columns, start).filter((_, index) => index % 2 === 1);
      assertEquals(canonical(rotated), canonical(letters));
    }),
    { seed: 13, numRuns: 400 },
  );
});

Deno.test("canonicalStart: energy comes before bytes", () => {
  // Letter 1 has more energy than letter 3, though fewer in its byte.
  assertEquals(canonicalStart([cycleOf([3, 2, 1, 3])], 1, 4), { cycle: 0, token: 2 });
  // Of equal energy, the greater byte.
  assertEquals(canonicalStart([cycleOf([0, 1, 0])], 1, 3), { cycle: 0, token: 1 });
  assertEquals(canonicalStart([cycleOf([2, 2]), cycleOf([2, 0])], 1, 2), { cycle: 1, token: 1 });
});
