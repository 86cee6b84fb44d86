/**
 * The fused kernels `PolyphaseSoftmaxCrossEntropy` and `PolyphaseSoftmaxCrossEntropyGrad`.
 *
 * @module
 */

import type { KernelDefinition } from "./kernel.ts";

/** Factor and summand that smooth labels: `t = label · keep + spread`. */
function smoothing(
  attrs: Readonly<Record<string, unknown>>,
  classes: number,
): [keep: number, spread: number] {
  const labelSmoothing = attrs.labelSmoothing as number;
  return [1 - labelSmoothing, labelSmoothing / classes];
}

/** The mean loss, and the logarithm of the sum of exponentials of each row. */
export const softmaxCrossEntropy: KernelDefinition = {
  name: "PolyphaseSoftmaxCrossEntropy",
  run({ inputs, attrs, kernels }) {
    const logits = inputs.logits!;
    const [rows, classes] = logits.shape;
    const loss = kernels.output([], "float32");
    const logSumExp = kernels.output([rows], "float32");
    const [keep, spread] = smoothing(attrs, classes);
    kernels.exports.crossEntropy(
      rows,
      classes,
      kernels.addressOf(logits),
      kernels.addressOf(inputs.labels!),
      keep,
      spread,
      kernels.addressOf(loss),
      kernels.addressOf(logSumExp),
    );
    return [loss, logSumExp];
  },
};

/** Its gradient with respect to the logits. */
export const softmaxCrossEntropyGrad: KernelDefinition = {
  name: "PolyphaseSoftmaxCrossEntropyGrad",
  run({ inputs, attrs, kernels }) {
    const logits = inputs.logits!;
    const [rows, classes] = logits.shape;
    const dlogits = kernels.output([rows, classes], "float32");
    const [keep, spread] = smoothing(attrs, classes);
    kernels.exports.crossEntropyGrad(
      rows,
      classes,
      kernels.addressOf(inputs.dy!),
      kernels.addressOf(logits),
      kernels.addressOf(inputs.labels!),
      keep,
      spread,
      kernels.addressOf(inputs.logSumExp!),
      kernels.addressOf(dlogits),
    );
    return [dlogits];
  },
};
