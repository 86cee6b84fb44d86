/**
 * Optimizers: PyTorch's trajectories on a quadratic, step by step, and that they leave their input alone.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { adam } from "../../../models/optimizers/adam.ts";
import { adamW } from "../../../models/optimizers/adamw.ts";
import { constant } from "../../../models/optimizers/constant.ts";
import { cosineAnnealing } from "../../../models/optimizers/cosine_annealing.ts";
import type { Optimizer } from "../../../models/optimizers/optimizer.ts";
import type { Schedule } from "../../../models/optimizers/schedule.ts";
import { sgd } from "../../../models/optimizers/sgd.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { floats, type GoldenArray, relativeError } from "../../golden.ts";
import golden from "../../golden/optimizers.json" with { type: "json" };

/** A trajectory of PyTorch's, and what takes it here. */
interface Case {
  readonly name: string;
  readonly optimizer: Optimizer;
  readonly golden: { readonly x: GoldenArray; readonly lr: readonly number[] };
  /** What the learning rate follows. Default: it stays. */
  readonly schedule?: Schedule;
}

const CASES: readonly Case[] = [
  { name: "sgd_0.1", optimizer: sgd({ learningRate: 0.1 }), golden: golden["sgd_0.1"] },
  {
    name: "sgd_0.05_momentum_0.9_nesterov_wd_1e-2",
    optimizer: sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-2 }),
    golden: golden["sgd_0.05_momentum_0.9_nesterov_wd_1e-2"],
  },
  { name: "adam_0.1", optimizer: adam({ learningRate: 0.1 }), golden: golden["adam_0.1"] },
  {
    name: "adamw_0.1_wd_0.01",
    optimizer: adamW({ learningRate: 0.1 }),
    golden: golden["adamw_0.1_wd_0.01"],
  },
  {
    name: "adamw_0.1_wd_0.3",
    optimizer: adamW({ learningRate: 0.1, weightDecay: 0.3 }),
    golden: golden["adamw_0.1_wd_0.3"],
  },
  {
    name: "adamw_0.1_cosine_T20",
    optimizer: adamW({ learningRate: 0.1 }),
    golden: golden["adamw_0.1_cosine_T20"],
    schedule: cosineAnnealing(),
  },
];

/** What runs the optimizers: ours fused into one call, or composed of the ops of a backend. */
const WAYS = [
  { way: "wasm, fused", backend: "wasm", kernels: true },
  { way: "wasm, composed", backend: "wasm", kernels: false },
  { way: "cpu", backend: "cpu", kernels: false },
] as const;

const STRICT = { sanitizeOps: true, sanitizeResources: true };

/** Twenty steps on `0.5 xᵀAx - bᵀx`; every point on the way, `[20, 6]`. */
async function descend({ optimizer, schedule = constant(), golden: { lr } }: Case): Promise<Float32Array> {
  const [a, b] = [tf.tensor2d(floats(golden.A), [6, 6]), tf.tensor2d(floats(golden.b), [6, 1])];
  const energy = (x: Tensor) =>
    tf.sub(tf.mul(0.5, tf.sum(tf.mul(x, tf.matMul(a, x)))), tf.sum(tf.mul(b, x))) as Tensor;
  const slope = tf.grad(energy);
  let x: Tensor = tf.tensor2d(floats(golden.x0), [6, 1]);
  let state = optimizer.init([x]);
  const path = new Float32Array(120);
  for (let step = 0; step < 20; step++) {
    const gradient = slope(x);
    const rate = schedule.factor(step, 20);
    assertAlmostEquals(Number(optimizer.config.learningRate) * rate, lr[step], 1e-12);
    const updated = optimizer.update([x], [gradient], state, rate);
    tf.dispose([x, gradient, ...Object.values(state.slots).flat()]);
    [x] = updated.params;
    state = updated.state;
    assertEquals(state.step, step + 1);
    path.set(await x.data() as Float32Array, step * 6);
  }
  tf.dispose([a, b, x, ...Object.values(state.slots).flat()]);
  return path;
}

