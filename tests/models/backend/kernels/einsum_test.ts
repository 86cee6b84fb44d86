/**
 * `tf.einsum` on our kernels, and its gradient on every backend.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { selectBackend } from "../../../../models/backend/select.ts";
import { type Tensor, tf } from "../../../../models/backend/tf.ts";
import { assertNear, drawn, gradientsOf } from "./cpu_reference.ts";
import { STRICT, withKernels } from "./reference.ts";

/** Labels and their sizes; 1 and odd sizes among them. */
const SIZES: Readonly<Record<string, number>> = { a: 3, b: 2, c: 1, d: 5, e: 4 };

/** By the definition, in double precision: a sum over every value of every label. */
function defined(equation: string, tensors: readonly Tensor[]): { shape: number[]; values: Float64Array } {
  const [inputs, out] = equation.split("->");
  const terms = inputs.split(",");
  const sizes = new Map<string, number>();
  terms.forEach((term, i) => [...term].forEach((label, axis) => sizes.set(label, tensors[i].shape[axis]!)));
  const labels = [...sizes.keys()];
  const shape = [...out].map((label) => sizes.get(label)!);
  const values = new Float64Array(shape.reduce((a, b) => a * b, 1));
  const data = tensors.map((tensor) => tensor.dataSync());
  const at = new Map<string, number>();
  const place = (term: string) =>
    [...term].reduce((sum, label) => sum * sizes.get(label)! + at.get(label)!, 0);
  const visit = (depth: number): void => {
    if (depth === labels.length) {
      values[place(out)] += terms.reduce((product, term, i) => product * data[i][place(term)], 1);
      return;
    }
    for (let i = 0; i < sizes.get(labels[depth])!; i++) {
      at.set(labels[depth], i);
      visit(depth + 1);
    }
  };
  visit(0);
  return { shape, values };
}

const term = fc.shuffledSubarray(Object.keys(SIZES)).map((labels) => labels.join(""));

/** Equations of one tensor or two with any labels summed, kept and shared. */
const equations = fc.tuple(fc.array(term, { minLength: 1, maxLength: 2 }), term).map(([terms, kept]) => {
  const out = [...kept].filter((label) => terms.some((term) => term.includes(label)));
  return `${terms.join(",")}->${out.join("")}`;
});

function operandsOf(equation: string): Tensor[] {
  return equation.split("->")[0].split(",").map((term, i) =>
    drawn([...term].map((label) => SIZES[label]), i + 1)
  );
}

Deno.test("einsum of any one or two tensors is what its definition says", STRICT, async () => {
  await withKernels(() => {
    for (const equation of fc.sample(equations, { seed: 8, numRuns: 400 })) {
      tf.tidy(() => {
        const operands = operandsOf(equation);
        const expected = defined(equation, operands);
        const y = tf.einsum(equation, ...operands);
        assertEquals([y.shape, y.dtype], [expected.shape, "float32"], equation);
        assertNear(y.dataSync(), expected.values, 2e-6, equation);
      });
    }
  });
});

Deno.test("gradients of einsum are the derivatives of its definition", STRICT, async () => {
  await withKernels(() => {
    for (const equation of fc.sample(equations, { seed: 9, numRuns: 150 })) {
      tf.tidy(() => {
        const operands = operandsOf(equation);
        const gradients = gradientsOf((...each) => tf.einsum(equation, ...each), operands);
        const [inputs, out] = equation.split("->");
        const terms = inputs.split(",");
        const weights = drawn(defined(equation, operands).shape, 99);
        gradients.forEach((gradient, i) => {
          // einsum is linear in each operand: with ones for the operand the weighted sum's parts are the derivatives.
          const others = operands.map((x, each) => each === i ? tf.ones(x.shape) : x);
          const expected = defined(`${[...terms, out].join(",")}->${terms[i]}`, [...others, weights]);
          assertEquals(gradient.shape, expected.shape, equation);
          assertNear(gradient.dataSync(), expected.values, 2e-6, `${equation}, gradient ${i}`);
        });
      });
    }
  });
});

const CLEAN = [
  "ij,jk->ik",
  "bij,bkj->bik",
  "bhid,bhjd->bhij",
  "i,j->ij",
  "ij->ji",
  "ij,ij->",
  "bi,bi->b",
  "ij->i",
];

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(`einsum has first and second derivatives on ${backend}`, STRICT, async () => {
    await selectBackend(backend);
    for (const equation of CLEAN) {
      tf.tidy(() => {
        const terms = equation.split("->")[0].split(",");
        const operands = terms.map((term, i) =>
          drawn([...term].map((_, axis) => "bhijkd".indexOf(term[axis]) + 2), i)
        );
        const x = operands[0];
        const direction = tf.clone(x);
        const loss = (x: Tensor) =>
          tf.mul(tf.sum(tf.square(tf.einsum(equation, x, ...operands.slice(1)))), 0.5);
        // The loss is quadratic in x: along x its gradient's product with x is twice the loss, and so is the Hessian's.
        const first = tf.grad(loss)(x);
        const second = tf.grad((x: Tensor) => tf.sum(tf.mul(tf.grad(loss)(x), direction)))(x);
        const twice = 2 * loss(x).dataSync()[0];
        assertNear(tf.sum(tf.mul(first, x)).dataSync(), [twice], 1e-5, `${equation}, first`);
        assertNear(tf.sum(tf.mul(second, x)).dataSync(), [twice], 1e-5, `${equation}, second`);
      });
    }
  });
}

Deno.test(
  "whole numbers stay whole beyond what floats hold, and mixed types are made one",
  STRICT,
  async () => {
    await withKernels(() =>
      tf.tidy(() => {
        const x = tf.tensor2d([[2 ** 24 + 1, 1], [1, 2]], [2, 2], "int32");
        const y = tf.einsum("ij,jk->ik", x, tf.tensor2d([[1, 0], [0, 1]], [2, 2], "int32"));
        assertEquals([y.dtype, [...y.dataSync()]], ["int32", [2 ** 24 + 1, 1, 1, 2]]);
        const mixed = tf.einsum("ij,j->i", tf.tensor2d([[1, 2]], [1, 2], "int32"), tf.tensor1d([0.5, 0.25]));
        assertEquals([mixed.dtype, [...mixed.dataSync()]], ["float32", [1]]);
        const order = tf.einsum("ij->ji", x);
        assertEquals([...order.dataSync()], [2 ** 24 + 1, 1, 1, 2]);
      })
    );
  },
);

Deno.test("einsum over an empty axis gives zeros, and spaces do not count", STRICT, async () => {
  await withKernels(() =>
    tf.tidy(() => {
      const y = tf.einsum(" ij , jk -> ik ", tf.zeros([2, 0]), tf.zeros([0, 3]));
      assertEquals([y.shape, [...y.dataSync()]], [[2, 3], [0, 0, 0, 0, 0, 0]]);
      assertEquals(tf.einsum("ij,jk->ik", tf.zeros([0, 2]), tf.zeros([2, 3])).shape, [0, 3]);
    })
  );
});

Deno.test("what einsum cannot do is refused, and leaves nothing over", STRICT, async () => {
  await withKernels(() => {
    tf.tidy(() => {
      const x = tf.ones([2, 2]);
      assertThrows(() => tf.einsum("i->ii", tf.ones([2])), PolyphaseError, "each label once in the result");
      assertThrows(() => tf.einsum("ii->i", x), Error);
      assertThrows(() => tf.einsum("ij,jk->il", x, x), Error);
      assertThrows(() => tf.einsum("ij,jk->ik", x, tf.ones([3, 2])), Error);
    });
  });
});
