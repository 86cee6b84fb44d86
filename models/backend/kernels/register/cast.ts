/**
 * `tf.cast` where TensorFlow.js's WASM backend gets it wrong: to bool it cuts the fraction off first, so that 0.5 is
 * false, keeps what is left of 255, and it knows no complex numbers.
 *
 * @module
 */

import type { KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** The same numbers in another type: bool is whether they are not 0, and a real number the real part of a complex one. */
export const cast: KernelDefinition = {
  name: "Cast",
  run(call) {
    const { inputs, attrs, backend, kernels, run, vanilla } = call;
    const x = inputs.x!;
    if (attrs.dtype === x.dtype) {
      backend.incRef(x.dataId);
      return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
    }
    if (x.dtype === "complex64") {
      const real = run("Real", { input: x });
      if (attrs.dtype === "float32") return real;
      const result = run("Cast", { x: real }, { dtype: attrs.dtype });
      backend.disposeData(real.dataId);
      return result;
    }
    if (attrs.dtype === "complex64") {
      const real = run("Cast", { x }, { dtype: "float32" });
      const imag = run("Fill", {}, { shape: [...x.shape], value: 0, dtype: "float32" });
      const result = run("Complex", { real, imag });
      [real, imag].forEach(({ dataId }) => backend.disposeData(dataId));
      return result;
    }
    if (attrs.dtype === "bool" && (x.dtype === "float32" || x.dtype === "int32")) {
      const floats = x.dtype === "float32" ? x : run("Cast", { x }, { dtype: "float32" });
      const result = kernels.output(x.shape, "bool");
      kernels.exports.isNonzero(sizeOf(x.shape), kernels.addressOf(floats), kernels.addressOf(result));
      if (floats !== x) backend.disposeData(floats.dataId);
      return result;
    }
    return vanilla();
  },
};
