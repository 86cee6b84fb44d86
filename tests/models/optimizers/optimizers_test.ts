/**
 * Optimizers: PyTorch's trajectories on a quadratic, step by step, and that they leave their input alone.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { selectBackend } from "../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../models/backend/tf.ts";
import { adam } from "../../../models/optimizers/adam.ts";
import type { Optimizer } from "../../../models/optimizers/optimizer.ts";
import { sgd } from "../../../models/optimizers/sgd.ts";
import { floats, type GoldenArray, relativeError } from "../../golden.ts";
import golden from "../../golden/optimizers.json" with { type: "json" };

const CASES: readonly [name: string, optimizer: Optimizer, trajectory: { readonly x: GoldenArray }][] = [
  ["sgd_0.1", sgd({ learningRate: 0.1 }), golden["sgd_0.1"]],
  [
    "sgd_0.05_momentum_0.9_nesterov_wd_1e-2",
    sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-2 }),
    golden["sgd_0.05_momentum_0.9_nesterov_wd_1e-2"],
  ],
  ["adam_0.1", adam({ learningRate: 0.1 }), golden["adam_0.1"]],
];

/** Twenty steps on `0.5 xᵀAx - bᵀx`; every point on the way, `[20, 6]`. */
async function descend(optimizer: Optimizer): Promise<Float32Array> {
  const [a, b] = [tf.tensor2d(floats(golden.A), [6, 6]), tf.tensor2d(floats(golden.b), [6, 1])];
  const energy = (x: Tensor) =>
    tf.sub(tf.mul(0.5, tf.sum(tf.mul(x, tf.matMul(a, x)))), tf.sum(tf.mul(b, x))) as Tensor;
  const slope = tf.grad(energy);
  let x: Tensor = tf.tensor2d(floats(golden.x0), [6, 1]);
  let state = optimizer.init([x]);
  const path = new Float32Array(120);
  for (let step = 0; step < 20; step++) {
    const gradient = slope(x);
    const updated = optimizer.update([x], [gradient], state);
    tf.dispose([x, gradient, ...Object.values(state.slots).flat()]);
    [x] = updated.params;
    state = updated.state;
    assertEquals(state.step, step + 1);
    path.set(await x.data() as Float32Array, step * 6);
  }
  tf.dispose([a, b, x, ...Object.values(state.slots).flat()]);
  return path;
}

for (const backend of ["cpu", "wasm"] as const) {
  for (const [name, optimizer, trajectory] of CASES) {
    Deno.test({
      name: `${name}: takes PyTorch's steps on ${backend}`,
      sanitizeOps: true,
      sanitizeResources: true,
      async fn() {
        await selectBackend(backend);
        const expected = floats(trajectory.x);
        const path = await descend(optimizer);
        for (let step = 0; step < 20; step++) {
          const error = relativeError(
            path.subarray(step * 6, step * 6 + 6),
            expected.subarray(step * 6, step * 6 + 6),
          );
          assert(error < 1e-5, `step ${step + 1}: relative error ${error}`);
        }
      },
    });
  }
}

Deno.test("optimizers: keep parameters, gradients and state, and make only new tensors", async () => {
  await selectBackend("cpu");
  for (const optimizer of [...CASES.map(([, each]) => each), sgd({ learningRate: 0.1, momentum: 0.9 })]) {
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
  assertEquals(adam().config, { name: "adam", learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
});
