/**
 * What Swin and Swin V2 share: embedded patches, stages of window attention with patch merging between them, and a head on
 * the mean of the tokens, each part plain or adaptive.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import type { JsonObject } from "../pipeline/json.ts";
import { foldIn, type Key } from "../pipeline/random.ts";
import { type Tensor, tf } from "./backend/tf.ts";
import { dropout as drop } from "./layers/dropout.ts";
import { initNormal } from "./layers/initial_values.ts";
import { initLayerNorm, layerNorm, type LayerNormParams } from "./layers/layer_norm.ts";
import { initLinear, linear, type LinearParams } from "./layers/linear.ts";
import {
  initPatchMerging,
  type MergingNorm,
  patchMerging,
  type PatchMergingParams,
} from "./layers/patch_merging.ts";
import { swinBlock, type SwinBlockParams } from "./layers/swin_block.ts";
import type { AdaptiveEnergy } from "./layers/window_phase.ts";
import type { WindowPlan } from "./layers/window_plan.ts";
import { within } from "./layers/within.ts";
import type { ApplyOptions, Architecture, Model, ModelShape, Params, TorchEntry } from "./model.ts";
import { resolveSwin, type SwinOptions, type SwinSettings } from "./swin_options.ts";
import { type SwinStage, swinStages } from "./swin_stages.ts";
import { swinTorchLayout } from "./swin_torch.ts";

/** What tells the members of the family apart. */
export interface SwinMember {
  /** Name of the architecture. */
  readonly name: string;
  /** Whether blocks and merging normalize before each part, or after. */
  readonly norm: MergingNorm;
  /** Fresh parameters of the attention of a block. */
  initAttention(key: Key, embed: number, heads: number, plan: WindowPlan): Params;
  /** Attention in windows, `[windows, tokens, embed]` → the same. */
  attend(params: Params, windows: Tensor, options: SwinAttentionOptions): Tensor;
  /** How PyTorch stores the attention of a block; names begin behind those of the attention. */
  attentionEntries(embed: number, heads: number, plan: WindowPlan): TorchEntry[];
}

/** What the attention of a member is told. */
export interface SwinAttentionOptions {
  /** Heads, which divide the embed dim. */
  readonly heads: number;
  /** The windows. */
  readonly plan: WindowPlan;
  /** Which tokens see each other: bool, `[windows, 1, tokens, tokens]`. */
  readonly mask?: Tensor;
  /** Rate at which probabilities are dropped. */
  readonly dropout: number;
  /** Random key of training. */
  readonly key?: Key;
}

type StageParams = {
  readonly merge?: PatchMergingParams;
  readonly blocks: { readonly [index: string]: SwinBlockParams };
};

type SwinParams = {
  readonly patchEmbedding: LinearParams;
  readonly patchNorm: LayerNormParams;
  readonly stages: { readonly [index: string]: StageParams };
  readonly norm: LayerNormParams;
  readonly head: LinearParams;
};

/** Standard deviation of fresh weights. They are cut at an absolute 2, a hundred deviations away: plainly normal. */
const DEVIATION = 0.02;

/** What one model is made of. */
interface Swin {
  readonly member: SwinMember;
  readonly settings: SwinSettings;
  readonly shape: ModelShape;
  readonly stages: readonly SwinStage[];
}

/**
 * The architecture of a member.
 *
 * @throws {PolyphaseError} if the options do not fit each other
 */
export function swinArchitecture(member: SwinMember, options: SwinOptions): Architecture {
  const settings = resolveSwin(member.name, options);
  const config: JsonObject = { name: member.name, ...settings };
  return {
    name: member.name,
    config,
    build: (shape) =>
      build({ member, settings, shape, stages: swinStages(member.name, settings, shape.grid) }, config),
  };
}

function build(swin: Swin, config: JsonObject): Model {
  const { member, settings, shape, stages } = swin;
  return {
    name: member.name,
    config,
    init: (key) => init(swin, key),
    apply: (params, tokens, options = {}) => apply(swin, params as SwinParams, tokens, options),
    embedding: (params) => (params as SwinParams).patchEmbedding,
    multiplyAdds: multiplyAdds(swin),
    torch: { timm: swinTorchLayout(member, settings, shape, stages) },
  };
}

function init({ member, settings: { embed }, shape: { grid, classes }, stages }: Swin, key: Key): Params {
  const of = (name: string) => foldIn(key, name);
  const dense = (name: string, inputs: number, outputs: number): LinearParams => ({
    weight: initNormal(of(name), [inputs, outputs], DEVIATION),
    bias: tf.zeros([outputs]),
  });
  // A normalization after its part begins at 0, so that the block does nothing at first.
  const blockNorm = (channels: number): LayerNormParams =>
    member.norm === "before"
      ? initLayerNorm(channels)
      : { weight: tf.zeros([channels]), bias: tf.zeros([channels]) };
  const block = (
    name: string,
    { channels, heads, hidden }: SwinStage,
    plan: WindowPlan,
  ): SwinBlockParams => ({
    norm1: blockNorm(channels),
    attention: member.initAttention(of(`${name}.attention`), channels, heads, plan),
    norm2: blockNorm(channels),
    mlp: {
      fc1: dense(`${name}.mlp.fc1`, channels, hidden),
      fc2: dense(`${name}.mlp.fc2`, hidden, channels),
    },
  });
  const stageOf = (stage: SwinStage, index: number): StageParams => ({
    ...stage.merging === undefined ? {} : {
      merge: initPatchMerging(
        of(`stages.${index}.merge`),
        stage.merging.merged,
        stage.channels / 2,
        member.norm,
      ),
    },
    blocks: Object.fromEntries(
      stage.blocks.map(({ plan }, at) => [at, block(`stages.${index}.blocks.${at}`, stage, plan)]),
    ),
  });
  const last = stages.at(-1)!.channels;
  const params: SwinParams = {
    patchEmbedding: initLinear(of("patchEmbedding"), grid.patch, embed),
    patchNorm: initLayerNorm(embed),
    stages: Object.fromEntries(stages.map((stage, index) => [index, stageOf(stage, index)])),
    norm: initLayerNorm(last),
    head: dense("head", last, classes),
  };
  return params as Params;
}

