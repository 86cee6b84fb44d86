/**
 * Windows that stride: fixed and adaptive grids against convolutions of PyTorch's padding and against plain loops, under
 * every shift.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import {
  collectChoice,
  type SlidingWindow,
  strided,
  stridedSize,
  strideOver,
  windowsOf,
} from "../../../models/layers/adaptive_stride.ts";
import { conv2d } from "../../../models/layers/conv2d.ts";
import { roll } from "../../../models/backend/ops/roll.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";
import { best, convolve, type Grid } from "../map_reference.ts";

const random = (seed: number, shape: readonly number[]): Tensor =>
  tf.tensor(normal(keyOf(seed), shape.reduce((product, each) => product * each, 1)), [...shape]);

const WINDOW: SlidingWindow = { kernelSize: 3, stride: 2, padding: 1, circular: true, adaptive: true };

/** One image of a batch. */
function gridOf(
  values: ArrayLike<number>,
  [, height, width, channels]: readonly number[],
  image: number,
): Grid {
  const first = image * height * width;
  const pixels = Array.from(
    { length: height * width },
    (_, at) => Array.from({ length: channels }, (_, channel) => values[(first + at) * channels + channel]),
  );
  return { height, width, pixels };
}

for (const circular of [false, true]) {
  for (const adaptive of [false, true]) {
    const how = `${circular ? "around the border" : "zeros"}, ${adaptive ? "adaptive" : "fixed"}`;
    Deno.test(`strided: windows are where they ought to be (${how})`, async () => {
      await selectBackend("wasm");
      const before = tf.memory().numTensors;
      for (
        const [shape, kernelSize, stride, padding] of [
          [[2, 4, 6, 2], 3, 2, 1],
          [[2, 8, 4, 1], 7, 4, 2],
          [[2, 3, 9, 1], 5, 3, 2],
          // A signal, and a map of a single pixel: their sides of 1 are not strided over.
          [[2, 1, 8, 2], 3, 4, 1],
          [[2, 1, 1, 2], 3, 2, 1],
        ] as const
      ) {
        const [x, weight] = [random(1, shape), random(2, [kernelSize, kernelSize, shape[3], 3])];
        const window = { kernelSize, stride, padding, circular, adaptive };
        const slide = (map: Tensor, placing: Parameters<typeof conv2d>[2]) =>
          conv2d({ weight }, map, placing);
        const { output, choice } = tf.tidy(() => {
          const { output, choice } = strided(x, window, slide);
          return { output, ...choice && { choice: tf.stack([choice.row, choice.column], 1) } };
        });
        const size = [shape[1], shape[2]] as const;
        const isStrided = strideOver(size, stride).some((each) => each > 1);
        assertEquals(choice !== undefined, adaptive && isStrided);
        assertEquals(output.shape.slice(1, 3), [...stridedSize(size, window)]);
        const filter = { shape: weight.shape, data: await weight.data() };
        const values = await x.data();
        const chosen = await choice?.data();
        const expected = [0, 1].flatMap((image) => {
          const grid = gridOf(values, shape, image);
          const placing = { kernel: kernelSize, stride, before: padding, circular };
          const start = best(convolve(grid, filter, undefined, { ...placing, stride: 1 }), stride);
          if (chosen !== undefined) assertEquals([...chosen.slice(2 * image, 2 * image + 2)], [...start]);
          const made = convolve(grid, filter, undefined, adaptive ? { ...placing, start } : placing);
          return made.pixels.flat();
        });
        assert(relativeError(await output.data(), expected) < 1e-5);
        tf.dispose([x, weight, output, ...choice ? [choice] : []]);
      }
      assertEquals(tf.memory().numTensors, before);
    });
  }
}

