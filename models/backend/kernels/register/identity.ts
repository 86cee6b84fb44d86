/**
 * `tf.clone`, which TensorFlow.js runs for every tensor that a gradient keeps.
 *
 * @module
 */

import type { KernelDefinition } from "./kernel.ts";

/** The same numbers, shared and not copied, as on the other backends: nothing writes to a tensor once it is made. */
export const identity: KernelDefinition = {
  name: "Identity",
  run({ inputs, backend }) {
    const { dataId, shape, dtype } = inputs.x!;
    backend.incRef(dataId);
    return { dataId, shape, dtype };
  },
};
