/**
 * Swin and Swin V2 under every circular shift: adaptive ones give the same logits, and lose that with any one of their
 * parts.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Images } from "../../datasets/dataset.ts";
import { shiftImages } from "../../datasets/shift.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Architecture } from "../../models/model.ts";
import { disposeParams, flatten, unflatten } from "../../models/params.ts";
import { swinNano, swinV2Nano } from "../../models/swin_presets.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches1d, patches2d } from "../../models/tokenizers/patches.ts";
import { keyOf, randint } from "../../pipeline/random.ts";
import { relativeError } from "../golden.ts";
import { drawn, GRID, MEMBERS, NAMES, SMALL } from "./swin_drawn.ts";

function drawImages(seed: number, height: number, width: number, count: number): Images {
  const bytes = randint(keyOf(seed), count * height * width * 3, 0, 256);
  return { count, height, width, channels: 3, pixels: Uint8Array.from(bytes) };
}

/**
 * Logits of images shifted by every offset, by offset: tokens are laid by the tokenizer that the model's embedding asks.
 */
async function logitsOfShifts(
  architecture: Architecture,
  images: Images,
  { patch = 1, fresh = false, isAdaptive = true, flat = false } = {},
): Promise<Float32Array[]> {
  const { count, height, width } = images;
  const patches = flat ? patches1d({ size: patch }) : patches2d({ size: patch });
  const tokenizer = isAdaptive ? adaptive(patches) : patches;
  const model = architecture.build({ grid: patches.grid(images), classes: 5 });
  const params = fresh ? model.init(keyOf(5)) : drawn(model, 5);
  const { weight, bias } = model.embedding!(params);
  const embedding = { weight: await weight.data<"float32">(), bias: await bias.data<"float32">() };
  const all: Float32Array[] = [];
  const { tokens, patch: size } = patches.grid(images);
  for (let place = 0; place < height * width; place++) {
    const offset = flat ? { dy: 0, dx: place } : { dy: Math.floor(place / width), dx: place % width };
    const shifted = shiftImages(images, [offset], flat ? "circular-flat" : "circular-2d");
    const values = Float32Array.from(tokenizer.tokenize(shifted, { embedding }).values, (byte) => byte / 255);
    const logits = tf.tidy(() => model.apply(params, tf.tensor3d(values, [count, tokens, size])));
    all.push(await logits.data<"float32">());
    logits.dispose();
  }
  disposeParams(params);
  return all;
}

/** The greatest relative difference to the logits of the image as it is, and whether all predictions are the same. */
function spread(all: readonly Float32Array[]): { error: number; same: boolean } {
  const predictions = (logits: Float32Array) =>
    Array.from({ length: logits.length / 5 }, (_, image) => {
      const row = [...logits.subarray(image * 5, image * 5 + 5)];
      return row.indexOf(Math.max(...row));
    }).join();
  return {
    error: Math.max(...all.map((each) => relativeError(each, all[0]))),
    same: all.every((each) => predictions(each) === predictions(all[0])),
  };
}

Deno.test("swin: the small presets, adaptive, at some shifts of whole images", async () => {
  await selectBackend("wasm");
  for (
    const [preset, image] of [[swinNano, 28], [swinNano, 32], [swinV2Nano, 28], [swinV2Nano, 32]] as const
  ) {
    const images = { ...drawImages(8, image, image, 1), channels: 1 as const };
    // A garment leaves much of an image black.
    const pixels = images.pixels.slice(0, image * image).map((byte, place) =>
      place % image < 8 || place < 6 * image ? 0 : byte
    );
    const tokenizer = adaptive(patches2d({ size: 2 }));
    const model = preset({ adaptive: true, image }).build({ grid: tokenizer.grid(images), classes: 10 });
    const params = model.init(keyOf(1));
    const { weight, bias } = model.embedding!(params);
    const embedding = { weight: await weight.data<"float32">(), bias: await bias.data<"float32">() };
    const all = [];
    for (const [dy, dx] of [[0, 0], [1, 0], [3, 5], [14, 9], [25, 27]]) {
      const shifted = shiftImages({ ...images, pixels }, [{ dy, dx }], "circular-2d");
      const values = Float32Array.from(
        tokenizer.tokenize(shifted, { embedding }).values,
        (byte) => byte / 255,
      );
      const logits = tf.tidy(() => model.apply(params, tf.tensor3d(values, [1, image * image / 4, 4])));
      all.push(await logits.data<"float32">());
      logits.dispose();
    }
    disposeParams(params);
    for (const logits of all) assert(relativeError(logits, all[0]) < 1e-5);
  }
});