for (const { way, backend, kernels } of WAYS) {
  for (const each of CASES) {
    Deno.test(`${each.name}: takes PyTorch's steps (${way})`, STRICT, async () => {
      await selectBackend(backend, { kernels });
      const before = tf.memory().numTensors;
      const expected = floats(each.golden.x);
      const path = await descend(each);
      for (let step = 0; step < 20; step++) {
        const [from, to] = [step * 6, step * 6 + 6];
        const error = relativeError(path.subarray(from, to), expected.subarray(from, to));
        assert(error < 1e-5, `step ${step + 1}: relative error ${error}`);
      }
      assertEquals(tf.memory().numTensors, before);
    });
  }

  Deno.test(`adamw: the first step for a gradient of 1 is η (1 + λ w) long (${way})`, STRICT, async () => {
    await selectBackend(backend, { kernels });
    const weights = [0, 1, -2, 0.5, 3];
    const [moved] = await step(adamW({ learningRate: 0.01, weightDecay: 0.1 }), [weights], [[1, 1, 1, 1, 1]]);
    weights.forEach((w, at) => assertAlmostEquals(w - moved[at], 0.01 * (1 + 0.1 * w), 1e-6));
  });

  Deno.test(`adamw: decay can leave out parameters with fewer than two axes (${way})`, STRICT, async () => {
    await selectBackend(backend, { kernels });
    const settings = { learningRate: 0.1, weightDecay: 0.5 };
    const before = tf.memory().numTensors;
    for (const decayVectors of [true, false]) {
      const optimizer = adamW({ ...settings, decayVectors });
      // Without a gradient the decay is all that moves anything.
      const params: Tensor[] = [tf.scalar(4), tf.tensor1d([4, -8]), tf.tensor2d([[4, -8]])];
      const gradients = params.map((each) => tf.zerosLike(each));
      const state = optimizer.init(params);
      const { params: moved, state: next } = optimizer.update(params, gradients, state);
      const numbers = await Promise.all(moved.map((each) => each.data()));
      const kept = decayVectors ? 0.95 : 1;
      [[4 * kept], [4 * kept, -8 * kept], [4 * 0.95, -8 * 0.95]].forEach((list, index) =>
        list.forEach((value, at) => assertAlmostEquals(numbers[index][at], value, 1e-6))
      );
      tf.dispose(
        [params, gradients, moved, ...Object.values(state.slots), ...Object.values(next.slots)].flat(),
      );
    }
    assertEquals(tf.memory().numTensors, before);
  });

  Deno.test(`adam: weight decay is added to the gradient (${way})`, STRICT, async () => {
    await selectBackend(backend, { kernels });
    const [weights, gradient] = [[1, -2, 0.5, 3, 0], [0.3, 0.1, -0.7, 0, 1]];
    const decayed = await step(adam({ learningRate: 0.1, weightDecay: 0.2 }), [weights], [gradient], 3);
    // The same, written out in double precision.
    const [w, m, v] = [[...weights], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]];
    for (let t = 1; t <= 3; t++) {
      w.forEach((_, at) => {
        const g = gradient[at] + 0.2 * w[at];
        m[at] = 0.9 * m[at] + 0.1 * g;
        v[at] = 0.999 * v[at] + 0.001 * g * g;
        w[at] -= 0.1 * m[at] / (1 - 0.9 ** t) / (Math.sqrt(v[at] / (1 - 0.999 ** t)) + 1e-8);
      });
    }
    w.forEach((value, at) => assertAlmostEquals(decayed[0][at], value, 2e-6));
    const plain = await step(adam({ learningRate: 0.1 }), [weights], [gradient], 3);
    assert(Math.abs(decayed[0][1] - plain[0][1]) > 0.1);
  });

  Deno.test(`optimizers: the factor of a schedule is one of the learning rate (${way})`, STRICT, async () => {
    await selectBackend(backend, { kernels });
    const [weights, gradients] = [[[1, -2, 3], [0.5]], [[0.3, 0.1, -0.7], [2]]];
    const build = [
      (learningRate: number) => sgd({ learningRate, weightDecay: 0.1 }),
      (learningRate: number) => sgd({ learningRate, momentum: 0.9, nesterov: true }),
      (learningRate: number) => adam({ learningRate, weightDecay: 0.1 }),
      (learningRate: number) => adamW({ learningRate, weightDecay: 0.1 }),
      (learningRate: number) => adamW({ learningRate, weightDecay: 0.1, decayVectors: false }),
    ];
    for (const make of build) {
      const quarter = await step(make(0.5), weights, gradients, 2, 0.25);
      assertEquals(quarter, await step(make(0.125), weights, gradients, 2));
      assertEquals(
        await step(make(0.5), weights, gradients, 2, 0),
        weights.map((list) => list.map(Math.fround)),
      );
      assertNotEquals(quarter, await step(make(0.5), weights, gradients, 2));
    }
  });
}

