/**
 * The attention of CvT and of MViTv2 under every shift of the map: adaptive ones shift what they make, plain ones do not.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import {
  type ConvAttention,
  convAttention,
  initConvAttention,
} from "../../../models/layers/conv_attention.ts";
import {
  type ConvTokenEmbedding,
  convTokenEmbedding,
  initConvTokenEmbedding,
} from "../../../models/layers/conv_token_embedding.ts";
import {
  initMultiscaleBlock,
  type MultiscaleBlock,
  multiscaleBlock,
} from "../../../models/layers/multiscale_block.ts";
import { roll } from "../../../models/backend/ops/roll.ts";
import type { Params } from "../../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../../models/params.ts";
import { foldIn, keyOf, normal } from "../../../pipeline/random.ts";

const [HEIGHT, WIDTH, EMBED] = [4, 6, 8];
const SHIFTS = HEIGHT * WIDTH;

/** A map under every shift, none first, `[shifts, height, width, channels]`. */
function shiftedMap(seed: number): Tensor {
  return tf.tidy(() => {
    const one = tf.tensor(normal(keyOf(seed), SHIFTS * EMBED), [1, HEIGHT, WIDTH, EMBED]);
    const at = tf.range(0, SHIFTS);
    const rows = tf.floor(tf.div(tf.add(at, 0.5), WIDTH));
    return roll(tf.tile(one, [SHIFTS, 1, 1, 1]), rows, tf.sub(at, tf.mul(rows, WIDTH)));
  });
}

/** Parameters of the same shapes, drawn. */
function drawn<P extends Params>(fresh: P): P {
  const leaves = flatten(fresh).map(([name, { shape, size }]): [string, Tensor] => {
    const values = normal(foldIn(keyOf(9), name), size).map((each) => 0.5 * each);
    return [
      name,
      tf.tensor(name.endsWith("runningVar") ? values.map((each) => 1 + each ** 2) : values, shape),
    ];
  });
  disposeParams(fresh);
  return unflatten(leaves) as P;
}

/** How many shifts of the map leave what is made of it as it is but for a shift. */
function shiftsKept(maps: Tensor): number {
  const [, height, width] = maps.shape as [number, number, number, number];
  const images = maps.arraySync() as number[][][][];
  const scale = Math.max(...images[0].flat(2).map(Math.abs));
  return images.filter((image) =>
    images[0].some((_, down) =>
      images[0][0].some((_, right) =>
        image.every((line, y) =>
          line.every((pixel, x) => {
            const expected = images[0][(y + down) % height][(x + right) % width];
            return pixel.every((value, at) => Math.abs(value - expected[at]) < 1e-5 * scale);
          })
        )
      )
    )
  ).length;
}

for (const adaptive of [false, true]) {
  const twin = adaptive ? "adaptive: all" : "plain: few";
  const window = { kernelSize: 3, stride: 2, padding: 1, circular: adaptive, adaptive };

  Deno.test(`convAttention: shifts of the map that shift what it makes (${twin})`, async () => {
    await selectBackend("wasm");
    const before = tf.memory().numTensors;
    const shape: ConvAttention = {
      embed: EMBED,
      heads: 2,
      size: [HEIGHT, WIDTH],
      queries: { ...window, stride: 1 },
      keys: window,
    };
    const params = drawn(initConvAttention(keyOf(1), shape));
    tf.tidy(() => {
      const maps = shiftedMap(2);
      const tokens = tf.reshape(maps, [SHIFTS, SHIFTS, EMBED]);
      const found = convAttention(params, tokens, shape);
      assertEquals(found.shape, tokens.shape);
      const made = tf.reshape(found, maps.shape);
      assertEquals(shiftsKept(made), adaptive ? SHIFTS : 1);
      if (!adaptive) return;
      // The map does not move: what was at a pixel stays with it.
      const back = roll(
        tf.tile(tf.slice(made, [0, 0, 0, 0], [1, -1, -1, -1]), [2, 1, 1, 1]),
        tf.tensor1d([0, 1]),
        tf.tensor1d([0, 2]),
      );
      const same = tf.gather(made, tf.tensor1d([0, WIDTH + 2], "int32"));
      assert(tf.max(tf.abs(tf.sub(back, same))).dataSync()[0] < 1e-5);
      // A class token sees all shifts alike.
      const token = tf.tile(tf.tensor3d(normal(keyOf(3), EMBED), [1, 1, EMBED]), [SHIFTS, 1, 1]);
      const first = tf.slice(convAttention(params, tf.concat([token, tokens], 1), shape), [0, 0, 0], [
        -1,
        1,
        -1,
      ]);
      assert(tf.max(tf.sub(tf.max(first, 0), tf.min(first, 0))).dataSync()[0] < 1e-5);
    });
    disposeParams(params);
    assertEquals(tf.memory().numTensors, before);
  });

  Deno.test(`convTokenEmbedding: shifts of the map that shift what it makes (${twin})`, async () => {
    await selectBackend("wasm");
    const shape: ConvTokenEmbedding = { ...window, inputs: EMBED, outputs: 5 };
    const params = drawn(initConvTokenEmbedding(keyOf(4), shape));
    tf.tidy(() => {
      const { output, choice } = convTokenEmbedding(params, shiftedMap(5), shape);
      assertEquals(output.shape, [SHIFTS, HEIGHT / 2, WIDTH / 2, 5]);
      assertEquals(choice !== undefined, adaptive);
      assertEquals(shiftsKept(output), adaptive ? SHIFTS : 1);
    });
    disposeParams(params);
  });

  Deno.test(`multiscaleBlock: shifts of the map that shift what it makes (${twin})`, async () => {
    await selectBackend("wasm");
    const before = tf.memory().numTensors;
    for (const [embed, queryStride, keyStride] of [[EMBED, 1, 2], [12, 2, 1], [12, 2, 2], [EMBED, 2, 2]]) {
      const block: MultiscaleBlock = {
        inputs: EMBED,
        embed,
        heads: 2,
        size: [HEIGHT, WIDTH],
        queries: { ...window, stride: queryStride },
        keys: { ...window, stride: keyStride },
        circularPositions: adaptive,
        hidden: 8,
        dropPath: 0,
      };
      const params = drawn(initMultiscaleBlock(keyOf(6), block));
      tf.tidy(() => {
        const seen: string[] = [];
        const made = multiscaleBlock(params, shiftedMap(7), block, {
          collect: (name) => void seen.push(name),
        });
        assertEquals(made.shape, [SHIFTS, HEIGHT / queryStride, WIDTH / queryStride, embed]);
        assertEquals(shiftsKept(made), adaptive ? SHIFTS : 1);
        const moving = [["queries", queryStride], ["keys", keyStride]] as const;
        const names = moving.filter(([, stride]) => adaptive && stride > 1)
          .flatMap(([name]) => [`attention.${name}.phase`, `attention.${name}.gap`]);
        assertEquals(seen, names);
      });
      disposeParams(params);
    }
    assertEquals(tf.memory().numTensors, before);
  });
}
