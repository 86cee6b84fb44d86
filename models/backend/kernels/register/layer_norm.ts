/**
 * The fused kernels `PolyphaseLayerNorm` and `PolyphaseLayerNormGrad`.
 *
 * @module
 */

import type { KernelDefinition } from "./kernel.ts";

/** Layer normalization of rows, with the mean and the inverse deviation of each. */
export const layerNorm: KernelDefinition = {
  name: "PolyphaseLayerNorm",
  run({ inputs, attrs, kernels }) {
    const x = inputs.x!;
    const [rows, features] = x.shape;
    const y = kernels.output([rows, features], "float32");
    const mean = kernels.output([rows], "float32");
    const rstd = kernels.output([rows], "float32");
    kernels.exports.layerNorm(
      rows,
      features,
      kernels.addressOf(x),
      kernels.addressOf(inputs.gamma!),
      kernels.addressOf(inputs.beta!),
      attrs.epsilon as number,
      kernels.addressOf(y),
      kernels.addressOf(mean),
      kernels.addressOf(rstd),
    );
    return [y, mean, rstd];
  },
};

/** Its gradient with respect to x, gamma and beta. */
export const layerNormGrad: KernelDefinition = {
  name: "PolyphaseLayerNormGrad",
  run({ inputs, kernels }) {
    const x = inputs.x!;
    const [rows, features] = x.shape;
    const dx = kernels.output([rows, features], "float32");
    const dgamma = kernels.output([features], "float32");
    const dbeta = kernels.output([features], "float32");
    kernels.exports.layerNormGrad(
      rows,
      features,
      kernels.addressOf(inputs.dy!),
      kernels.addressOf(x),
      kernels.addressOf(inputs.gamma!),
      kernels.addressOf(inputs.mean!),
      kernels.addressOf(inputs.rstd!),
      kernels.addressOf(dx),
      kernels.addressOf(dgamma),
      kernels.addressOf(dbeta),
    );
    return [dx, dgamma, dbeta];
  },
};
