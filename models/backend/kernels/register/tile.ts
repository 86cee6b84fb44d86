/**
 * `tf.tile`, and with it `tf.broadcastTo`.
 *
 * @module
 */

import { copyAxes, stridesOf } from "../strided_copy.ts";
import type { KernelDefinition } from "./kernel.ts";

/** x repeated `reps` times along each axis. */
export const tile: KernelDefinition = {
  name: "Tile",
  run({ inputs, attrs, kernels, vanilla }) {
    const x = inputs.x!;
    if (x.dtype === "string") return vanilla();
    const reps = attrs.reps as number[];
    const shape = x.shape.map((size, axis) => size * reps[axis]);
    const result = kernels.output(shape, x.dtype);
    const [from, to] = [stridesOf(x.shape), stridesOf(shape)];
    copyAxes(
      kernels,
      x.dtype,
      kernels.addressOf(x),
      kernels.addressOf(result),
      x.shape.flatMap((size, axis) => [
        { size: reps[axis], from: 0, to: size * to[axis] },
        { size, from: from[axis], to: to[axis] },
      ]),
    );
    return result;
  },
};
