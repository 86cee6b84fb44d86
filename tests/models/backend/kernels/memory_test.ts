/**
 * Our kernels on memory that grows, is freed and is used again.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { currentKernels } from "../../../../models/backend/kernels/install.ts";
import { tf } from "../../../../models/backend/tf.ts";
import { assertSums, numbers, product, STRICT, withKernels } from "./reference.ts";

Deno.test(
  "matMul of a reshaped right operand is right: TensorFlow.js forgets the shape and corrupts its heap",
  STRICT,
  async () => {
    await withKernels(() => {
      tf.tidy(() => {
        const w = numbers(24, 1);
        const weights = tf.tensor2d(w, [4, 6]);
        const [x, y] = [numbers(4, 2), numbers(6, 3)];
        const first = tf.matMul(tf.tensor2d(x, [1, 4]), weights);
        const second = tf.matMul(tf.tensor2d(y, [1, 6]), tf.reshape(weights, [6, 4]));
        assertSums(first.dataSync(), product(x, w, 1, 6, 4, false, false), 6, "before the reshape");
        assertSums(second.dataSync(), product(y, w, 1, 4, 6, false, false), 6, "after the reshape");
      });
    });
  },
);

Deno.test(
  "a vector can be used in dot and then in outerProduct: TensorFlow.js mixes their shapes up",
  STRICT,
  async () => {
    await withKernels(() => {
      tf.tidy(() => {
        const [m, u, v] = [numbers(12, 4), numbers(3, 5), numbers(4, 6)];
        const vector = tf.tensor1d(v);
        const dot = tf.dot(tf.tensor2d(m, [3, 4]), vector);
        const outer = tf.outerProduct(tf.tensor1d(u), vector);
        assertSums(dot.dataSync(), product(m, v, 3, 1, 4, false, false), 4, "dot");
        assertSums(outer.dataSync(), product(u, v, 3, 4, 1, false, false), 4, "outer product");
      });
    });
  },
);

Deno.test("the right operand may change its shape in a fused product too", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const w = numbers(24, 1);
      const weights = tf.tensor2d(w, [4, 6]);
      const [x, y] = [numbers(8, 2), numbers(18, 3)];
      const first = tf.fused.matMul({ a: tf.tensor2d(x, [2, 4]), b: weights });
      const second = tf.fused.matMul({
        a: tf.tensor2d(y, [3, 6]),
        b: weights.as2D(6, 4),
      });
      assertSums(first.dataSync(), product(x, w, 2, 6, 4, false, false), 6, "before the reshape");
      assertSums(second.dataSync(), product(y, w, 3, 4, 6, false, false), 6, "after the reshape");
    });
  });
});

Deno.test("memory may grow between the operands, in the product and after it", STRICT, async () => {
  await withKernels(() => {
    const memory =
      (tf.backend() as unknown as { wasm: { asm: { memory: WebAssembly.Memory } } }).wasm.asm.memory;
    const bytes = () => memory.buffer.byteLength;
    tf.tidy(() => {
      const [x, w] = [numbers(30 * 40, 1), numbers(40 * 50, 2)];
      const a = tf.tensor2d(x, [30, 40]);
      // More than all of the memory so far: it must grow.
      const grow = () => {
        const before = bytes();
        const large = tf.zeros([before / 4 + 1024]);
        assert(bytes() > before, "memory did not grow");
        large.dispose();
      };
      grow();
      const b = tf.tensor2d(w, [40, 50]);
      const before = bytes();
      const c = tf.matMul(a, b);
      const expected = product(x, w, 30, 50, 40, false, false);
      assertSums(c.dataSync(), expected, 40, "after memory grew");
      // A result that is larger than the free memory makes memory grow between the operands' addresses and the product.
      const rows = Math.ceil(Math.sqrt(bytes() / 4)) + 256;
      const [p, q] = [tf.ones([rows, 1]), tf.ones([1, rows])];
      const outer = tf.matMul(p, q);
      assert(bytes() > before, "memory did not grow in the product");
      assertEquals(tf.sum(tf.sub(outer, 1)).dataSync()[0], 0);
      assertSums(tf.transpose(c).transpose().dataSync(), expected, 40, "and once more");
    });
  });
});

Deno.test(
  "operands may be disposed of before the result is read, and their memory used again",
  STRICT,
  async () => {
    await withKernels(() => {
      const [x, w] = [numbers(17 * 16, 1), numbers(16 * 17, 2)];
      const expected = product(x, w, 17, 17, 16, false, false);
      for (let step = 0; step < 50; step++) {
        const a = tf.tensor2d(x, [17, 16]);
        const b = tf.tensor2d(w, [16, 17]);
        const c = tf.matMul(a, b);
        a.dispose();
        b.dispose();
        const d = tf.fill([17, 16], step);
        assertSums(c.dataSync(), expected, 16, `step ${step}`);
        tf.dispose([c, d]);
      }
    });
  },
);

Deno.test("thousands of steps leave as many tensors and as much memory as before", STRICT, async () => {
  await withKernels(() => {
    const memory =
      (tf.backend() as unknown as { wasm: { asm: { memory: WebAssembly.Memory } } }).wasm.asm.memory;
    const x = tf.tidy(() => tf.variable(tf.randomNormal([4, 9, 8], 0, 1, "float32", 1)));
    const w = tf.tidy(() => tf.variable(tf.randomNormal([8, 8], 0, 1, "float32", 2)));
    const step = () =>
      tf.tidy(() => {
        const { grads } = tf.variableGrads(() =>
          tf.mean(tf.square(tf.transpose(tf.matMul(x, w), [0, 2, 1]))).asScalar()
        );
        for (const [name, variable] of [[x.name, x], [w.name, w]] as const) {
          variable.assign(tf.sub(variable, tf.mul(0.01, grads[name])));
        }
      });
    step();
    const [tensors, bytes, capacity] = [
      tf.memory().numTensors,
      tf.memory().numBytes,
      memory.buffer.byteLength,
    ];
    for (let i = 0; i < 3000; i++) step();
    assertEquals([tf.memory().numTensors, tf.memory().numBytes, memory.buffer.byteLength], [
      tensors,
      bytes,
      capacity,
    ]);
    tf.dispose([x, w]);
  });
});

Deno.test(
  "scratch grows with what is asked for and stays otherwise; too much is refused in one line",
  STRICT,
  async () => {
    await withKernels(() => {
      const kernels = currentKernels();
      const small = kernels.scratch(1000);
      assertEquals(kernels.scratch(10), small);
      const large = kernels.scratch(1 << 21);
      assertEquals(large % 8, 0);
      assertEquals(kernels.scratch(1000), large);
      const { numTensors } = tf.memory();
      assertThrows(() => kernels.scratch(2 ** 32 - 2 ** 17), PolyphaseError, "WASM memory is full");
      assertEquals(tf.memory().numTensors, numTensors);
      // And the kernels go on.
      tf.tidy(() => assertEquals([...tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync()], [3, 3, 3, 3]));
    });
  },
);
