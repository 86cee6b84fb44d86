/**
 * Positions by convolution: against plain loops, under every shift, and their gradients.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { circularPad } from "../../../models/layers/circular_pad.ts";
import {
  initPositionConvolution,
  positionConvolution,
  positionConvolutionMultiplyAdds,
  type PositionGrid,
} from "../../../models/layers/position_convolution.ts";
import { disposeParams } from "../../../models/params.ts";
import { keyOf, normal } from "../../../pipeline/random.ts";
import { relativeError } from "../../golden.ts";
import { PLATFORMS, selectPlatform } from "../backend/ops/support.ts";

const [BATCH, EMBED] = [2, 3];
const GRIDS: readonly PositionGrid[] = [[3, 4], [1, 5], [4, 1], [2, 2], [1, 1]];

const modulo = (value: number, length: number) => ((value % length) + length) % length;

/** `x` plus what the filter makes of the neighbours around the border, by definition. */
function byHand(
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  [rows, columns]: PositionGrid,
): number[] {
  const reach = (length: number) => length === 1 ? [0] : [-1, 0, 1];
  return Array.from(x, (value, index) => {
    const channel = index % EMBED;
    const column = Math.floor(index / EMBED) % columns;
    const row = Math.floor(index / EMBED / columns) % rows;
    const image = Math.floor(index / EMBED / columns / rows);
    let sum = value + bias[channel];
    let tap = 0;
    for (const dy of reach(rows)) {
      for (const dx of reach(columns)) {
        const from = (image * rows + modulo(row + dy, rows)) * columns + modulo(column + dx, columns);
        sum += weight[tap++ * EMBED + channel] * x[from * EMBED + channel];
      }
    }
    return sum;
  });
}

for (const platform of PLATFORMS) {
  Deno.test(`position convolution: is that of plain loops around the border (${platform})`, async () => {
    await selectPlatform(platform);
    const before = tf.memory().numTensors;
    for (const grid of GRIDS) {
      const params = initPositionConvolution(keyOf(1), grid, EMBED);
      const size = grid.map((length) => length === 1 ? 1 : 3);
      assertEquals([params.weight.shape, params.bias.shape], [[...size, 1, EMBED], [EMBED]]);
      const bound = 1 / Math.sqrt(size[0] * size[1]);
      const [weight, bias] = await Promise.all([
        params.weight.data<"float32">(),
        params.bias.data<"float32">(),
      ]);
      assert([...weight, ...bias].every((each) => each !== 0 && Math.abs(each) <= Math.fround(bound)));
      const tokens = grid[0] * grid[1];
      assertEquals(positionConvolutionMultiplyAdds(grid, EMBED), tokens * weight.length);
      const x = normal(keyOf(2), BATCH * tokens * EMBED);
      const expected = byHand(x, weight, bias, grid);
      for (const exact of [undefined, true]) {
        const y = tf.tidy(() =>
          positionConvolution(params, tf.tensor(x, [BATCH, tokens, EMBED]), grid, { exact })
        );
        assertEquals(y.shape, [BATCH, tokens, EMBED]);
        assert(relativeError(await y.data(), expected) < 1e-5);
        y.dispose();
      }
      disposeParams(params);
    }
    assertEquals(tf.memory().numTensors, before);
  });
}

Deno.test("position convolution: a shift of the tokens shifts the result, in either form, with the same gradients", async () => {
  await selectBackend("wasm");
  const grid: PositionGrid = [3, 4];
  const params = initPositionConvolution(keyOf(1), grid, EMBED);
  const x = tf.tensor(normal(keyOf(2), BATCH * 12 * EMBED), [BATCH, 12, EMBED]);
  const roll = (each: Tensor, down: number, right: number) => {
    const map = circularPad(tf.reshape(each, [BATCH, 3, 4, EMBED]), [down, 0, right, 0]);
    return tf.reshape(tf.slice(map, [0, 0, 0, 0], [-1, 3, 4, -1]), [BATCH, 12, EMBED]);
  };
  const before = tf.memory().numTensors;
  for (let down = 0; down < 3; down++) {
    for (let right = 0; right < 4; right++) {
      const found = tf.tidy(() => {
        const loss = (weight: Tensor, bias: Tensor, each: Tensor, exact?: boolean) =>
          tf.sum(tf.square(positionConvolution({ weight, bias }, each, grid, { exact })));
        const gradients = (each: Tensor, exact?: boolean) =>
          tf.grads((weight: Tensor, bias: Tensor) => loss(weight, bias, each, exact))([
            params.weight,
            params.bias,
          ]);
        const shifted = roll(x, down, right);
        return [
          positionConvolution(params, shifted, grid),
          roll(positionConvolution(params, x, grid), down, right),
          ...[gradients(shifted), gradients(x)].map(([weight]) => weight),
          ...[gradients(shifted), gradients(x, true)].map(([, bias]) => bias),
        ];
      });
      for (let pair = 0; pair < found.length; pair += 2) {
        assert(
          relativeError(await found[pair].data(), await found[pair + 1].data()) < 1e-5,
          `${down}, ${right}`,
        );
      }
      tf.dispose(found);
    }
  }
  assertEquals(tf.memory().numTensors, before);
  x.dispose();
  disposeParams(params);
});
