/**
 * The vision transformer: torchvision's numbers and parameter counts, its second derivatives, and what it shows.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import type { Model, Params } from "../../models/model.ts";
import { countParams, disposeParams, flatten, unflatten } from "../../models/params.ts";
import { patches1d, patches2d } from "../../models/tokenizers/patches.ts";
import { loadTorch } from "../../models/torch_weights.ts";
import { vit, type VitOptions } from "../../models/vit.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { keyOf, normal } from "../../pipeline/random.ts";
import { relativeError } from "../golden.ts";
import counts from "../golden/param_counts.json" with { type: "json" };
import { drawn } from "./vit_drawn.ts";
import { fileOf, goldenTokens, GRADIENTS, LOGITS, OPTIONS, SHAPE, WEIGHTS } from "./vit_golden.ts";

const RGB = { height: 28, width: 28, channels: 3 };
const BACKENDS = ["cpu", "wasm"] as const;

type Case = typeof counts.vit[number];

function published({ patch, layer, head, hidden, mlp, cs }: Case): Model {
  return vit({ layers: layer, heads: head, embed: hidden, mlp, code: cs })
    .build({ grid: patches2d({ size: patch }).grid(RGB), classes: 10 });
}

function golden(): Params {
  return loadTorch(vit(OPTIONS).build(SHAPE), fileOf(WEIGHTS), "golden.safetensors");
}

/** Logits, and gradients of the sum of their squares, as numbers. */
async function valueAndGrads(
  apply: (params: Params) => Tensor,
  params: Params,
): Promise<{ logits: Float32Array; grads: Params; dispose: () => void }> {
  const leaves = flatten(params);
  const [logits, ...grads] = tf.tidy(() => [
    apply(params),
    ...tf.grads((...each: Tensor[]) =>
      tf.sum(tf.square(apply(unflatten(each.map((leaf, index) => [leaves[index][0], leaf])))))
    )(leaves.map(([, leaf]) => leaf)),
  ]);
  const tree = unflatten(grads.map((each, index) => [leaves[index][0], each]));
  const values = await logits.data<"float32">();
  logits.dispose();
  return { logits: values, grads: tree, dispose: () => disposeParams(tree) };
}

for (const backend of BACKENDS) {
  for (const exact of [false, true]) {
    for (const looksOn of [false, true]) {
      const how = `${backend}, ${exact ? "exact" : "fast"} ops, ${
        looksOn ? "all tokens" : "class token"
      } to the end`;
      Deno.test(`vit: logits and gradients are torchvision's (${how})`, async () => {
        await selectBackend(backend);
        const before = tf.memory().numTensors;
        const model = vit({ ...OPTIONS, exact }).build(SHAPE);
        const [params, tokens] = [golden(), goldenTokens()];
        const collect = looksOn ? () => {} : undefined;
        const { logits, grads, dispose } = await valueAndGrads(
          (each) => model.apply(each, tokens, { collect }),
          params,
        );
        assert(relativeError(logits, LOGITS) < 2e-6);
        const theirs = loadTorch(model, fileOf(GRADIENTS), "gradients");
        const expected = new Map(flatten(theirs));
        assertEquals(flatten(grads).length, GRADIENTS.size);
        for (const [name, grad] of flatten(grads)) {
          const error = relativeError(await grad.data(), await expected.get(name)!.data());
          assert(error < 5e-6, `gradient of ${name}: ${error}`);
        }
        dispose();
        disposeParams(params);
        disposeParams(theirs);
        tokens.dispose();
        assertEquals(tf.memory().numTensors, before);
      });
    }
  }
}

Deno.test("vit: has as many parameters as the published models", async () => {
  await selectBackend("wasm");
  for (const each of counts.vit) {
    const { layer: L, hidden: D, mlp: M, cs, params } = each;
    const model = published(each);
    const sizes = model.torch!.torchvision.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    assertEquals(sizes.reduce((a, b) => a + b, 0), params);
    const [before, after] = [147 * D + D + D + 17 * D, 2 * D + D * cs + cs + 10 * cs + 10];
    assertEquals(before + L * (4 * D * D + 9 * D + 2 * D * M + M) + after, params);
  }
  for (const each of [counts.vit[0], counts.vit[5], counts.vit[6]]) {
    const model = published(each);
    const params = model.init(keyOf(0));
    assertEquals(countParams(params, model), each.params);
    const sizes = new Map(flatten(params).map(([name, { size }]) => [name, size]));
    for (const { name, shape } of model.torch!.torchvision) {
      assertEquals(sizes.get(name), shape.reduce((a, b) => a * b, 1), name);
    }
    disposeParams(params);
  }
});