function apply(swin: Swin, params: SwinParams, tokens: Tensor, options: ApplyOptions): Tensor {
  const { member, settings, shape: { grid }, stages } = swin;
  if (tokens.rank !== 3 || tokens.shape[1] !== grid.tokens || tokens.shape[2] !== grid.patch) {
    throw new PolyphaseError(
      `${member.name} got tokens [${tokens.shape}], expected [batch, ${grid.tokens}, ${grid.patch}]: ` +
        `tokenize as it was built for, or build it for this grid`,
    );
  }
  const { training = false, key, collect } = options;
  const drops = training &&
    [settings.dropout, settings.attentionDropout, settings.dropPath].some((rate) => rate > 0);
  if (drops && key === undefined) {
    throw new PolyphaseError(
      `${member.name} got no key to drop by in training: give a key, or set dropout, attentionDropout and dropPath to 0`,
    );
  }
  const chance = drops ? key : undefined;
  // Normalized tokens all have the same norm: where a stage begins with such, windows go by the tokens before.
  let energyOf: Tensor | undefined = tf.reshape(linear(params.patchEmbedding, tokens), [
    -1,
    ...stages[0].map,
    settings.embed,
  ]);
  let x = drop(layerNorm(params.patchNorm, energyOf), settings.dropout, chance, "embedding");
  collect?.("embedding", x);
  stages.forEach((stage, index) => {
    const name = `stages.${index}`;
    const stageParams = params.stages[index];
    if (stageParams.merge !== undefined) {
      const energy = settings.adaptive && settings.adaptive.merge ? settings.energy.p : undefined;
      const merged = patchMerging(stageParams.merge, x, { norm: member.norm, energy });
      if (collect && merged.choice) {
        collect(`${name}.merge.phase`, tf.stack([merged.choice.row, merged.choice.column], 1));
        collect(`${name}.merge.gap`, merged.choice.gap);
      }
      [x, energyOf] = [merged.output, merged.linear];
      collect?.(`${name}.merge`, x);
    }
    stage.blocks.forEach(({ plan, dropPath }, at) => {
      const block = `${name}.blocks.${at}`;
      x = applyBlock(swin, stage, plan, stageParams.blocks[at], x, {
        energyOf,
        dropPath,
        key: chance && foldIn(chance, block),
        collect: within(options, block).collect,
      });
      collect?.(block, x);
      energyOf = undefined;
    });
  });
  const code = tf.mean(layerNorm(params.norm, x), [1, 2]);
  collect?.("code", code);
  return linear(params.head, code);
}

function applyBlock(
  { member, settings }: Swin,
  { heads }: SwinStage,
  plan: WindowPlan,
  params: SwinBlockParams,
  x: Tensor,
  options: {
    readonly energyOf?: Tensor;
    readonly dropPath: number;
    readonly key?: Key;
    readonly collect?: ApplyOptions["collect"];
  },
): Tensor {
  const { key } = options;
  const energy: AdaptiveEnergy = settings.energy;
  return swinBlock(params, x, {
    ...options,
    plan,
    norm: member.norm,
    energy,
    dropout: settings.dropout,
    attend: (windows, mask) =>
      member.attend(params.attention, windows, {
        heads,
        plan,
        mask,
        dropout: settings.attentionDropout,
        key: key && foldIn(key, "attention"),
      }),
  });
}

function multiplyAdds({ settings: { embed, adaptive }, shape: { grid, classes }, stages }: Swin): number {
  let sum = grid.tokens * grid.patch * embed;
  for (const { map: [rows, columns], channels, hidden, blocks, merging } of stages) {
    const tokens = rows * columns;
    if (merging !== undefined) {
      // Adaptive merging looks at every grid before it merges on one.
      const grids = adaptive && adaptive.merge ? merging.merged + 1 : 1;
      sum += grids * tokens * merging.merged * channels / 2 * channels;
    }
    for (const { plan } of blocks) {
      sum += tokens * (4 * channels ** 2 + 2 * channels * hidden) +
        2 * tokens * plan.positions.tokens * channels;
      // Averages along both axes, for the energy and for its ties.
      if (plan.isChosen) sum += 2 * tokens * (rows + columns);
    }
  }
  return sum + stages.at(-1)!.channels * classes;
}
