/**
 * Vision transformers by name: their sizes are the published ones, and each makes logits of images as its tokenizer lays
 * them.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { tf } from "../../models/backend/tf.ts";
import { countParams, disposeParams } from "../../models/params.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { patches2d } from "../../models/tokenizers/patches.ts";
import { vit } from "../../models/vit.ts";
import { vitAdaptive } from "../../models/vit_adaptive.ts";
import { VIT_SIZES, vitPreset, type VitPresetName, type VitSizeName } from "../../models/vit_presets.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { keyOf } from "../../pipeline/random.ts";
import { predict } from "../../pipeline/predict.ts";
import { randomImages } from "../pipeline/fixtures.ts";

/** Parameters by definition. */
function counted(name: VitSizeName, channels: number, classes: number, isAdaptive: boolean): number {
  const { image, patch, options: { layers, heads, embed, mlp } } = VIT_SIZES[name];
  const tokens = (image / patch) ** 2;
  const block = 4 * embed ** 2 + 4 * embed + 2 * embed * mlp + mlp + embed + 4 * embed;
  const positions = isAdaptive ? layers * tokens * heads : embed + (tokens + 1) * embed;
  return (patch ** 2 * channels + 1) * embed + positions + layers * block + 2 * embed + (embed + 1) * classes;
}

const NAMES = Object.keys(VIT_SIZES) as VitSizeName[];

Deno.test("vit presets: have as many parameters as timm's, and the small ones as many as they say", async () => {
  const [tiny, small, base] = NAMES.map((name) => counted(name, 3, 1000, false));
  assertEquals([tiny, small, base], [5717416, 22050664, 86567656]);
  const built = (preset: VitPresetName, channels: number, classes: number) => {
    const { architecture, tokenizer, image } = vitPreset(preset);
    return architecture.build({ grid: tokenizer.grid({ height: image, width: image, channels }), classes });
  };
  const isAsSaid = (name: string, count: number) => {
    if (name.endsWith("-tiny")) assert(count > 1.95e5 && count < 2.15e5, `${name}: ${count}`);
    if (name.endsWith("-small")) assert(count > 2.65e6 && count < 2.75e6, `${name}: ${count}`);
  };
  for (const name of NAMES) {
    const [channels, classes] = name.includes("-28-") ? [1, 10] : name.includes("-32-") ? [3, 10] : [3, 1000];
    // Of what a file would hold, since the large ones take long to draw.
    const sizes = built(name, channels, classes).torch!.timm.map(({ shape }) =>
      shape.reduce((a, b) => a * b, 1)
    );
    const count = sizes.reduce((a, b) => a + b, 0);
    assertEquals(count, counted(name, channels, classes, false), name);
    isAsSaid(name, count);
  }
  await selectBackend("wasm");
  for (const name of ["vit-28-tiny", "vit-28-small", "vit-32-tiny"] as const) {
    const model = built(`a-${name}`, 1, 10);
    const params = model.init(keyOf(0));
    const count = countParams(params, model);
    assertEquals(count, counted(name, 1, 10, true), name);
    isAsSaid(name, count);
    disposeParams(params);
  }
});

Deno.test("vit presets: a name gives a plain transformer with patches, or its adaptive twin of the same sizes", () => {
  for (const name of NAMES) {
    const { image, patch, options } = VIT_SIZES[name];
    assertEquals([image % patch, options.embed % options.heads], [0, 0]);
    const [plain, twin] = [vitPreset(name), vitPreset(`a-${name}`)];
    assertEquals([plain.image, twin.image], [image, image]);
    assertEquals(plain.architecture.config, vit(options).config);
    assertEquals(twin.architecture.config, vitAdaptive(options).config);
    assertEquals(plain.tokenizer.config, patches2d({ size: patch }).config);
    assertEquals(twin.tokenizer.config, adaptive(patches2d({ size: patch })).config);
  }
  assertEquals(vitPreset("a-vit-28-tiny", { dropout: 0.1, layers: 2 }).architecture.config, {
    ...vitAdaptive(VIT_SIZES["vit-28-tiny"].options).config,
    dropout: 0.1,
    layers: 2,
  });
  for (const name of ["vit", "a-vit", "b-vit-28-tiny", "a-a-vit-28-tiny", "constructor"]) {
    assertThrows(
      () => vitPreset(name as VitPresetName),
      PolyphaseError,
      `vitPreset got "${name}", expected vit-tiny-patch16-224, `,
    );
  }
});

Deno.test("vit presets: make logits of images of their size, and of others that the patch divides", async () => {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  for (const name of ["vit-28-tiny", "a-vit-28-tiny", "vit-32-tiny", "a-vit-32-tiny"] as const) {
    const { architecture, tokenizer, image } = vitPreset(name, { layers: 1 });
    for (const [height, width] of [[image, image], [8, 12]]) {
      const images = randomImages(keyOf(1), { count: 2, height, width, channels: 1 });
      const grid = tokenizer.grid(images);
      const model = architecture.build({ grid, classes: 3 });
      const params = model.init(keyOf(0));
      const logits = await predict({ model, params, grid, tokenizer }, images, keyOf(0));
      assertEquals(logits.length, 6);
      disposeParams(params);
    }
  }
  assertEquals(tf.memory().numTensors, before);
});
