/**
 * Polyphase: a laboratory for shift-equivariant vision. Typed pipelines of pure functions,
 * `load → augment → tokenize → train → shiftEval`, whose stages are swapped to make each experiment.
 *
 * @example Train a shift-invariant classifier on generated images and see how it stands up to every shift
 * ```ts
 * import * as pp from "./mod.ts";
 *
 * const experiment = pp.pipe(
 *   pp.load(pp.synthetic({ size: 14, train: 200, test: 50 })),
 *   pp.tokenize(pp.adaptive(pp.patches1d({ size: 4 }), { order: "canonical" })),
 *   pp.train(pp.tokenMeanMlp(), { optimizer: pp.sgd({ learningRate: 0.1 }), epochs: 1 }),
 *   pp.shiftEval(),
 * );
 * const { shift } = await pp.run(experiment, { seed: 0 });
 * if (shift.consistency !== 1) throw new Error("canonical tokens are invariant to every circular shift");
 * ```
 *
 * @module
 */

export * from "./datasets/channels.ts";
export { cifar10, cifar100, type Cifar100Options } from "./datasets/cifar.ts";
export * from "./datasets/dataset.ts";
export * from "./datasets/fashion_mnist.ts";
export type { PublishedOptions } from "./datasets/idx_dataset.ts";
export * from "./datasets/image_folder.ts";
export * from "./datasets/mnist.ts";
export * from "./datasets/registry.ts";
export * from "./datasets/resize.ts";
export * from "./datasets/shift.ts";
export * from "./datasets/synthetic.ts";
export type { Access, Outcome, System } from "./datasets/system.ts";

export type { GeluApproximation } from "./models/backend/ops/fused_kernels.ts";
export { gelu, type GeluOptions } from "./models/backend/ops/gelu.ts";
export * from "./models/backend/select.ts";
export { type Tensor, tf } from "./models/backend/tf.ts";
export * from "./models/conv_encoder.ts";
export { cvt, cvt13, cvt21, cvtMicro, type CvtModule, type CvtOptions } from "./models/cvt.ts";
export * from "./models/layers/linear.ts";
export type { AdaptiveModules } from "./models/layers/adaptive_modules.ts";
export * from "./models/losses.ts";
export * from "./models/model.ts";
export {
  mvitV2,
  mvitV2Base,
  mvitV2Micro,
  type MvitV2Module,
  type MvitV2Options,
  mvitV2Small,
  mvitV2Tiny,
} from "./models/mvit_v2.ts";
export * from "./models/optimizers/adam.ts";
export * from "./models/optimizers/adamw.ts";
export * from "./models/optimizers/clip_gradients.ts";
export * from "./models/optimizers/constant.ts";
export * from "./models/optimizers/cosine_annealing.ts";
export * from "./models/optimizers/linear_warmup.ts";
export * from "./models/optimizers/noam.ts";
export * from "./models/optimizers/optimizer.ts";
export * from "./models/optimizers/schedule.ts";
export * from "./models/optimizers/sgd.ts";
export * from "./models/optimizers/step_schedule.ts";
export * from "./models/params.ts";
export type { FavorKernel } from "./models/layers/favor_attention.ts";
export * from "./models/performer.ts";
export type { PaddingMode } from "./models/layers/blur_pool.ts";
export * from "./models/resnet.ts";
export * from "./models/safetensors.ts";
export { type AdaptiveEnergy, swin, type SwinAdaptive, type SwinOptions } from "./models/swin.ts";
export {
  type SmallSwinOptions,
  swinBase,
  swinMini,
  swinNano,
  type SwinPresetOptions,
  swinSmall,
  swinTiny,
  swinV2Mini,
  swinV2Nano,
  swinV2Tiny,
} from "./models/swin_presets.ts";
export { swinV2 } from "./models/swin_v2.ts";
export * from "./models/token_mean_mlp.ts";
export * from "./models/tokenizers/adaptive.ts";
export * from "./models/tokenizers/binomial_blur.ts";
export * from "./models/tokenizers/blurred.ts";
export * from "./models/tokenizers/canonical_start.ts";
export * from "./models/tokenizers/lattice.ts";
export * from "./models/tokenizers/patches.ts";
export type { PhaseEnergy } from "./models/tokenizers/phase_energy.ts";
export * from "./models/tokenizers/polyphase_energy.ts";
export * from "./models/tokenizers/random_phase.ts";
export * from "./models/tokenizers/tokenizer.ts";
export * from "./models/torch_weights.ts";
export * from "./models/vit.ts";
export * from "./models/vit_adaptive.ts";
export * from "./models/vit_presets.ts";

