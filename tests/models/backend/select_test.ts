/**
 * Choosing a backend: what starts without a permission, what it says of itself, and how a failure reads.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { BACKENDS, selectBackend, tensorEngine } from "../../../models/backend/select.ts";
import { areKernelsInstalled } from "../../../models/backend/kernels/install.ts";
import { tf, TF_VERSION } from "../../../models/backend/tf.ts";
import { PolyphaseError } from "../../../pipeline/errors.ts";
import { permitted } from "../../support.ts";

Deno.test({
  name: "selectBackend: wasm starts, with no permission at all, and says what it runs on",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const plain = { name: "wasm", description: "WASM-SIMD on one CPU core" } as const;
    assertEquals(await selectBackend("wasm", { kernels: false }), plain);
    assert(!areKernelsInstalled());
    const { name, description } = await selectBackend("wasm");
    assertEquals(name, "wasm");
    assertMatch(description, /^WASM-SIMD on one CPU core with our kernels( in relaxed SIMD)?$/);
    assert(areKernelsInstalled());
    assertEquals(tf.getBackend(), "wasm");
    const [a, b] = [tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[1, 0], [0, 2]])];
    const product = tf.matMul(a, b);
    assertEquals([...await product.data()], [1, 4, 3, 8]);
    tf.dispose([a, b, product]);
  },
});

Deno.test("selectBackend: cpu says what it runs on and prints nothing", async () => {
  const said: string[] = [];
  const { log, warn, error } = console;
  console.log = console.warn = console.error = (...words: unknown[]) => said.push(words.join(" "));
  try {
    assertEquals(await selectBackend("cpu"), {
      name: "cpu",
      description: "plain JavaScript on one CPU core",
    });
    const [a, b] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 4])];
    const sum = tf.add(a, b);
    assertEquals([...await sum.data()], [4, 6]);
    tf.dispose([a, b, sum]);
  } finally {
    Object.assign(console, { log, warn, error });
  }
  assertEquals(said, []);
});

Deno.test("selectBackend: can be changed and chosen again, and tensors move along", async () => {
  await selectBackend("cpu");
  const values = tf.tensor1d([1, 2, 3]);
  for (const name of ["wasm", "cpu", "wasm", "wasm"] as const) {
    assertEquals((await selectBackend(name)).name, name);
    assertEquals(tf.getBackend(), name);
    const doubled = tf.mul(values, 2);
    assertEquals([...await doubled.data()], [2, 4, 6]);
    doubled.dispose();
  }
  values.dispose();
});

Deno.test("selectBackend: a backend that does not start fails in one line with the mend", async () => {
  await selectBackend("cpu");
  const { warn, error } = console;
  const works = tf.findBackendFactory("wasm");
  const reasons: [fails: () => Promise<never>, says: string][] = [
    [() => Promise.reject(new Error("no binary\nand more lines")), "no binary"],
    [() => {
      throw new Error("no memory");
    }, "no memory"],
  ];
  try {
    for (const [fails, says] of reasons) {
      tf.removeBackend("wasm");
      tf.registerBackend("wasm", fails, 2);
      const { message } = await assertRejects(() => selectBackend("wasm"), PolyphaseError, says);
      // TensorFlow.js itself answers `false` and goes on with what it had.
      assertMatch(message, /^Backend "wasm" does not start here \([^\n]+\): allow reading with [^\n]+$/);
      assertEquals([console.warn === warn, console.error === error], [true, true]);
    }
  } finally {
    tf.removeBackend("wasm");
    tf.registerBackend("wasm", works, 2);
  }
  assertEquals((await selectBackend("wasm")).name, "wasm");
});

Deno.test("tensorEngine: names the version that is pinned", () => {
  assertEquals(tensorEngine.tfjs, "4.22.0");
  assertMatch(tensorEngine.kernels, /^[0-9a-f]{12}$/);
  assertEquals(TF_VERSION, "4.22.0");
  assertEquals(BACKENDS, ["wasm", "webgpu", "cpu"]);
});

/** What a product came to, beside what it should be. */
interface Finding {
  readonly seen: number[];
  readonly right: number[];
}

/** What the worker finds, or the message it fails with. */
async function askWorker(fault: string): Promise<Finding | string> {
  const worker = new Worker(new URL("./wasm_fault_worker.ts", import.meta.url), {
    type: "module",
    name: fault,
  });
  try {
    return await new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        resolve(event.message);
      };
    });
  } finally {
    worker.terminate();
  }
}

// The day that one of these fails, TensorFlow.js is mended, and a product of our own is no longer needed for this.
for (const fault of ["reshape", "outer-product"]) {
  Deno.test({
    name:
      `fault of TensorFlow.js: matMul on plain WASM is wrong when its right operand was used in another shape, ${fault} (needs --allow-read)`,
    ignore: !permitted({ name: "read" }),
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      const found = await askWorker(fault);
      if (typeof found === "string") return assertMatch(found, /memory access out of bounds/);
      const { seen, right } = found;
      assertEquals(seen.length, right.length);
      assert(seen.some((value, place) => Math.abs(value - right[place]) > 1e-3), `${seen} is right`);
    },
  });
}
