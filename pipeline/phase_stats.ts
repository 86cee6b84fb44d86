/**
 * `phaseStats`: how sure the adaptive modules of a model are of the polyphase that they choose.
 *
 * A module takes the polyphase of most energy. Where the best and the second best have nearly the same, rounding chooses,
 * and a shift of the image may change the choice. An energy whose relative gap is that small for most images is
 * degenerate: it does not tell polyphases apart at all, as that of normalized tokens does not.
 *
 * @module
 */

import { type Images, imageSize } from "../datasets/dataset.ts";
import type { Offset } from "../datasets/shift.ts";
import type { TokenGrid, Tokens } from "../models/tokenizers/tokenizer.ts";
import { activationsOf } from "./equivariance/activations.ts";
import { PolyphaseError } from "./errors.ts";
import { pauses } from "./pause.ts";
import { type Stage, stage } from "./pipe.ts";
import { readEmbedding } from "./predict.ts";
import { foldIn } from "./random.ts";
import type { Trained } from "./records.ts";

/** A median gap below this is called degenerate: float32 sums in another order already differ by a tenth of it. */
export const DEGENERATE_GAP = 1e-5;

/** Gaps below this count as near ties: it is what the modules settle by a second functional. */
export const NEAR_TIE = 1e-6;

/** On which images to look. */
export interface PhaseStatsOptions {
  /** How many test images, the first of them. Default: all. */
  readonly images?: number;
  /** Images per forward pass. Default 500. */
  readonly batchSize?: number;
}

/** How one adaptive module chose. */
export interface ModulePhases {
  /** The module as the model names it; `tokenizer` for adaptive tokens. */
  readonly module: string;
  /** How many images. */
  readonly images: number;
  /** Median relative gap `(best − second) / best` of the energies. Higher is better. */
  readonly medianGap: number;
  /** The gap that one image in a hundred is below. Higher is better. */
  readonly lowGap: number;
  /** Least gap of all images. Higher is better. */
  readonly leastGap: number;
  /** Share of images whose best two energies are equal. Lower is better. */
  readonly ties: number;
  /** Share of images whose gap is below 1e-6. Lower is better. */
  readonly nearTies: number;
  /** Whether the median gap is below 1e-5: rounding chooses, not the image. */
  readonly degenerate: boolean;
  /** Images by decade of the gap: `[low, 10 · low)`, the least of which holds smaller ones too, after those of gap 0. */
  readonly histogram: readonly { readonly low: number; readonly count: number }[];
  /** The polyphases chosen, row and column where they start, and how often, the commonest first. */
  readonly phases: readonly (Offset & { readonly count: number })[];
}

/** A trained model with the choices of its adaptive modules. Made by `phaseStats`. */
export interface PhasesCounted extends Trained {
  /** How each adaptive module chose, in the order of the model; nothing for a model that has none. */
  readonly phases: readonly ModulePhases[];
}

