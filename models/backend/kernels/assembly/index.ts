/** What the module exports. Nothing here may need static data or globals: the memory belongs to somebody else. */

export { addFloats, clear, gatherColumns, scatterColumns } from "./columns";
export { depthwise, depthwiseFilterGradient, depthwiseInputGradient } from "./depthwise";
export { gemm, gemmScratch } from "./gemm";
export { permute8, permute32 } from "./permute";
export { erf, exp, tanh } from "./unary";
export { gelu, geluGrad } from "./gelu";
export { layerNorm, layerNormGrad } from "./layer_norm";
export { softmax, softmaxGrad, logSoftmax, logSoftmaxGrad } from "./softmax";
export { crossEntropy, crossEntropyGrad } from "./cross_entropy";
export { sumAxis, sumScratch, maxAxis } from "./reduce";
export { segmentSum } from "./segment_sum";
export { sgdStep, adamStep, sumOfSquares } from "./optimizer";
export { averagePool, averagePoolGradient, maxPool, maxPoolGradient } from "./pool";
export { attention, attentionGrad, attentionGradScratch, attentionScratch } from "./attention";
export { batchNorm, batchNormGrad, batchNormScratch, moments } from "./batch_norm";
export { reluGrad, reluGradScratch } from "./relu";
export { dropoutMask } from "./dropout_mask";
export { windowProduct, windowProductScratch } from "./window_product";
export { gather } from "./gather";
export { clip, isNonzero } from "./clip";
export { roll } from "./roll";
export { phaseEnergies } from "./phase_energies";
export { fourier, fourierByConvolution } from "./fourier";
