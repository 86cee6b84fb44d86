/**
 * Positions of the vision transformer: their parameters and configurations, what they add to logits and to a step, and how
 * files of PyTorch's hold them.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { selectBackend } from "../../models/backend/select.ts";
import { attentionBias, attentionBiasPlan } from "../../models/layers/attention_bias.ts";
import type { Architecture, Model, Params } from "../../models/model.ts";
import { countParams, disposeParams, flatten, unflatten } from "../../models/params.ts";
import { patches2d } from "../../models/tokenizers/patches.ts";
import { loadTorch, saveTorch } from "../../models/torch_weights.ts";
import { vit, VIT_POSITIONS, type VitOptions } from "../../models/vit.ts";
import { vitAdaptive, type VitAdaptiveOptions } from "../../models/vit_adaptive.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { fingerprint } from "../../pipeline/json.ts";
import { keyOf } from "../../pipeline/random.ts";
import { registry } from "../../pipeline/registry.ts";
import { relativeError } from "../golden.ts";
import { bitsOf } from "../pipeline/fixtures.ts";
import { drawn } from "./vit_drawn.ts";

/** Options of every way, with and without a class token. */
const WAYS: readonly VitOptions[] = VIT_POSITIONS.flatMap((positions) =>
  [true, false].map((classToken) => ({ positions, classToken }))
);

function rebuilt(config: Architecture["config"]): Architecture {
  const unused = () => {
    throw new Error("a transformer has no parts of its own");
  };
  return registry.model.vit(JSON.parse(JSON.stringify(config)), unused) as Architecture;
}

Deno.test("vit positions: the configuration names them unless they are learned, and builds the same model", async () => {
  for (const options of WAYS) {
    const { config } = vit(options);
    assertEquals(config.positions, options.positions === "learned" ? undefined : options.positions);
    assertEquals("positions" in config, options.positions !== "learned");
    assertEquals(rebuilt(config).config, config);
  }
  // As it was before there was a choice.
  assertEquals(JSON.stringify(vit({ positions: "learned" }).config), JSON.stringify(vit().config));
  assertEquals(
    await fingerprint(vit({ layers: 2 }).config),
    await fingerprint(vit({ layers: 2, positions: "learned" }).config),
  );
  assertNotEquals(await fingerprint(vit({ positions: "none" }).config), await fingerprint(vit().config));
});

Deno.test("vit positions: the adaptive twin is a vit with circular positions and the mean of the tokens", () => {
  const twin = vitAdaptive({ embed: 64 });
  assertEquals(twin.config, vit({ embed: 64, positions: "circular", classToken: false }).config);
  assertEquals([twin.name, twin.config.pooling], ["vit", "mean"]);
  assertEquals(rebuilt(twin.config).config, twin.config);
  const token = vitAdaptive({ classToken: true, positions: "none" }).config;
  assertEquals([token.positions, token.pooling], ["none", "token"]);
  for (const positions of ["learned", "relative"]) {
    assertThrows(
      () => vitAdaptive(JSON.parse(`{ "positions": "${positions}" }`) as VitAdaptiveOptions),
      PolyphaseError,
      `positions "${positions}", which circular shifts do not commute with: choose circular`,
    );
  }
});

Deno.test("vit positions: what cannot be is refused in one line that says the mend", () => {
  assertThrows(
    () => vit(JSON.parse('{ "positions": "absolute" }')),
    PolyphaseError,
    'positions "absolute", expected learned, none, relative, circular, circular-convolution: choose one',
  );
  const grid = { shape: [2, 2, 2], tokens: 8, patch: 4, patchShape: [2, 2, 1] as const };
  for (const positions of ["relative", "circular", "circular-convolution"] as const) {
    assertThrows(
      () => vit({ positions }).build({ grid, classes: 2 }),
      PolyphaseError,
      "a grid [2,2,2] of tokens, expected rows and columns, or one axis: set positions to learned or none",
    );
  }
  vit({ positions: "none" }).build({ grid, classes: 2 });
});

