/**
 * Complex numbers, which the WASM backend of TensorFlow.js lacks: `tf.complex`, `tf.real`, `tf.imag`, `tf.abs`, sums,
 * differences and products of them.
 *
 * A complex tensor is one piece of memory, the real part of each number before its imaginary part.
 *
 * @module
 */

import { copyAxes } from "../strided_copy.ts";
import type { TensorInfo } from "../wasm_backend.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** Bytes of a float. */
const FLOAT = 4;

/** Complex numbers of their real and imaginary parts. */
export const complex: KernelDefinition = {
  name: "Complex",
  run({ inputs, kernels }) {
    const [real, imaginary] = [inputs.real!, inputs.imag!];
    const result = kernels.output(real.shape, "complex64");
    const size = sizeOf(real.shape);
    [real, imaginary].forEach((part, index) =>
      copyAxes(kernels, "float32", kernels.addressOf(part), kernels.addressOf(result) + FLOAT * index, [
        { size, from: 1, to: 2 },
      ])
    );
    return result;
  },
};

/** Real parts. */
export const real: KernelDefinition = { name: "Real", run: (call) => partOf(call, call.inputs.input!, 0) };

/** Imaginary parts. */
export const imaginary: KernelDefinition = {
  name: "Imag",
  run: (call) => partOf(call, call.inputs.input!, 1),
};

/** Magnitudes. */
export const complexAbs: KernelDefinition = {
  name: "ComplexAbs",
  run(call) {
    const [a, b] = [0, 1].map((index) => partOf(call, call.inputs.x!, index));
    return consuming(call, [a, b], () => {
      const squares = [a, b].map((x) => call.run("Square", { x }));
      return consuming(call, squares, () => {
        const sum = call.run("Add", { a: squares[0], b: squares[1] });
        return consuming(call, [sum], () => call.run("Sqrt", { x: sum }));
      });
    });
  },
};

/** Sums, of complex numbers too. */
export const add: KernelDefinition = elementwise("Add");

/** Differences, of complex numbers too. */
export const subtract: KernelDefinition = elementwise("Sub");

/** Products, of complex numbers too. */
export const multiply: KernelDefinition = {
  name: "Multiply",
  run(call) {
    const { a, b } = call.inputs;
    if (a!.dtype !== "complex64") return call.vanilla();
    const [p, q, r, s] = [a!, a!, b!, b!].map((x, index) => partOf(call, x, index % 2));
    return consuming(call, [p, q, r, s], () => {
      const times = (a: TensorInfo, b: TensorInfo) => call.run("Multiply", { a, b });
      const products = [times(p, r), times(q, s), times(p, s), times(q, r)];
      return consuming(call, products, () => {
        const parts = [
          call.run("Sub", { a: products[0], b: products[1] }),
          call.run("Add", { a: products[2], b: products[3] }),
        ];
        return consuming(call, parts, () => call.run("Complex", { real: parts[0], imag: parts[1] }));
      });
    });
  },
};

/** Zeros of the shape and type of x. */
export const zerosLike: KernelDefinition = {
  name: "ZerosLike",
  run(call) {
    const x = call.inputs.x!;
    if (x.dtype !== "complex64") return call.vanilla();
    const zeros = call.run("Fill", {}, { shape: [...x.shape], value: 0, dtype: "float32" });
    return consuming(call, [zeros], () => call.run("Complex", { real: zeros, imag: zeros }));
  },
};

/** What TensorFlow.js does number by number, and so part by part. */
function elementwise(name: "Add" | "Sub"): KernelDefinition {
  return {
    name,
    run(call) {
      const { a, b } = call.inputs;
      if (a!.dtype !== "complex64") return call.vanilla();
      const parts = [0, 1].map((index) => {
        const operands = [partOf(call, a!, index), partOf(call, b!, index)];
        return consuming(call, operands, () => call.run(name, { a: operands[0], b: operands[1] }));
      });
      return consuming(call, parts, () => call.run("Complex", { real: parts[0], imag: parts[1] }));
    },
  };
}

/** Part 0, real, or 1, imaginary, of every number. */
function partOf({ kernels }: KernelCall, x: TensorInfo, index: number): TensorInfo {
  const result = kernels.output(x.shape, "float32");
  copyAxes(kernels, "float32", kernels.addressOf(x) + FLOAT * index, kernels.addressOf(result), [
    { size: sizeOf(x.shape), from: 2, to: 1 },
  ]);
  return result;
}

/** What `make` gives, after which the tensors that it was made of are disposed of. */
function consuming(
  { backend }: Pick<KernelCall, "backend">,
  tensors: readonly TensorInfo[],
  make: () => TensorInfo,
): TensorInfo {
  const result = make();
  tensors.forEach(({ dataId }) => backend.disposeData(dataId));
  return result;
}
