/**
 * The fused kernels `PolyphaseMoments`, `PolyphaseBatchNorm` and `PolyphaseBatchNormGrad`.
 *
 * @module
 */

import type { Kernels } from "../instantiate.ts";
import type { KernelDefinition } from "./kernel.ts";

/** Mean and biased variance of columns. */
export const moments: KernelDefinition = {
  name: "PolyphaseMoments",
  run({ inputs, kernels }) {
    const x = inputs.x!;
    const [rows, channels] = x.shape;
    const mean = kernels.output([channels], "float32");
    const variance = kernels.output([channels], "float32");
    const scratch = scratchOf(kernels, channels);
    const [xAt, meanAt, varianceAt] = [x, mean, variance].map((each) => kernels.addressOf(each));
    kernels.exports.moments(rows, channels, xAt, meanAt, varianceAt, scratch);
    return [mean, variance];
  },
};

/** Normalization of columns by given means and variances, with a residual and an activation. */
export const batchNorm: KernelDefinition = {
  name: "PolyphaseBatchNorm",
  run({ inputs, attrs, kernels }) {
    const x = inputs.x!;
    const [rows, channels] = x.shape;
    const y = kernels.output([rows, channels], "float32");
    const scratch = scratchOf(kernels, channels);
    kernels.exports.batchNorm(
      rows,
      channels,
      kernels.addressOf(x),
      kernels.addressOf(inputs.gamma!),
      kernels.addressOf(inputs.beta!),
      kernels.addressOf(inputs.mean!),
      kernels.addressOf(inputs.variance!),
      attrs.epsilon as number,
      inputs.residual == null ? 0 : kernels.addressOf(inputs.residual),
      attrs.activation === "relu" ? 1 : 0,
      kernels.addressOf(y),
      scratch,
    );
    return [y];
  },
};

/** Its gradient with respect to x, gamma and beta. */
export const batchNormGrad: KernelDefinition = {
  name: "PolyphaseBatchNormGrad",
  run({ inputs, attrs, kernels }) {
    const x = inputs.x!;
    const [rows, channels] = x.shape;
    const dx = kernels.output([rows, channels], "float32");
    const dgamma = kernels.output([channels], "float32");
    const dbeta = kernels.output([channels], "float32");
    const scratch = scratchOf(kernels, channels);
    kernels.exports.batchNormGrad(
      rows,
      channels,
      kernels.addressOf(inputs.dy!),
      kernels.addressOf(x),
      kernels.addressOf(inputs.gamma!),
      kernels.addressOf(inputs.mean!),
      kernels.addressOf(inputs.variance!),
      attrs.epsilon as number,
      attrs.training === true ? 1 : 0,
      kernels.addressOf(dx),
      kernels.addressOf(dgamma),
      kernels.addressOf(dbeta),
      scratch,
    );
    return [dx, dgamma, dbeta];
  },
};

function scratchOf(kernels: Kernels, channels: number): number {
  return kernels.scratch(kernels.exports.batchNormScratch(channels));
}
