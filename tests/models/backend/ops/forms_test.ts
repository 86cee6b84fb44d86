/**
 * The three forms of every op agree, values and gradients, on random shapes: fused with kernels of plain loops,
 * composed, and exact, on the CPU and the WASM backend. No form leaves a tensor behind.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { dropout } from "../../../../models/backend/ops/dropout.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { tf } from "../../../../models/backend/tf.ts";
import { keyOf } from "../../../../pipeline/random.ts";
import { type Drawn, type OpCase, opCases } from "./cases.ts";
import {
  referenceKernelNames,
  registerReferenceKernels,
  runs,
  unregisterReferenceKernels,
} from "./reference_kernels.ts";
import {
  assertSame,
  drawInputs,
  type Numbers,
  PLATFORMS,
  type Result,
  selectPlatform,
  valueAndGrads,
} from "./support.ts";

const RUNS = 25;
const TOLERANCE = 2e-5;

/** Draws the cases of an op: the same for every form. */
function sample({ drawn }: OpCase): { drawn: Drawn; inputs: Numbers[] }[] {
  return fc.sample(drawn, { numRuns: RUNS, seed: 20 }).map((each, index) => ({
    drawn: each,
    inputs: drawInputs(each.shapes, keyOf(index)),
  }));
}

const expected = new Map<string, Result[]>();

/** Values and gradients by the kernels of plain loops; ops without one give what TensorFlow.js's CPU kernels give. */
async function expectedOf(op: OpCase): Promise<Result[]> {
  if (!expected.has(op.name)) {
    await selectBackend("cpu");
    registerReferenceKernels();
    try {
      const results: Result[] = [];
      for (const { drawn, inputs } of sample(op)) results.push(await valueAndGrads(drawn, inputs, false));
      expected.set(op.name, results);
    } finally {
      unregisterReferenceKernels();
    }
  }
  return expected.get(op.name)!;
}

async function compare(op: OpCase, platform: typeof PLATFORMS[number], exact: boolean): Promise<void> {
  const results = await expectedOf(op);
  await selectPlatform(platform);
  const before = tf.memory().numTensors;
  for (const [index, { drawn, inputs }] of sample(op).entries()) {
    const label = `${op.name} ${drawn.label}`;
    assertSame(await valueAndGrads(drawn, inputs, exact), results[index], TOLERANCE, label);
    assertEquals(tf.memory().numTensors, before, `${label}: tensors left`);
  }
}

for (const op of opCases) {
  for (const backend of PLATFORMS) {
    Deno.test(`${op.name}: the fast form agrees with plain loops (${backend})`, async () => {
      await compare(op, backend, false);
    });
    Deno.test(`${op.name}: the exact form agrees with plain loops (${backend})`, async () => {
      await compare(op, backend, true);
    });
  }
}

Deno.test("fused kernels: each one that the contract names is run by some op, and leaves no tensor", async () => {
  await selectBackend("cpu");
  registerReferenceKernels();
  try {
    const before = tf.memory().numTensors;
    for (const op of opCases) {
      for (const { drawn, inputs } of sample(op).slice(0, 12)) await valueAndGrads(drawn, inputs, false);
    }
    assertEquals(tf.memory().numTensors, before);
    tf.tidy(() => void dropout(tf.ones([3]), 0.5, keyOf(0)));
    const unused = referenceKernelNames.filter((name) => !runs.has(name));
    assertEquals(unused, []);
    // The exact form must not touch them, but those that have derivatives of any order.
    const lasting = ["PolyphaseRoll", "PolyphasePhaseEnergies"];
    runs.clear();
    for (const op of opCases) {
      for (const { drawn, inputs } of sample(op).slice(0, 3)) await valueAndGrads(drawn, inputs, true);
    }
    assertEquals([...runs.keys()].filter((name) => !lasting.includes(name)), []);
  } finally {
    unregisterReferenceKernels();
  }
});
