import { assert, assertEquals } from "@std/assert";
import { selectBackend } from "../../models/backend/select.ts";
import { type Tensor, tf } from "../../models/backend/tf.ts";
import { crossEntropy } from "../../models/losses.ts";
import { flatten, unflatten } from "../../models/params.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { adaptive } from "../../models/tokenizers/adaptive.ts";
import { energyPlan, energyWeights, polyphaseEnergies } from "../../models/tokenizers/polyphase_energy.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { oneHot } from "../../pipeline/evaluate.ts";
import { keyOf } from "../../pipeline/random.ts";
import { floats, type GoldenArray, integers, relativeError } from "../golden.ts";
import golden from "../golden/notebook_classifier.json" with { type: "json" };

/** PyTorch keeps weights as [out, in]. */
function transposed(array: GoldenArray): Tensor {
  const tensor = tf.tensor(floats(array), array.shape);
  return array.shape.length === 1 ? tensor : tf.transpose(tensor);
}

const NAMES = {
  "embedding.weight": "emb.weight",
  "embedding.bias": "emb.bias",
  "fc1.weight": "fc1.weight",
  "fc1.bias": "fc1.bias",
  "fc2.weight": "fc2.weight",
  "fc2.bias": "fc2.bias",
} as const;

const model = tokenMeanMlp({ embed: 8, hidden: 16 }).build({
  grid: { shape: [49], tokens: 49, patch: 4, patchShape: [1, 4, 1] },
  classes: 10,
});

function images() {
  const pixels = Uint8Array.from(floats(golden.x), (value) => Math.round(value * 255));
  return { count: 4, height: 14, width: 14, channels: 1, pixels };
}

function embedding() {
  // The golden weight is [embed, patch].
  const weight = floats(golden.weights["emb.weight"]);
  const turned = Float32Array.from(
    { length: 32 },
    (_, index) => weight[(index % 8) * 4 + Math.floor(index / 8)],
  );
  return { weight: turned, bias: floats(golden.weights["emb.bias"]) };
}

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`token-mean-mlp: logits and gradients are PyTorch's on ${backend}`, async () => {
    await selectBackend(backend);
    const leaves = Object.entries(NAMES).map(([name, theirs]) =>
      [name, transposed(golden.weights[theirs])] as const
    );
    const tokens = tf.tensor(floats(golden.x), [4, 49, 4]);
    const labels = tf.tensor2d(oneHot(Uint8Array.from(integers(golden.labels)), 10), [4, 10]);
    const logits = model.apply(unflatten(leaves), tokens);
    assert(relativeError(await logits.data(), floats(golden.logits)) < 1e-4);
    const { value, grads } = tf.valueAndGrads((...params: Tensor[]) => {
      const tree = unflatten(params.map((param, index) => [leaves[index][0], param]));
      return crossEntropy().apply(model.apply(tree, tokens), labels).asScalar();
    })(leaves.map(([, leaf]) => leaf));
    assert(Math.abs((await value.data())[0] / golden.loss - 1) < 1e-4);
    for (const [index, theirs] of Object.values(NAMES).entries()) {
      const expected = await transposed(golden.gradients[theirs]).data();
      assert(relativeError(await grads[index].data(), expected) < 1e-4, `gradient of ${theirs}`);
    }
    tf.disposeVariables();
  });
}

Deno.test("token-mean-mlp: the mean of the collected embedding is what the head sees", async () => {
  await selectBackend("cpu");
  const seen = new Map<string, Tensor>();
  const params = model.init(keyOf(1));
  model.apply(params, tf.tensor(floats(golden.x), [4, 49, 4]), {
    collect: (name, value) => seen.set(name, value),
  });
  assertEquals([...seen].map(([name, { shape }]) => [name, shape]), [
    ["embedding", [4, 49, 8]],
    ["tokens", [4, 49]],
    ["hidden", [4, 16]],
    ["code", [4, 16]],
  ]);
  const means = await tf.mean(seen.get("embedding")!, 2).data();
  assert(relativeError(await seen.get("tokens")!.data(), means) < 1e-5);
});

Deno.test("token-mean-mlp: the same key gives the same bits, another key others", async () => {
  await selectBackend("cpu");
  const bits = async (seed: number) =>
    await Promise.all(
      flatten(model.init(keyOf(seed))).map(async ([, leaf]) => Array.from(await leaf.data())),
    );
  assertEquals(await bits(3), await bits(3));
  assert(JSON.stringify(await bits(3)) !== JSON.stringify(await bits(4)));
});

Deno.test("polyphase energies are PyTorch's at all 196 rolls, with period 4", () => {
  const patches = patches1d({ size: 4 });
  const energies = polyphaseEnergies(
    images(),
    energyPlan(patches.lattice(images())),
    energyWeights(embedding(), 4),
  );
  const expected = floats(golden.roll_energy_l2);
  const rolls = expected.length / 4;
  assertEquals(rolls, 196);
  const actual = Float64Array.from(
    { length: 4 * rolls },
    (_, index) => Math.sqrt(energies[Math.floor(index / rolls) * 4 + (index % rolls) % 4]),
  );
  assert(relativeError(actual, expected) < 1e-6);
});

Deno.test("adaptive tokenization chooses the polyphase that PyTorch finds", () => {
  const { offsets } = adaptive(patches1d({ size: 4 })).tokenize(images(), { embedding: embedding() });
  assertEquals(offsets, Array.from(integers(golden.best_polyphase), (dx) => ({ dy: 0, dx })));
});
