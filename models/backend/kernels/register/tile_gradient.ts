/**
 * The gradient of `tf.tile` and `tf.broadcastTo`: a sum over the repetitions.
 *
 * TensorFlow.js adds up slices, one for each repetition, and has none beyond four axes. Made of ordinary operations, so
 * it can be differentiated again and works on every backend.
 *
 * @module
 */

import { type Tensor, tf } from "../../tf.ts";
import { sizeOf } from "./shape.ts";

/** Gradient of the kernel `Tile`. */
export const tileGradient: Parameters<typeof tf.registerGradient>[0] = {
  kernelName: "Tile",
  inputsToSave: ["x"],
  gradFunc(given, [x], attrs) {
    const dy = given as Tensor;
    const { reps } = attrs as unknown as { reps: number[] };
    return {
      x: () => {
        // Three axes at a time, which every backend can sum over.
        const summed = reps.reduce((sum, rep, axis) => {
          if (rep === 1) return sum;
          const [outer, inner] = [x.shape.slice(0, axis), x.shape.slice(axis)].map(sizeOf);
          const shape = [outer, rep, inner * sizeOf(reps.slice(axis + 1))];
          return tf.sum(tf.reshape(sum, shape), 1);
        }, dy);
        return tf.reshape(summed, x.shape);
      },
    };
  },
};