Deno.test("strided: a shift of the map shifts what an adaptive grid makes of it, and a given choice is kept to", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const [one, weight] = [random(3, [1, 4, 6, 2]), random(4, [3, 3, 2, 2])];
    const offsets = Array.from({ length: 24 }, (_, index) => [Math.floor(index / 6), index % 6]);
    const [rows, columns] = [0, 1].map((axis) => tf.tensor1d(offsets.map((offset) => offset[axis])));
    const x = roll(tf.tile(one, [24, 1, 1, 1]), rows, columns);
    const slide = (map: Tensor, placing: Parameters<typeof conv2d>[2]) => conv2d({ weight }, map, placing);
    const { output, choice } = strided(x, WINDOW, slide, { p: 3 });
    const pixels = output.arraySync() as number[][][][];
    const text = (image: number[][][]) =>
      JSON.stringify(image.flat().map((pixel) => pixel.map((v) => v.toFixed(4))));
    const turns = new Set(
      [0, 1].flatMap((down) =>
        [0, 1, 2].map((right) =>
          text(
            pixels[0].map((_, y) => pixels[0][y].map((_, z) => pixels[0][(y + down) % 2][(z + right) % 3])),
          )
        )
      ),
    );
    assertEquals(turns.size, 6);
    for (const image of pixels) assert(turns.has(text(image)));
    // All places are chosen by some shift.
    const places = new Set(
      offsets.map((_, at) => `${choice!.row.dataSync()[at]},${choice!.column.dataSync()[at]}`),
    );
    assertEquals(places.size, 4);
    const other = { row: tf.ones([24]), column: tf.zeros([24]), gap: tf.zeros([24]) };
    const given = strided(x, WINDOW, slide, { choice: other });
    assertEquals(given.choice, other);
    const moved = strided(roll(x, other.row, other.column), { ...WINDOW, adaptive: false }, slide);
    assert(relativeError(given.output.dataSync(), moved.output.dataSync()) < 1e-6);
  });
});

Deno.test("strided: gradients go to what is kept, and to nothing else", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const x = random(5, [3, 4, 4, 1]);
    const window = { ...WINDOW, kernelSize: 1, padding: 0 };
    const kept = tf.grad((map: Tensor) => tf.sum(strided(map, window, (each) => tf.mul(each, 2)).output))(x);
    const { choice } = strided(x, window, (each) => each);
    const [rows, columns] = [choice!.row.dataSync(), choice!.column.dataSync()];
    (kept.arraySync() as number[][][][]).forEach((image, at) =>
      image.forEach((line, y) =>
        line.forEach(([value], z) => assertEquals(value, y % 2 === rows[at] && z % 2 === columns[at] ? 2 : 0))
      )
    );
  });
});

Deno.test("strided: a stride that does not divide the map is refused where the grid is adaptive", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    assertThrows(
      () => strided(tf.zeros([1, 4, 5, 1]), WINDOW, (x) => x),
      PolyphaseError,
      "stride 2×2, expected a stride that divides it",
    );
    const fixed = { ...WINDOW, adaptive: false };
    assertEquals([windowsOf([4, 6], WINDOW), windowsOf([4, 6], fixed), windowsOf([5, 1], fixed)], [24, 6, 3]);
  });
});

Deno.test("collectChoice: hands out places and gaps, or nothing where nothing was chosen", async () => {
  await selectBackend("wasm");
  tf.tidy(() => {
    const seen: [string, number[], number[]][] = [];
    const collect = (name: string, value: Tensor) =>
      void seen.push([name, value.shape, [...value.dataSync()]]);
    const choice = { row: tf.tensor1d([1, 0]), column: tf.tensor1d([0, 2]), gap: tf.tensor1d([0.5, 0.25]) };
    collectChoice({ collect }, "keys", choice);
    assertEquals(seen, [["keys.phase", [2, 2], [1, 0, 0, 2]], ["keys.gap", [2], [0.5, 0.25]]]);
    collectChoice({ collect }, "keys", undefined);
    collectChoice({}, "keys", choice);
    assertEquals(seen.length, 2);
  });
});