/** Parameters after some steps along the same gradients; nothing is left behind. */
async function step(
  optimizer: Optimizer,
  weights: readonly (readonly number[])[],
  gradients: readonly (readonly number[])[],
  steps = 1,
  rate?: number,
): Promise<number[][]> {
  const before = tf.memory().numTensors;
  let params: Tensor[] = weights.map((list) => tf.tensor1d([...list]));
  const slopes = gradients.map((list) => tf.tensor1d([...list]));
  let state = optimizer.init(params);
  for (let done = 0; done < steps; done++) {
    const updated = optimizer.update(params, slopes, state, rate);
    tf.dispose([...params, ...Object.values(state.slots).flat()]);
    ({ params, state } = updated);
  }
  const numbers = await Promise.all(params.map(async (each) => [...await each.data()]));
  tf.dispose([...params, ...slopes, ...Object.values(state.slots).flat()]);
  assertEquals(tf.memory().numTensors, before);
  return numbers;
}

Deno.test("optimizers: keep parameters, gradients and state, and make only new tensors", async () => {
  await selectBackend("cpu");
  for (
    const optimizer of [...CASES.map((each) => each.optimizer), sgd({ learningRate: 0.1, momentum: 0.9 })]
  ) {
    const params = [tf.tensor1d([1, 2]), tf.tensor2d([[3], [4]])];
    const gradients = [tf.tensor1d([0.5, -1]), tf.tensor2d([[2], [-2]])];
    const state = optimizer.init(params);
    const slots = Object.values(state.slots).flat();
    assertEquals(slots.length % 2, 0);
    const { params: moved, state: next } = tf.tidy(() => {
      // The type of a container, which `tidy` asks for, has no room for the step.
      const { params: p, state: s } = optimizer.update(params, gradients, state);
      return { params: p, state: s } as unknown as { params: Tensor[]; state: typeof state } & Tensor;
    });
    assertEquals(state.step, 0);
    assertEquals([...await params[0].data(), ...await params[1].data()], [1, 2, 3, 4]);
    assertEquals([...await gradients[0].data()], [0.5, -1]);
    for (const slot of slots) assertEquals([...await slot.data()], [0, 0]);
    assertEquals(moved.map(({ shape }) => shape), [[2], [2, 1]]);
    assert((await moved[0].data())[0] < 1 && (await moved[0].data())[1] > 2);
    tf.dispose([params, gradients, slots, moved, Object.values(next.slots).flat()]);
  }
});

Deno.test("optimizers: configurations hold the name and every setting, defaults included", () => {
  assertEquals(sgd({ learningRate: 0.1 }).config, {
    name: "sgd",
    learningRate: 0.1,
    momentum: 0,
    nesterov: false,
    weightDecay: 0,
  });
  const moments = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  // Decay is in the configuration of adam only if there is some: runs from before it could be set keep their ids.
  assertEquals(adam().config, { name: "adam", ...moments });
  assertEquals(adam({ weightDecay: 0.1 }).config, { name: "adam", ...moments, weightDecay: 0.1 });
  assertEquals(adamW().config, { name: "adamw", ...moments, weightDecay: 0.01, decayVectors: true });
  assertEquals(adamW(adamW({ weightDecay: 0, decayVectors: false }).config).config, {
    name: "adamw",
    ...moments,
    weightDecay: 0,
    decayVectors: false,
  });
});

Deno.test("optimizers: settings out of range are refused in one line that names them", () => {
  const refused = (make: () => unknown, message: string) => assertThrows(make, PolyphaseError, message);
  refused(
    () => sgd({ learningRate: -1 }),
    "sgd: learningRate is -1, expected a finite number from 0: change it",
  );
  refused(() => sgd({ learningRate: NaN }), "sgd: learningRate is NaN");
  refused(
    () => sgd({ learningRate: 1, momentum: 1 }),
    "sgd: momentum is 1, expected a finite number from 0 below 1",
  );
  refused(() => sgd({ learningRate: 1, weightDecay: -0.1 }), "sgd: weightDecay is -0.1");
  refused(() => sgd({ learningRate: 1, nesterov: true }), "sgd: nesterov is set and momentum is 0");
  for (const make of [adam, adamW]) {
    for (const setting of ["learningRate", "epsilon", "weightDecay", "beta1", "beta2"]) {
      refused(() => make({ [setting]: -0.5 }), `: ${setting} is -0.5, expected a finite number from 0`);
    }
    refused(() => make({ beta1: 1 }), "beta1 is 1, expected a finite number from 0 below 1: change it");
    refused(() => make({ beta2: 1.5 }), "beta2 is 1.5");
    refused(() => make({ learningRate: Infinity }), "learningRate is Infinity");
  }
});