for (const name of NAMES) {
  for (const window of ["box", "hann"] as const) {
    Deno.test(`${name}: adaptive logits are the same at every shift, plain ones are not (${window})`, async () => {
      await selectBackend("wasm");
      const images = drawImages(1, 8, 8, 3);
      for (const fresh of [false, true]) {
        const { error, same } = spread(
          await logitsOfShifts(MEMBERS[name]({ ...SMALL, adaptive: true, energy: { window } }), images, {
            fresh,
          }),
        );
        assert(error < 1e-5 && same, `fresh ${fresh}: ${error}`);
      }
      const plain = spread(await logitsOfShifts(MEMBERS[name](SMALL), images, { isAdaptive: false }));
      assert(plain.error > 1e-2, `${plain.error}`);
    });
  }

  Deno.test(`${name}: each adaptive part is needed, the tokenizer too`, async () => {
    await selectBackend("wasm");
    // A window of an odd size: what even ones leave open, merging by two divides.
    const images = drawImages(2, 6, 6, 2);
    const odd = { embed: 8, depths: [2, 1], heads: [2, 2], window: 3 };
    const all = spread(await logitsOfShifts(MEMBERS[name]({ ...odd, adaptive: true }), images));
    assert(all.error < 1e-5 && all.same, `${all.error}`);
    for (const part of ["windows", "merge", "positions"] as const) {
      const { error } = spread(
        await logitsOfShifts(MEMBERS[name]({ ...odd, adaptive: { [part]: false } }), images),
      );
      assert(error > 1e-3, `without ${part}: ${error}`);
    }
    const larger = drawImages(3, 8, 8, 2);
    const options = { embed: 8, depths: [2], heads: [2], window: 2, adaptive: true } as const;
    const exact = spread(await logitsOfShifts(MEMBERS[name](options), larger, { patch: 2 }));
    assert(exact.error < 1e-5 && exact.same, `${exact.error}`);
    const fixed = spread(
      await logitsOfShifts(MEMBERS[name](options), larger, { patch: 2, isAdaptive: false }),
    );
    assert(fixed.error > 1e-3, `fixed grid: ${fixed.error}`);
  });

  Deno.test(`${name}: maps that are no squares, and sequences`, async () => {
    await selectBackend("wasm");
    for (
      const [images, flat] of [
        [drawImages(4, 4, 16, 2), false],
        [drawImages(5, 1, 32, 2), true],
      ] as const
    ) {
      const options = { embed: 8, depths: [2, 2], heads: [2, 2], window: 4 };
      const exact = spread(
        await logitsOfShifts(MEMBERS[name]({ ...options, adaptive: true }), images, { flat }),
      );
      assert(exact.error < 1e-5 && exact.same, `${exact.error}`);
      const plain = spread(await logitsOfShifts(MEMBERS[name](options), images, { flat, isAdaptive: false }));
      assert(plain.error > 1e-3, `${plain.error}`);
    }
  });

  Deno.test(`${name}: windows of one token, which leave nothing to choose`, async () => {
    await selectBackend("wasm");
    const options = { embed: 8, depths: [2], heads: [2], window: 1, adaptive: true };
    const { error } = spread(await logitsOfShifts(MEMBERS[name](options), drawImages(6, 4, 4, 2)));
    assert(error < 1e-5, `${error}`);
  });

  Deno.test(`${name}: an adaptive model has the same loss gradient at every shift`, async () => {
    await selectBackend("wasm");
    const model = MEMBERS[name]({ ...SMALL, adaptive: true }).build({ grid: GRID, classes: 3 });
    const params = drawn(model, 6);
    const leaves = flatten(params);
    const before = tf.memory().numTensors;
    const gradients = (dy: number, dx: number) => {
      const bytes = shiftImages(drawImages(7, 8, 8, 2), [{ dy, dx }], "circular-2d").pixels;
      const tokens = tf.tensor3d(Float32Array.from(bytes, (byte) => byte / 255), [2, 64, 3]);
      return tf.tidy(() => {
        const loss = (...each: Tensor[]) =>
          tf.sum(tf.square(model.apply(unflatten(each.map((leaf, at) => [leaves[at][0], leaf])), tokens)));
        const all = tf.grads(loss)(leaves.map(([, leaf]) => leaf));
        tokens.dispose();
        return all;
      });
    };
    const [here, there] = [gradients(0, 0), gradients(3, 6)];
    for (const [at, [leaf]] of leaves.entries()) {
      const [a, b] = [await here[at].data(), await there[at].data()];
      assert(a.some((each) => each !== 0), leaf);
      // Of some biases little is left after rounding: what softmax makes of them nearly cancels.
      assert(relativeError(b, a) < 2e-3, `${leaf}: ${relativeError(b, a)}`);
    }
    tf.dispose([...here, ...there]);
    assertEquals(tf.memory().numTensors, before);
    disposeParams(params);
  });
}