/** Decades of the histogram, the least first. */
const DECADES = [1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

/** Gaps and phases of a module, image by image. */
interface Choices {
  readonly gaps: number[];
  readonly phases: Offset[];
}

/**
 * Gathers what every adaptive module chose on test images: the activations `*.phase` `[batch, 2]` and `*.gap` `[batch]`
 * that the model hands to `collect`, and the energies of an adaptive tokenizer. A degenerate energy is told as a line of
 * progress.
 *
 * @throws {PolyphaseError} if an option is out of range
 */
export function phaseStats(
  { images, batchSize = 500 }: PhaseStatsOptions = {},
): Stage<Trained, PhasesCounted, "phaseStats"> {
  for (const [name, value] of Object.entries({ images: images ?? 1, batchSize })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new PolyphaseError(`phaseStats: ${name} is ${value}, expected a whole number: give 1 or more`);
  }
  const config = { ...images === undefined ? {} : { images }, batchSize };
  return stage("phaseStats", config, async (trained, run) => {
    const all = trained.test.images;
    const count = Math.min(images ?? all.count, all.count);
    const embedding = trained.tokenizer.adaptive ? await readEmbedding(trained) : undefined;
    const size = imageSize(all);
    const modules = new Map<string, Choices>();
    const choicesOf = (name: string): Choices => {
      const choices = modules.get(name) ?? { gaps: [], phases: [] };
      modules.set(name, choices);
      return choices;
    };
    const pause = pauses(run, "phaseStats", "counting phases");
    for (let start = 0; start < count; start += batchSize) {
      await pause(start, count);
      const batch = Math.min(batchSize, count - start);
      const pixels = all.pixels.subarray(start * size, (start + batch) * size);
      const some: Images = { ...all, count: batch, pixels };
      const tokens = trained.tokenizer.tokenize(some, { embedding, key: foldIn(run.key, start) });
      if (tokens.gaps !== undefined) tokenizerChoices(tokens, trained.grid, choicesOf("tokenizer"));
      const collected = await activationsOf(
        trained,
        some,
        embedding,
        foldIn(run.key, start),
        (name) => /\.(phase|gap)$/.test(name),
      );
      for (const [name, { values }] of collected) {
        const module = name.slice(0, name.lastIndexOf("."));
        if (name.endsWith(".gap")) choicesOf(module).gaps.push(...values);
        else {
          for (let row = 0; row < values.length; row += 2) {
            choicesOf(module).phases.push({ dy: values[row], dx: values[row + 1] });
          }
        }
      }
    }
    await pause(count, count);
    const phases = Array.from(modules, ([module, choices]) => summarize(module, choices));
    for (const { module, medianGap, degenerate } of phases) {
      if (!degenerate) continue;
      run.progress({
        stage: "phaseStats",
        text: `warning: degenerate energy in ${module}: the median gap of the best two phases is ${
          medianGap.toExponential(1)
        }, expected ${
          DEGENERATE_GAP.toExponential(0)
        } or more: take the energy before normalization, or of another exponent`,
      });
    }
    return { ...trained, phases };
  });
}

/** The polyphases that the tokenizer chose, as the fixed grid sees them: which whole patch comes first is left out. */
function tokenizerChoices({ gaps, offsets }: Tokens, { patchShape }: TokenGrid, choices: Choices): void {
  const [patchHeight, patchWidth] = patchShape;
  choices.gaps.push(...gaps!);
  choices.phases.push(...offsets.map(({ dy, dx }) => ({ dy: dy % patchHeight, dx: dx % patchWidth })));
}

function summarize(module: string, { gaps, phases }: Choices): ModulePhases {
  const sorted = Float64Array.from(gaps).sort();
  const below = (limit: number) => sorted.findIndex((gap) => gap >= limit);
  const countBelow = (limit: number) => (below(limit) < 0 ? sorted.length : below(limit));
  const zeros = sorted.filter((gap) => gap <= 0).length;
  const edges = [0, ...DECADES.slice(1), Infinity].map(countBelow);
  const counts = new Map<string, { dy: number; dx: number; count: number }>();
  for (const { dy, dx } of phases) {
    const entry = counts.get(`${dy},${dx}`) ?? { dy, dx, count: 0 };
    entry.count++;
    counts.set(`${dy},${dx}`, entry);
  }
  const medianGap = quantile(sorted, 0.5);
  return {
    module,
    images: sorted.length,
    medianGap,
    lowGap: quantile(sorted, 0.01),
    leastGap: quantile(sorted, 0),
    ties: zeros / sorted.length,
    nearTies: countBelow(NEAR_TIE) / sorted.length,
    degenerate: medianGap < DEGENERATE_GAP,
    histogram: [
      { low: 0, count: zeros },
      ...DECADES.map((low, nth) => ({
        low,
        count: edges[nth + 1] - (nth === 0 ? zeros : edges[nth]),
      })),
    ],
    phases: [...counts.values()].sort((a, b) => b.count - a.count || a.dy - b.dy || a.dx - b.dx),
  };
}

/** The value that a share of the sorted values is below, linear between two. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}
