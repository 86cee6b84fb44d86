/**
 * The choice of windows: the energies of the definition, and windows that follow every shift, over blank background too.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { roll } from "../../../models/backend/ops/roll.ts";
import { type AdaptiveEnergy, windowPhase } from "../../../models/layers/window_phase.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";

const [BATCH, HEIGHT, WIDTH, CHANNELS] = [5, 6, 8, 3];
const WINDOW = [3, 4] as const;
const STRIDE = 12;

const modulo = (value: number, length: number) => ((value % length) + length) % length;

function random(seed: number): Tensor {
  return tf.tensor4d(normal(keyOf(seed), BATCH * HEIGHT * WIDTH * CHANNELS), [
    BATCH,
    HEIGHT,
    WIDTH,
    CHANNELS,
  ]);
}

/** Σ v² of every phase, v being the weighted mean of the norms of a window, as the definition says it. */
function byHand(image: number[][][], weights: (place: number, size: number) => number): number[] {
  const norms = image.map((line) =>
    line.map((pixel) => Math.sqrt(pixel.reduce((sum, each) => sum + each * each, 0)))
  );
  return Array.from({ length: STRIDE }, (_, phase) => {
    let energy = 0;
    for (let top = Math.floor(phase / 4); top < HEIGHT; top += 3) {
      for (let left = phase % 4; left < WIDTH; left += 4) {
        let [sum, total] = [0, 0];
        for (let row = 0; row < 3; row++) {
          for (let column = 0; column < 4; column++) {
            const weight = weights(row, 3) * weights(column, 4);
            sum += weight * norms[(top + row) % HEIGHT][(left + column) % WIDTH];
            total += weight;
          }
        }
        energy += (sum / total) ** 2;
      }
    }
    return energy;
  });
}

const WEIGHTS = {
  box: () => 1,
  hann: (place: number, size: number) => Math.sin(Math.PI * (place + 0.5) / size) ** 2,
};

for (const backend of ["wasm", "cpu"] as const) {
  for (const window of ["box", "hann"] as const) {
    Deno.test(`window phase: is that of greatest energy by the definition (${window}, ${backend})`, async () => {
      await selectBackend(backend);
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const x = random(1);
        const { row, column, gap } = windowPhase(x, WINDOW, { window });
        const gaps = gap.dataSync();
        (x.arraySync() as number[][][][]).forEach((image, b) => {
          const energies = byHand(image, WEIGHTS[window]);
          const best = energies.indexOf(Math.max(...energies));
          assertEquals([row.dataSync()[b], column.dataSync()[b]], [Math.floor(best / 4), best % 4]);
          const [first, second] = energies.toSorted((left, right) => right - left);
          // With box averages the gap is that of what windows differ by, and so is wider.
          if (window === "hann") assertAlmostEquals(gaps[b], (first - second) / first, 1e-5);
          else assert(gaps[b] > (first - second) / first);
        });
        // No gradient goes through it.
        const slope = tf.grad((each) => {
          const { row } = windowPhase(each, WINDOW, { window });
          return tf.sum(tf.mul(tf.mean(each, [1, 2, 3]), row));
        })(x);
        const expected = tf.mul(
          tf.onesLike(x),
          tf.reshape(tf.div(row, HEIGHT * WIDTH * CHANNELS), [BATCH, 1, 1, 1]),
        );
        assert(tf.max(tf.abs(tf.sub(slope, expected))).dataSync()[0] < 1e-7);
      });
      assertEquals(tf.memory().numTensors, before);
    });
  }
}

/** At every shift the windows must hold what they held, in whatever order: the chosen place moves with the image. */
function expectFollows(x: Tensor, energy: AdaptiveEnergy): void {
  const first = windowPhase(x, WINDOW, energy);
  const [rows, columns] = [first.row.dataSync(), first.column.dataSync()];
  for (let dy = 0; dy < HEIGHT; dy++) {
    for (let dx = 0; dx < WIDTH; dx++) {
      tf.tidy(() => {
        const moved = windowPhase(roll(x, tf.tensor1d([dy]), tf.tensor1d([dx])), WINDOW, energy);
        for (let b = 0; b < BATCH; b++) {
          assertEquals(moved.row.dataSync()[b], modulo(rows[b] - dy, 3), `row of image ${b} at ${dy}, ${dx}`);
          assertEquals(
            moved.column.dataSync()[b],
            modulo(columns[b] - dx, 4),
            `column of image ${b} at ${dy}, ${dx}`,
          );
        }
      });
    }
  }
}

Deno.test("window phase: follows every shift, also of tokens that differ little and of blobs on a background", async () => {
  await selectBackend("wasm");
  for (const energy of [{}, { window: "hann" }, { p: 3 }, { p: 4, window: "hann" }] as const) {
    tf.tidy(() => {
      expectFollows(random(2), energy);
      // Norms that are the same but for a thousandth: squares of averages differ by a millionth.
      expectFollows(tf.add(1, tf.mul(random(3), 1e-3)), energy);
      // A blob on a blank background: windows of several phases have all of it, so box averages tie.
      const blob = tf.pad(tf.slice(random(4), [0, 0, 0, 0], [BATCH, 2, 2, CHANNELS]), [
        [0, 0],
        [1, 3],
        [2, 4],
        [0, 0],
      ]);
      expectFollows(blob, energy);
    });
  }
  tf.tidy(() => {
    const blob = tf.pad(tf.slice(random(4), [0, 0, 0, 0], [BATCH, 2, 2, CHANNELS]), [[0, 0], [1, 3], [2, 4], [
      0,
      0,
    ]]);
    assert(windowPhase(blob, WINDOW).gap.dataSync().every((gap) => gap < 1e-6));
    assert(windowPhase(blob, WINDOW, { window: "hann" }).gap.dataSync().every((gap) => gap > 1e-4));
  });
});

Deno.test("window phase: tokens of one norm count as tied, and nothing to choose gives the origin", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const x = random(5);
    const unit = tf.div(x, tf.norm(x, 2, 3, true));
    assert(windowPhase(unit, WINDOW).gap.dataSync().every((gap) => gap < 1e-6));
    expectFollows(unit, {});
    const whole = windowPhase(x, [HEIGHT, WIDTH]);
    assertEquals([...whole.row.dataSync(), ...whole.column.dataSync()], new Array(2 * BATCH).fill(0));
    assertEquals([...whole.gap.dataSync()], new Array(BATCH).fill(1));
    const lines = windowPhase(x, [HEIGHT, 4]);
    assertEquals([...lines.row.dataSync()], new Array(BATCH).fill(0));
    assert(lines.column.dataSync().some((column) => column > 0));
    assertEquals(windowPhase(tf.zeros([0, HEIGHT, WIDTH, 2]), WINDOW).row.shape, [0]);
    assertThrows(() => windowPhase(x, [4, 4]), PolyphaseError, "map of 6×8 and stride 4×4");
  });
});