export * from "./pipeline/augment.ts";
export * from "./pipeline/augment/beta.ts";
export * from "./pipeline/augment/cutmix.ts";
export * from "./pipeline/augment/image_ops.ts";
export * from "./pipeline/augment/mixup.ts";
export * from "./pipeline/augment/mixup_cutmix.ts";
export type { DrawPer, Fill } from "./pipeline/augment/options.ts";
export * from "./pipeline/augment/rand_augment.ts";
export * from "./pipeline/augment/random_crop.ts";
export * from "./pipeline/augment/random_erasing.ts";
export * from "./pipeline/augment/random_flip.ts";
export * from "./pipeline/augment/trivial_augment.ts";
export * from "./pipeline/average_shifts.ts";
export * from "./pipeline/batch.ts";
export * from "./pipeline/checkpoint.ts";
export * from "./pipeline/equivariance.ts";
export type { Layout } from "./pipeline/equivariance/layout.ts";
export * from "./pipeline/errors.ts";
export * from "./pipeline/evaluate.ts";
export * from "./pipeline/json.ts";
export * from "./pipeline/load.ts";
export { codeOf } from "./pipeline/features.ts";
export * from "./pipeline/gradient.ts";
export * from "./pipeline/matrix.ts";
export * from "./pipeline/normalize.ts";
export type { Between } from "./pipeline/pause.ts";
export * from "./pipeline/phase_stats.ts";
export * from "./pipeline/pipe.ts";
export * from "./pipeline/predict.ts";
export * from "./pipeline/random.ts";
export * from "./pipeline/rebuild.ts";
export * from "./pipeline/records.ts";
export * from "./pipeline/registry.ts";
export * from "./pipeline/report/axis.ts";
export * from "./pipeline/report/curves.ts";
export * from "./pipeline/report/format.ts";
export * from "./pipeline/report/heat_map.ts";
export * from "./pipeline/report/html.ts";
export * from "./pipeline/report/image_strip.ts";
export * from "./pipeline/report/layer_errors.ts";
export * from "./pipeline/report/page.ts";
export * from "./pipeline/report/palette.ts";
export * from "./pipeline/report/patch_grid.ts";
export type { Picture } from "./pipeline/report/png_library.ts";
export * from "./pipeline/report/statistics.ts";
export * from "./pipeline/report/table.ts";
export * from "./pipeline/restore.ts";
export * from "./pipeline/robustness.ts";
export * from "./pipeline/shift_eval.ts";
export * from "./pipeline/sweep.ts";
export type { TrainAdjustment } from "./pipeline/sweep/adjust.ts";
export * from "./pipeline/sweep/config_sweep.ts";
export {
  type FailedCell,
  runSweep,
  type SweepEvent,
  type SweepOptions,
  type SweepOutcome,
} from "./pipeline/sweep/run.ts";
export * from "./pipeline/sweep/source.ts";
export { yamlSource, yamlSweep, type YamlSweepInput } from "./pipeline/sweep/yaml_sweep.ts";
export { decideSvc, predictSvc } from "./pipeline/svm/predict_svc.ts";
export type { PaceOptions } from "./pipeline/svm/pace.ts";
export { fitSvc, type Svc, type SvcOptions, type SvcSettings } from "./pipeline/svm/svc.ts";
export {
  type Probed,
  type ProbeResult,
  type ProbeScore,
  svmProbe,
  type SvmProbeOptions,
} from "./pipeline/svm_probe.ts";
export * from "./pipeline/tokenize.ts";
export * from "./pipeline/train.ts";
export * from "./pipeline/train_step.ts";
export * from "./pipeline/views.ts";