Deno.test("vit: multiplyAdds are those of the products that run", async () => {
  await selectBackend("cpu");
  for (
    const [options, grid] of [
      [{ code: 7 }, patches2d({ size: 7 })],
      [{ classToken: false }, patches1d({ size: 28 })],
    ] as const
  ) {
    const shape = { grid: grid.grid(RGB), classes: 5 };
    const model = vit({ layers: 2, heads: 2, embed: 12, mlp: 20, exact: true, ...options }).build(shape);
    const params = model.init(keyOf(0));
    const tokens = tf.zeros([1, shape.grid.tokens, shape.grid.patch]);
    const { kernels } = await tf.profile(() =>
      tf.tidy(() => model.apply(params, tokens, { collect: () => {} }))
    );
    const seen = kernels.filter(({ name }) => name === "BatchMatMul").map(({ inputShapes, outputShapes }) =>
      inputShapes[0]!.at(-1)! * outputShapes[0].reduce((a, b) => a * b, 1)
    );
    assert(seen.length === 2 * 6 + ("code" in options ? 3 : 2));
    assertEquals(seen.reduce((a, b) => a + b, 0), model.multiplyAdds);
    tf.dispose(tokens);
    disposeParams(params);
  }
  // The forward pass of the smallest published model takes 73.8 million operations.
  assertAlmostEquals(2 * published(counts.vit[0]).multiplyAdds! / 1e6, 73.8, 0.05);
});

Deno.test("vit: the code is what the last linear layer sees, and activations come after each part", async () => {
  await selectBackend("cpu");
  for (const [code, classToken] of [[undefined, true], [5, true], [5, false]] as const) {
    const { model, params, tokens } = drawn({ code, classToken });
    const before = tf.memory().numTensors;
    const seen: [string, number[]][] = [];
    const [logits, fromCode, fromBlock] = tf.tidy(() => {
      const kept = new Map<string, Tensor>();
      const logits = model.apply(params, tokens, {
        collect: (name, value) => {
          seen.push([name, value.shape]);
          kept.set(name, value);
        },
      });
      const { weight, bias } = (code === undefined ? params.head : params.linear) as Record<string, Tensor>;
      const last = kept.get("blocks.1")!;
      const pooled = classToken ? tf.slice(last, [0, 0, 0], [-1, 1, -1]).squeeze([1]) : tf.mean(last, 1);
      const { mean, variance } = tf.moments(pooled, 1, true);
      const norm = params.norm as Record<string, Tensor>;
      const normal = tf.div(tf.sub(pooled, mean), tf.sqrt(tf.add(variance, 1e-6)));
      const head = params.head as Record<string, Tensor>;
      const normalized = tf.add(tf.mul(normal, norm.weight), norm.bias);
      return [
        logits,
        tf.add(tf.matMul(kept.get("code")!, weight), bias),
        code === undefined
          ? tf.add(tf.matMul(normalized, weight), bias)
          : tf.add(tf.matMul(tf.add(tf.matMul(normalized, head.weight), head.bias), weight), bias),
      ];
    });
    const size = [3, classToken ? 7 : 6, 8];
    assertEquals(seen, [
      ["embedding", size],
      ["blocks.0.attention", size],
      ["blocks.0", size],
      ["blocks.1.attention", size],
      ["blocks.1", size],
      ["code", [3, code ?? 8]],
    ]);
    const expected = await logits.data();
    assertEquals(logits.shape, [3, 4]);
    assert(relativeError(await fromCode.data(), expected) < 1e-6);
    assert(relativeError(await fromBlock.data(), expected) < 1e-5);
    const unseen = tf.tidy(() => model.apply(params, tokens));
    assert(relativeError(await unseen.data(), expected) < 1e-5);
    tf.dispose([logits, fromCode, fromBlock, unseen]);
    assertEquals(tf.memory().numTensors, before);
    disposeParams(params);
    tokens.dispose();
  }
});

Deno.test("vit: the mean leaves out the class token", async () => {
  await selectBackend("cpu");
  const { model, params, tokens } = drawn({ pooling: "mean", layers: 1 });
  const both = tf.tidy(() => {
    let last: Tensor | undefined;
    const logits = model.apply(params, tokens, {
      collect: (name, value) => {
        if (name === "blocks.0") last = value;
      },
    });
    const { weight, bias } = params.norm as Record<string, Tensor>;
    const head = params.head as Record<string, Tensor>;
    const mean = tf.mean(tf.slice(last!, [0, 1, 0], [-1, 6, -1]), 1);
    const { mean: centre, variance } = tf.moments(mean, 1, true);
    const code = tf.add(tf.mul(tf.div(tf.sub(mean, centre), tf.sqrt(tf.add(variance, 1e-6))), weight), bias);
    return [logits, tf.add(tf.matMul(code, head.weight), head.bias)];
  });
  assert(relativeError(await both[0].data(), await both[1].data()) < 1e-5);
  tf.dispose([both, tokens]);
  disposeParams(params);
});

