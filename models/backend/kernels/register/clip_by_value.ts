/**
 * `tf.clipByValue`. TensorFlow.js's WASM backend makes the lower limit of NaN, and so hides that a training has failed, and
 * takes the bits of whole numbers for those of floats.
 *
 * @module
 */

import type { KernelCall, KernelDefinition } from "./kernel.ts";
import type { TensorInfo } from "../wasm_backend.ts";
import { sizeOf } from "./shape.ts";

/** Every number of x, or the limit beyond which it lies; NaN stays NaN. */
export const clipByValue: KernelDefinition = {
  name: "ClipByValue",
  run(call) {
    const { inputs, attrs, kernels, vanilla } = call;
    const x = inputs.x!;
    const { clipValueMin: low, clipValueMax: high } = attrs as Record<
      "clipValueMin" | "clipValueMax",
      number
    >;
    if (x.dtype === "int32") return clippedIntegers(call, x, low, high);
    if (x.dtype !== "float32") return vanilla();
    const y = kernels.output(x.shape, "float32");
    kernels.exports.clip(sizeOf(x.shape), kernels.addressOf(x), kernels.addressOf(y), low, high);
    return y;
  },
};

/** As the other backends do: a limit that is no whole number loses its fraction. */
function clippedIntegers({ backend, run }: KernelCall, x: TensorInfo, low: number, high: number): TensorInfo {
  const limit = (value: number) => {
    const whole = Math.trunc(Math.min(Math.max(value, -(2 ** 31)), 2 ** 31 - 1));
    return run("Fill", {}, { shape: [], value: whole, dtype: "int32" });
  };
  const [lowest, highest] = [limit(low), limit(high)];
  const raised = run("Maximum", { a: x, b: lowest });
  const y = run("Minimum", { a: raised, b: highest });
  for (const { dataId } of [lowest, highest, raised]) backend.disposeData(dataId);
  return y;
}
