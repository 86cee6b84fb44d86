/**
 * Putting the kernels in place, taking them away, and the two builds.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { gemm } from "../../../../models/backend/kernels/gemm.ts";
import {
  areKernelsInstalled,
  currentKernels,
  installKernels,
  uninstallKernels,
} from "../../../../models/backend/kernels/install.ts";
import {
  instantiateKernels,
  kernelsOf,
  kernelVariant,
} from "../../../../models/backend/kernels/instantiate.ts";
import type { WasmBackend } from "../../../../models/backend/kernels/wasm_backend.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { tf } from "../../../../models/backend/tf.ts";
import { assertSums, numbers, product, STRICT, withKernels } from "./reference.ts";

const NAMES = ["BatchMatMul", "_FusedMatMul", "Transpose"];

Deno.test("kernels are put in place and taken away again, as often as one likes", STRICT, async () => {
  await selectBackend("wasm", { kernels: false });
  const registered = () => [
    ...NAMES.map((name) => tf.getKernel(name, "wasm").kernelFunc),
    tf.getGradient("BatchMatMul").gradFunc,
  ];
  const vanilla = registered();
  uninstallKernels();
  assertEquals(registered(), vanilla);
  for (let i = 0; i < 2; i++) {
    assertEquals(installKernels(), kernelVariant());
    const ours = registered();
    assert(areKernelsInstalled());
    for (const [j, kernel] of ours.entries()) assert(kernel !== vanilla[j], `${j} is not replaced`);
    installKernels();
    assertEquals(registered(), ours);
    uninstallKernels();
    assert(!areKernelsInstalled());
    assertEquals(registered(), vanilla);
  }
});

Deno.test("every kernel of TensorFlow.js comes back, and none of ours stays", STRICT, async () => {
  await selectBackend("wasm", { kernels: false });
  const registered = () =>
    new Map(tf.getKernelsForBackend("wasm").map(({ kernelName, kernelFunc }) => [kernelName, kernelFunc]));
  const vanilla = registered();
  const tile = tf.getGradient("Tile").gradFunc;
  installKernels();
  assert(registered().size > vanilla.size);
  assert(tf.getGradient("Tile").gradFunc !== tile);
  uninstallKernels();
  assertEquals(registered(), vanilla);
  assertEquals(tf.getGradient("Tile").gradFunc, tile);
});

Deno.test("another backend is refused in one line", STRICT, async () => {
  await selectBackend("cpu");
  assertThrows(
    () => installKernels(),
    PolyphaseError,
    'but "cpu" is in use: call selectBackend("wasm") first',
  );
  assert(!areKernelsInstalled());
});

Deno.test("memory that threads share is refused in one line", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  const backend = { wasm: { asm: { memory } } } as unknown as WasmBackend;
  assertThrows(() => kernelsOf(backend), PolyphaseError, "WASM_HAS_MULTITHREAD_SUPPORT");
});

Deno.test("tensors of another backend are moved", STRICT, async () => {
  await selectBackend("cpu");
  const a = tf.tensor2d([[1, 2], [3, 4]]);
  await withKernels(() =>
    tf.tidy(() => assertEquals([...tf.matMul(a, a, true).dataSync()], [10, 14, 14, 20]))
  );
  a.dispose();
});

Deno.test("the build without relaxed SIMD gives the same numbers to rounding", STRICT, async () => {
  await withKernels(() => {
    const plain = instantiateKernels(tf.backend() as unknown as WasmBackend, "simd");
    assertEquals(plain.variant, "simd");
    for (const [rows, columns, depth] of [[1, 9, 70], [13, 21, 300], [40, 5, 33]]) {
      for (const transposed of [false, true]) {
        const [a, b] = [numbers(rows * depth, 1), numbers(depth * columns, 2)];
        const inputs = [tf.tensor1d(a), tf.tensor1d(b)];
        const result = plain.output([rows, columns], "float32");
        gemm(plain, {
          batch: [],
          rows,
          columns,
          depth,
          a: {
            address: plain.addressOf(inputs[0]),
            row: transposed ? 1 : depth,
            column: transposed ? rows : 1,
            batch: [],
          },
          b: { address: plain.addressOf(inputs[1]), row: columns, column: 1, batch: [] },
          c: { address: plain.addressOf(result), row: columns, column: 1, batch: [] },
        });
        const y = tf.engine().makeTensorFromTensorInfo(
          result as Parameters<ReturnType<typeof tf.engine>["makeTensorFromTensorInfo"]>[0],
        );
        assertSums(
          y.dataSync(),
          product(a, b, rows, columns, depth, transposed, false),
          30,
          `${rows}×${columns}×${depth}`,
        );
        tf.dispose([...inputs, y]);
      }
    }
  });
});

Deno.test("products with strides: heads of attention need no copy", STRICT, async () => {
  await withKernels(() => {
    const [batch, tokens, heads, width] = [2, 5, 3, 4];
    const size = batch * tokens * heads * width;
    tf.tidy(() => {
      const kernels = currentKernels();
      // Both [batch, tokens, heads, width], as a linear layer gives them; the result is [batch, heads, tokens, tokens].
      const shape = [batch, tokens, heads, width];
      const q = tf.tensor(numbers(size, 1), shape);
      const k = tf.tensor(numbers(size, 2), shape);
      const scores = tf.zeros([batch, heads, tokens, tokens]);
      const split = [tokens * heads * width, width];
      gemm(kernels, {
        batch: [batch, heads],
        rows: tokens,
        columns: tokens,
        depth: width,
        a: { address: kernels.addressOf(q), row: heads * width, column: 1, batch: split },
        b: { address: kernels.addressOf(k), row: 1, column: heads * width, batch: split },
        c: {
          address: kernels.addressOf(scores),
          row: tokens,
          column: 1,
          batch: [heads * tokens * tokens, tokens * tokens],
        },
      });
      const expected = tf.matMul(tf.transpose(q, [0, 2, 1, 3]), tf.transpose(k, [0, 2, 1, 3]), false, true);
      assertSums(scores.dataSync(), expected.dataSync(), width, "scores");

      // And back: the mixed values go to [batch, tokens, heads, width] with no transpose.
      const mixed = tf.zeros(shape);
      gemm(kernels, {
        batch: [batch, heads],
        rows: tokens,
        columns: width,
        depth: tokens,
        a: {
          address: kernels.addressOf(scores),
          row: tokens,
          column: 1,
          batch: [heads * tokens * tokens, tokens * tokens],
        },
        b: { address: kernels.addressOf(k), row: heads * width, column: 1, batch: split },
        c: { address: kernels.addressOf(mixed), row: heads * width, column: 1, batch: split },
      });
      const back = tf.transpose(tf.matMul(scores, tf.transpose(k, [0, 2, 1, 3])), [0, 2, 1, 3]);
      assertSums(mixed.dataSync(), back.dataSync(), 2 * tokens, "mixed values");
    });
  });
});
