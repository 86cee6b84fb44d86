/**
 * Names of the models of `shift-vit`, as they are written on a command line: `a-swin`, `vit+shift`, `a-swin-no-windows`.
 *
 * @module
 */

import { nearestName } from "../../datasets/nearest.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";

/** Adaptive models, and the modules of each that can be plain instead, one by one. */
export const ADAPTIVE_MODULES = {
  "a-vit": ["tokens", "positions"],
  "a-swin": ["tokens", "windows", "merge", "positions"],
  "a-swin-box": ["tokens", "windows", "merge", "positions"],
  "a-swin-v2": ["tokens", "windows", "merge", "positions"],
  "a-cvt": ["embedding", "keys", "padding"],
  "a-mvit-v2": ["embedding", "queries", "keys", "positions", "padding"],
  "resnet18-aps": ["downsampling", "padding"],
  "resnet18-lps": ["downsampling", "padding"],
} as const satisfies { readonly [model: string]: readonly string[] };

/** Name of an adaptive model. */
export type AdaptiveName = keyof typeof ADAPTIVE_MODULES;

/** Models that adapt nothing. */
export const PLAIN_NAMES = [
  "vit",
  "swin",
  "swin-v2",
  "cvt",
  "mvit-v2",
  "resnet18",
  "resnet18-blurpool",
] as const;

/** Name of a model that adapts nothing. */
export type PlainName = typeof PLAIN_NAMES[number];

/** Name of a model without what stands behind a plus sign. */
export type BaseName = PlainName | AdaptiveName;

/** All models, each adaptive one behind its plain twin. */
export const BASE_NAMES: readonly BaseName[] = [
  "vit",
  "a-vit",
  "swin",
  "a-swin",
  "a-swin-box",
  "swin-v2",
  "a-swin-v2",
  "cvt",
  "a-cvt",
  "mvit-v2",
  "a-mvit-v2",
  "resnet18",
  "resnet18-aps",
  "resnet18-lps",
  "resnet18-blurpool",
];

/** How far training images are shifted. */
export interface TrainingShift {
  /** Around the border, or with zeros that come in. */
  readonly kind: "circular" | "zero";
  /** Greatest number of pixels along rows and columns, either way. Left out: what the kind has by default. */
  readonly max?: number;
}

/** What a name says. */
export interface ModelName {
  /** The name as it was written. */
  readonly text: string;
  /** Which model. */
  readonly base: BaseName;
  /** Its adaptive modules that are on; `canonical` where its tokens start at the canonical one. */
  readonly modules: readonly string[];
  /** What is done to training images. */
  readonly shifts: readonly TrainingShift[];
  /** What predictions are averaged over, if they are: the phases of the coarsest grid, or all circular shifts. */
  readonly average?: "phases" | "all";
}

/** Adaptive models whose modules can be switched one by one. The sampling of a residual network is one thing. */
export function isSeparable(base: BaseName): base is Exclude<AdaptiveName, "resnet18-aps" | "resnet18-lps"> {
  return Object.hasOwn(ADAPTIVE_MODULES, base) && !base.startsWith("resnet");
}

/** The names of a model with each adaptive module alone and with all but one; what comes to the same stands once. */
export function ablations(base: BaseName): string[] {
  if (!isSeparable(base)) return [];
  const modules: readonly string[] = ADAPTIVE_MODULES[base];
  const only = modules.map((module) => `${base}-only-${module}`);
  // Of two modules, one alone is all but the other.
  return modules.length === 2 ? only : [...only, ...modules.map((module) => `${base}-no-${module}`)];
}

/** What may stand behind a plus sign. */
const SUFFIXES = ["shift", "zeroshift", "canonical", "average", "average-all"] as const;

/**
 * What a name says: a model; behind `-only-` or `-no-` one of its adaptive modules; then, each behind a plus sign,
 * `shift`, `zeroshift`, either with a number of pixels, `canonical`, `average` or `average-all`.
 *
 * @throws {PolyphaseError} if there is no such model, module or suffix, or it has no patches to start at the canonical one
 */
export function parseModelName(text: string): ModelName {
  const [head, ...suffixes] = text.split("+");
  const { base, modules } = parseHead(text, head);
  const shifts: TrainingShift[] = [];
  const all = new Set(modules);
  let average: ModelName["average"];
  for (const suffix of suffixes) {
    const shift = suffix.match(/^(zero)?shift([1-9]\d*)?$/);
    if (shift !== null) {
      const [, zero, max] = shift;
      shifts.push({ kind: zero ? "zero" : "circular", ...max === undefined ? {} : { max: Number(max) } });
    } else if (suffix === "canonical") {
      all.add("canonical");
      if (!hasPatches(base)) {
        throw new PolyphaseError(
          `Model "${text}" starts at the canonical patch, expected a model of patches, and ${base} sees pixels: write vit+canonical`,
        );
      }
    } else if (suffix === "average" || suffix === "average-all") {
      average = suffix === "average" ? "phases" : "all";
    } else {
      throw new PolyphaseError(
        `Model "${text}" has "+${suffix}": did you mean +${nearestName(suffix, SUFFIXES)}? Known are ${
          SUFFIXES.map((each) => `+${each}`).join(", ")
        }, the first two with a number of pixels if you like`,
      );
    }
  }
  return { text, base, modules: [...all], shifts, ...average === undefined ? {} : { average } };
}

function parseHead(text: string, head: string): Pick<ModelName, "base" | "modules"> {
  const whole = BASE_NAMES.find((name) => name === head);
  if (whole !== undefined) return { base: whole, modules: isAdaptive(whole) ? ADAPTIVE_MODULES[whole] : [] };
  const [, name, how, module] = head.match(/^(.+)-(only|no)-([a-z]+)$/) ?? [];
  const base = BASE_NAMES.find((each) => each === name);
  if (base === undefined) {
    throw new PolyphaseError(
      `Unknown model "${text}": did you mean ${nearestName(head, BASE_NAMES)}? Known are ${
        BASE_NAMES.join(", ")
      }`,
    );
  }
  const all: readonly string[] = isSeparable(base) ? ADAPTIVE_MODULES[base] : [];
  if (!all.includes(module)) {
    throw new PolyphaseError(
      `Model "${text}" switches "${module}", expected ${
        all.length === 0 ? `a model with modules to switch, which ${base} is not` : all.join(", ")
      }: write ${all.length === 0 ? base : `${base}-${how}-${all[0]}`}`,
    );
  }
  return { base, modules: how === "only" ? [module] : all.filter((each) => each !== module) };
}

/** Whether a model sees patches; the others see pixels. */
function hasPatches(base: BaseName): boolean {
  return /^(a-)?(vit|swin)/.test(base);
}

/** Whether a model has adaptive modules. */
export function isAdaptive(base: BaseName): base is AdaptiveName {
  return Object.hasOwn(ADAPTIVE_MODULES, base);
}
