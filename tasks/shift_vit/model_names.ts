/**
 * Names of the models of `shift-vit`, as they are written on a command line: `a-swin`, `vit+shift`, `a-swin-no-windows`,
 * `a-vit+pixels`.
 *
 * @module
 */

import { nearestName } from "../../datasets/nearest.ts";
import type { PhaseEnergy } from "../../models/tokenizers/phase_energy.ts";
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
  /** What the grid of patches is chosen by, if not by the most squares of tokens: another energy, or chance. */
  readonly energy?: PhaseEnergy | "random";
  /** Whether images are blurred before patches are cut. */
  readonly blur?: boolean;
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

/** What may stand behind a plus sign, as it is listed where something else does. */
const SUFFIXES = [
  ...["shift", "zeroshift", "average", "average-all"],
  ...["canonical", "blur", "pixels", "l1", "lmax", "least", "random"],
] as const;

/**
 * What a name says: a model; behind `-only-` or `-no-` one of its adaptive modules; then, each behind a plus sign,
 *
 * - `shift` or `zeroshift`, either with a number of pixels, for training images;
 * - `canonical` or `blur`, and for a grid that is chosen `pixels`, `least`, `random`, and `l` with an exponent or `max`, for
 *   patches;
 * - `average` or `average-all`, for predictions.
 *
 * @throws {PolyphaseError} if there is no such model, module or suffix, or it does not suit the model
 */
export function parseModelName(text: string): ModelName {
  const [head, ...suffixes] = text.split("+");
  const { base, modules } = parseHead(text, head);
  const all = new Set(modules);
  const shifts: TrainingShift[] = [];
  let energy: PhaseEnergy | undefined;
  let [isRandom, blur]: [boolean, boolean] = [false, false];
  let average: ModelName["average"];
  for (const suffix of suffixes) {
    const shift = suffix.match(/^(zero)?shift([1-9]\d*)?$/);
    const [, power] = suffix.match(/^l(max|\d+(?:\.\d+)?)$/) ?? [];
    if (shift !== null) {
      const [, zero, max] = shift;
      shifts.push({ kind: zero ? "zero" : "circular", ...max === undefined ? {} : { max: Number(max) } });
    } else if (suffix === "average") average = "phases";
    else if (suffix === "average-all") average = "all";
    else if (suffix === "canonical") all.add("canonical");
    else if (suffix === "blur") blur = true;
    else if (suffix === "pixels") energy = { ...energy, of: "pixels" };
    else if (suffix === "least") energy = { ...energy, take: "least" };
    else if (suffix === "random") isRandom = true;
    else if (power === "max" || Number(power) > 0) {
      energy = { ...energy, p: power === "max" ? "max" : Number(power) };
    } else throw unknownSuffix(text, suffix);
  }
  if (isRandom && (energy !== undefined || all.has("canonical"))) {
    throw new PolyphaseError(
      `Model "${text}" lays its grid at random and by an energy, expected to do so in one way alone: write ${head}+random`,
    );
  }
  const name = { text, base, modules: [...all], shifts };
  const chosenBy = isRandom ? "random" as const : energy;
  const patches = { ...chosenBy === undefined ? {} : { energy: chosenBy }, ...blur ? { blur } : {} };
  expectPatches({ ...name, ...patches });
  if (isRandom) name.modules = name.modules.filter((module) => module !== "tokens");
  return { ...name, ...patches, ...average === undefined ? {} : { average } };
}

function unknownSuffix(text: string, suffix: string): PolyphaseError {
  return new PolyphaseError(
    `Model "${text}" has "+${suffix}": did you mean +${nearestName(suffix, SUFFIXES)}? Known are ${
      SUFFIXES.map((each) => `+${each}`).join(", ")
    }, the first two with a number of pixels if you like, and l with any exponent`,
  );
}

/** Refuses what is said of patches, or of how their grid is chosen, for a model that has none. */
function expectPatches({ text, base, modules, energy, blur }: ModelName): void {
  const isChosen = modules.includes("tokens") || modules.includes("canonical");
  if (energy !== undefined && !isChosen) {
    throw new PolyphaseError(
      `Model "${text}" says how a grid of patches is chosen, expected one that is, and that of ${base} is not: write a-vit`,
    );
  }
  if ((blur || modules.includes("canonical")) && !/^(a-)?(vit|swin)/.test(base)) {
    throw new PolyphaseError(
      `Model "${text}" says how patches are cut, expected a model of patches, and ${base} sees pixels: write vit`,
    );
  }
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

/** Whether a model has adaptive modules. */
export function isAdaptive(base: BaseName): base is AdaptiveName {
  return Object.hasOwn(ADAPTIVE_MODULES, base);
}