for (const exact of [true, false, undefined]) {
  Deno.test(`vit: second derivatives are right (exact: ${exact})`, async () => {
    await selectBackend("cpu");
    const { model, params, tokens } = drawn({ layers: 1, exact }, 1);
    const leaves = flatten(params);
    const at = leaves.findIndex(([name]) => name === "blocks.0.attention.qkv.weight");
    const loss = (weight: Tensor) =>
      tf.sum(tf.square(model.apply(
        unflatten(leaves.map(([name, leaf], index) => [name, index === at ? weight : leaf])),
        tokens,
      )));
    const weight = leaves[at][1];
    const along = tf.tensor(normal(keyOf(7), weight.size), weight.shape);
    const [product, estimate] = tf.tidy(() => {
      const slope = tf.grad(loss);
      const by = (step: number) => slope(tf.add(weight, tf.mul(along, step)));
      return [
        tf.grad((each: Tensor) => tf.sum(tf.mul(slope(each), along)))(weight),
        tf.div(tf.sub(by(2e-3), by(-2e-3)), 4e-3),
      ];
    });
    assert(relativeError(await product.data(), await estimate.data()) < 1e-2);
    tf.dispose([product, estimate, along, tokens]);
    disposeParams(params);
  });
}

Deno.test("vit: exact reaches every op, and the fast ops are fused", async () => {
  await selectBackend("wasm");
  for (const exact of [false, true]) {
    const { model, params, tokens } = drawn({ exact, layers: 1 });
    const { kernelNames } = await tf.profile(() => tf.tidy(() => model.apply(params, tokens)));
    const fused = kernelNames.filter((name) => name.startsWith("Polyphase")).toSorted();
    assertEquals(fused, exact ? [] : ["PolyphaseLayerNorm", "PolyphaseLinear", "PolyphasePackedAttention"]);
    tokens.dispose();
    disposeParams(params);
  }
});

Deno.test("vit: takes any grid of patches, and the embedding is that of a patch", async () => {
  await selectBackend("wasm");
  for (
    const [tokenizer, image] of [
      [patches1d({ size: 4 }), { height: 14, width: 14, channels: 1 }],
      [patches2d({ size: 2 }), { height: 4, width: 6, channels: 3 }],
    ] as const
  ) {
    const grid = tokenizer.grid(image);
    const model = vit({ layers: 1, heads: 2, embed: 8, mlp: 8, code: 3 }).build({ grid, classes: 10 });
    const params = model.init(keyOf(0));
    const { weight, bias } = model.embedding!(params);
    assertEquals([weight.shape, bias.shape], [[grid.patch, 8], [8]]);
    const logits = tf.tidy(() => model.apply(params, tf.ones([2, grid.tokens, grid.patch])));
    assertEquals(logits.shape, [2, 10]);
    const { torch, shape } = model.torch!.torchvision.find(({ name }) => name === "patchEmbedding.weight")!;
    const [height, width, channels] = grid.patchShape;
    assertEquals([torch, shape], ["encoder.conv_proj.weight", [8, channels, height, width]]);
    logits.dispose();
    disposeParams(params);
  }
});

Deno.test("vit: the configuration builds the same model again", () => {
  const given = (config: object): VitOptions =>
    Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null));
  assertEquals(vit().config, {
    name: "vit",
    layers: 4,
    heads: 4,
    embed: 128,
    mlp: 256,
    dropout: 0,
    attentionDropout: 0,
    classToken: true,
    pooling: "token",
    code: null,
  });
  for (
    const options of [{}, { code: 9, dropout: 0.1, heads: 8 }, { classToken: false, exact: true }, {
      exact: false,
    }]
  ) {
    const { config } = vit(options);
    assertEquals(JSON.parse(JSON.stringify(config)), config);
    assertEquals(vit(given(config)).config, config);
  }
  assertEquals(vit({ exact: true }).config.exact, true);
  assert(!("exact" in vit({ exact: false }).config));
});

Deno.test("vit: what cannot be is refused in one line that says the mend", async () => {
  const refused = (options: VitOptions, text: string) =>
    assertThrows(() => vit(options), PolyphaseError, text);
  refused(
    { embed: 100, heads: 16 },
    "embed 100 and 16 heads, expected heads that divide it: set embed to 96",
  );
  refused({ embed: 4, heads: 16 }, "set embed to 16");
  refused({ layers: 0 }, "layers 0");
  refused({ mlp: 1.5 }, "mlp 1.5");
  refused({ code: -1 }, "code -1");
  refused({ heads: NaN }, "heads NaN");
  refused({ dropout: 1.1 }, "dropout 1.1, expected 0 to 1");
  refused({ attentionDropout: NaN }, "attentionDropout NaN");
  refused({ classToken: false, pooling: "token" }, "set classToken: true");
  refused(JSON.parse('{ "pooling": "max" }'), 'pooling "max", expected token or mean');
  await selectBackend("cpu");
  const { model, params, tokens } = drawn({});
  const turned = tf.reshape(tokens, [3, 16, 6]);
  assertThrows(() => model.apply(params, turned), PolyphaseError, "tokens [3,16,6], expected [batch, 6, 16]");
  tf.dispose([turned, tokens]);
  disposeParams(params);
});

Deno.test("vit: an empty batch has no logits, and gradients of 0", async () => {
  await selectBackend("wasm");
  const { model, params, tokens } = drawn({}, 0);
  const { logits, grads, dispose } = await valueAndGrads((each) => model.apply(each, tokens), params);
  assertEquals(logits.length, 0);
  for (const [name, grad] of flatten(grads)) {
    assert((await grad.data()).every((each) => each === 0), name);
  }
  dispose();
  tokens.dispose();
  disposeParams(params);
});