Deno.test("vit positions: parameters are a table for each block and head, a filter, or none, drawn by key", async () => {
  await selectBackend("cpu");
  // A grid of 2 by 3 tokens, two blocks, two heads, embed 8.
  const shapes = (positions: VitOptions["positions"], classToken: boolean) => {
    const { model, params, tokens } = drawn({ positions, classToken });
    const seen = flatten(params).filter(([name]) => name.includes("osition")).map(([name, { shape }]) => [
      name,
      shape,
    ]);
    const count = countParams(params, model);
    disposeParams(params);
    tokens.dispose();
    return { seen, count };
  };
  const none = [shapes("none", false).count, shapes("none", true).count];
  assertEquals(none[1] - none[0], 8);
  for (const classToken of [false, true]) {
    const tables = (entries: number) =>
      [0, 1].flatMap((block) => [
        [`blocks.${block}.positions.table`, [entries, 2]],
        ...classToken ? [[`blocks.${block}.positions.classToken`, [2, 2]]] : [],
      ]);
    const extra = classToken ? 8 : 0;
    const first = Number(classToken);
    for (
      const [positions, seen, count] of [
        ["none", [], 0],
        ["learned", [["positions", [6 + first, 8]]], (6 + first) * 8],
        ["relative", tables(15), 2 * 15 * 2 + extra],
        ["circular", tables(6), 2 * 6 * 2 + extra],
        ["circular-convolution", [["positionConvolution.weight", [3, 3, 1, 8]], ["positionConvolution.bias", [
          8,
        ]]], 80],
      ] as const
    ) {
      const found = shapes(positions, classToken);
      assertEquals(found.seen, seen.map((each) => [...each]));
      assertEquals(found.count - none[first], count, positions);
    }
  }
  const model = vit({ positions: "circular", layers: 2 })
    .build({ grid: patches2d({ size: 4 }).grid({ height: 8, width: 8, channels: 1 }), classes: 2 });
  const [params, same, other] = [1, 1, 2].map((seed) => model.init(keyOf(seed)));
  assertEquals(await bitsOf(same), await bitsOf(params));
  assertNotEquals(await bitsOf(other), await bitsOf(params));
  const tables = flatten(params).filter(([name]) => name.endsWith(".table"));
  const [first, second] = await Promise.all(tables.map(([, leaf]) => leaf.data()));
  assertNotEquals(first, second);
  [params, same, other].forEach(disposeParams);
});

/** Logits and the gradients of the sum of their squares, by name. */
async function worked(
  model: Model,
  params: Params,
  tokens: Tensor,
  collect?: () => void,
): Promise<Map<string, Float32Array>> {
  const leaves = flatten(params);
  const made = tf.tidy(() => {
    const loss = (...each: Tensor[]) => {
      const tree = unflatten(each.map((leaf, index) => [leaves[index][0], leaf]));
      return tf.sum(tf.square(model.apply(tree, tokens, { collect })));
    };
    return [model.apply(params, tokens, { collect }), ...tf.grads(loss)(leaves.map(([, leaf]) => leaf))];
  });
  const names = ["logits", ...leaves.map(([name]) => name)];
  const values = new Map(
    await Promise.all(made.map(async (each, at) => [names[at], await each.data<"float32">()] as const)),
  );
  tf.dispose(made);
  return values;
}

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`vit positions: fast and exact ops, and one token or all to the end, agree (${backend})`, async () => {
    await selectBackend(backend);
    const before = tf.memory().numTensors;
    for (const options of WAYS) {
      const { model, params, tokens } = drawn({ ...options, exact: true });
      const expected = await worked(model, params, tokens, () => {});
      for (const collect of [undefined, () => {}]) {
        const fast = drawn(options);
        const found = await worked(fast.model, params, tokens, collect);
        const scale = Math.max(...[...expected.values()].flatMap((list) => [...list].map(Math.abs)));
        for (const [name, values] of found) {
          const error = Math.max(...values.map((each, at) => Math.abs(each - expected.get(name)![at])));
          assert(error / scale < 1e-5, `${JSON.stringify(options)}, ${name}: ${error / scale}`);
          // Of the last block a class token at the head sees its own look alone, which no difference of places is in.
          const isUnused = name === "blocks.1.positions.table" && options.classToken;
          assertEquals(values.some((each) => each !== 0), !isUnused, `${JSON.stringify(options)}, ${name}`);
        }
        fast.tokens.dispose();
        disposeParams(fast.params);
      }
      tokens.dispose();
      disposeParams(params);
    }
    assertEquals(tf.memory().numTensors, before);
  });
}

Deno.test("vit positions: a table is added to the scores of its block, with probabilities dropped too", async () => {
  await selectBackend("wasm");
  const before = tf.memory().numTensors;
  for (const positions of ["relative", "circular"] as const) {
    for (const classToken of [false, true]) {
      const options = { positions, classToken, layers: 1 };
      const { model, params, tokens } = drawn(options);
      // So rarely that it happens to none of these: the way that drops is the same function.
      const dropping = drawn({ ...options, attentionDropout: 1e-9 });
      const plan = attentionBiasPlan(positions, { rows: 2, columns: 3, classToken });
      const none = drawn({ ...options, positions: "none" });
      const [logits, dropped, byHand, without] = tf.tidy(() => {
        const attention = (params.blocks as Record<string, Params>)[0];
        const bias = attentionBias(attention.positions as { table: Tensor; classToken?: Tensor }, plan);
        return [
          model.apply(params, tokens),
          dropping.model.apply(params, tokens, { training: true, key: keyOf(1) }),
          plainTransformer(params, tokens, bias, classToken),
          none.model.apply(params, tokens),
        ];
      });
      const expected = await byHand.data();
      assert(relativeError(await logits.data(), expected) < 1e-5);
      assert(relativeError(await dropped.data(), expected) < 1e-5);
      assert(relativeError(await without.data(), expected) > 1e-3);
      tf.dispose([logits, dropped, byHand, without]);
      for (const each of [{ params, tokens }, dropping, none]) {
        disposeParams(each.params);
        each.tokens.dispose();
      }
    }
  }
  assertEquals(tf.memory().numTensors, before);
});

/** A transformer of one block and two heads of plain operations, with a bias of attention. */
function plainTransformer(params: Params, tokens: Tensor, bias: Tensor, classToken: boolean): Tensor {
  const leaf = new Map(flatten(params));
  const affine = (name: string, x: Tensor) => {
    const [rows, weight] = [tf.reshape(x, [-1, x.shape.at(-1)!]), leaf.get(`${name}.weight`)!];
    const y = tf.add(tf.matMul(rows, weight), leaf.get(`${name}.bias`)!);
    return tf.reshape(y, [...x.shape.slice(0, -1), weight.shape[1]!]);
  };
  const norm = (name: string, x: Tensor) => {
    const { mean, variance } = tf.moments(x, -1, true);
    const normal = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-6)));
    return tf.add(tf.mul(normal, leaf.get(`${name}.weight`)!), leaf.get(`${name}.bias`)!);
  };
  const gelu = (x: Tensor) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.div(x, Math.SQRT2)), 1));
  const patches = affine("patchEmbedding", tokens);
  const lone = () => tf.tile(tf.reshape(leaf.get("classToken")!, [1, 1, 8]), [tokens.shape[0], 1, 1]);
  const x = classToken ? tf.concat([lone(), patches], 1) : patches;
  const packed = affine("blocks.0.attention.qkv", norm("blocks.0.norm1", x));
  const heads = [0, 1].map((head) => {
    const [q, k, v] = [0, 1, 2].map((part) => tf.slice(packed, [0, 0, part * 8 + head * 4], [-1, -1, 4]));
    const scores = tf.add(tf.div(tf.matMul(q, k, false, true), 2), tf.slice(bias, [head, 0, 0], [1, -1, -1]));
    return tf.matMul(tf.softmax(scores), v);
  });
  const attended = tf.add(x, affine("blocks.0.attention.proj", tf.concat(heads, 2)));
  const hidden = gelu(affine("blocks.0.mlp.fc1", norm("blocks.0.norm2", attended)));
  const last = tf.add(attended, affine("blocks.0.mlp.fc2", hidden));
  const pooled = classToken ? tf.squeeze(tf.slice(last, [0, 0, 0], [-1, 1, -1]), [1]) : tf.mean(last, 1);
  return affine("head", norm("norm", pooled));
}

Deno.test("vit positions: files of PyTorch's hold what these know, and come back to the bit", async () => {
  await selectBackend("cpu");
  const names = (options: VitOptions) => {
    const { model, params, tokens } = drawn(options);
    disposeParams(params);
    tokens.dispose();
    return Object.keys(model.torch ?? {});
  };
  assertEquals(names({}), ["torchvision", "timm"]);
  assertEquals(names({ positions: "none" }), ["timm"]);
  assertEquals(names({ positions: "relative", classToken: false }), ["timm"]);
  assertEquals(names({ positions: "relative" }), []);
  assertEquals(names({ positions: "circular", classToken: false }), []);
  assertEquals(names({ positions: "circular-convolution" }), []);
  for (const options of [{ positions: "none" }, { positions: "relative", classToken: false }] as const) {
    const { model, params, tokens } = drawn(options);
    const entries = model.torch!.timm;
    assert(!entries.some(({ torch }) => torch === "pos_embed"));
    const table = entries.find(({ torch }) => torch === "blocks.1.attn.rel_pos.relative_position_bias_table");
    assertEquals(table?.shape, options.positions === "relative" ? [15, 2] : undefined);
    const back = loadTorch(model, await saveTorch(model, params), "own.safetensors");
    assertEquals(await bitsOf(back), await bitsOf(params));
    [params, back].forEach(disposeParams);
    tokens.dispose();
  }
});

Deno.test("vit positions: multiplyAdds count the filter, and biases cost none", () => {
  const shape = { grid: patches2d({ size: 4 }).grid({ height: 8, width: 12, channels: 1 }), classes: 4 };
  const count = (positions: VitOptions["positions"]) =>
    vit({ embed: 8, positions }).build(shape).multiplyAdds!;
  assertEquals(count("circular-convolution") - count("learned"), 6 * 8 * 9);
  for (const positions of ["none", "relative", "circular"] as const) {
    assertEquals(count(positions), count("learned"));
  }
});
