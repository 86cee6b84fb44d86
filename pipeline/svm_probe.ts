/**
 * `svmProbe`: how well a support-vector classifier does on the code of a trained model.
 *
 * The fair number fits on the code of training images and scores on that of the test images. Resubstitution fits and
 * scores on the test images alike, which says how well the code of these very images can be told apart and nothing about
 * new ones; published tables of small vision transformers give that number, so it is here to compare with them.
 *
 * @module
 */

import { type Images, imageSize } from "../datasets/dataset.ts";
import { AbortedError, PolyphaseError } from "./errors.ts";
import { codeOf } from "./features.ts";
import { pauses, stoppedIn } from "./pause.ts";
import { type Run, type Stage, stage } from "./pipe.ts";
import { foldIn } from "./random.ts";
import type { Trained } from "./records.ts";
import { localRunner, startRunner, type SvcRunner } from "./svm/runner.ts";
import { checkSettings, type SvcSettings } from "./svm/svc.ts";

/** How to probe. */
export interface SvmProbeOptions extends Omit<SvcSettings, "cacheBytes"> {
  /** Training images to fit on, the first ones; all where there are fewer. Default 10,000. */
  readonly fitOn?: number;
  /** Whether to fit and score on the test images as well. Default true. */
  readonly resubstitution?: boolean;
  /**
   * Whether to fit in a worker where one can be had. The results are the same, so it is no part of the configuration.
   * Default true.
   */
  readonly worker?: boolean;
}

/** A support-vector classifier and its score. */
export interface ProbeScore {
  /** Share of the test images whose class is predicted right, in [0, 1]. */
  readonly accuracy: number;
  /** Images it was fitted on. */
  readonly rows: number;
  /** Images among them that are support vectors. */
  readonly supportVectors: number;
  /** Width of its kernel. */
  readonly gamma: number;
  /** Seconds that fitting took, by the run's clock; not part of what a seed determines. */
  readonly fitSeconds: number;
}

/** Results of {@linkcode svmProbe}: those of the classifier that was fitted on training images. */
export interface ProbeResult extends ProbeScore {
  /** Features of the code. */
  readonly dims: number;
  /** Those of the classifier that was fitted on the test images that it is scored on. */
  readonly resubstitution?: ProbeScore;
}

/** A trained model with its probe. Made by `svmProbe`. */
export interface Probed extends Trained {
  /** Results of support-vector classifiers on the model's code. */
  readonly probe: ProbeResult;
}

/**
 * Fits support-vector classifiers to the code of the trained model and scores them on the test images.
 *
 * The stage throws a {@linkcode PolyphaseError} if the model hands over no code, the code is not finite, or the images are
 * of one class; an {@linkcode AbortedError} when it is told to stop.
 *
 * @throws {PolyphaseError} if `fitOn` is not a whole number of at least 2, or a setting of the classifier is out of range
 */
export function svmProbe(options: SvmProbeOptions = {}): Stage<Trained, Probed, "svmProbe"> {
  const { C = 1, gamma = "scale", tolerance = 1e-3, fitOn = 10_000, resubstitution = true } = options;
  if (!Number.isInteger(fitOn) || fitOn < 2) {
    throw new PolyphaseError(`svmProbe: fitOn ${fitOn} is no number of images: give 2 or more`);
  }
  // Here and not when it fits, which would be after hours of training.
  checkSettings({ C, gamma, tolerance });
  const config = { C, gamma, tolerance, fitOn, resubstitution };
  return stage("svmProbe", config, async (trained, run) => {
    const { test } = trained;
    const train = firstOf(trained.train.images, fitOn);
    const learned = {
      code: await codes(trained, train, run, "training"),
      labels: trained.train.labels.subarray(0, train.count),
    };
    const tested = { code: await codes(trained, test.images, run, "test"), labels: test.labels };
    const runner = options.worker === false ? localRunner : await startRunner();
    try {
      const score = (on: Coded, what: string): Promise<ProbeScore> =>
        scoreOf(runner, on, tested, { C, gamma, tolerance }, run, what);
      const fair = await score(learned, "training");
      const probe: ProbeResult = {
        ...fair,
        dims: tested.code.length / tested.labels.length,
        ...(resubstitution ? { resubstitution: await score(tested, "test") } : {}),
      };
      return { ...trained, probe };
    } catch (cause) {
      throw cause instanceof AbortedError ? stoppedIn("svmProbe") : cause;
    } finally {
      runner.close();
    }
  });
}

/** Codes of images with their classes. */
interface Coded {
  readonly code: Float32Array;
  readonly labels: Uint8Array;
}

async function scoreOf(
  runner: SvcRunner,
  fitted: Coded,
  tested: Coded,
  settings: SvcSettings,
  { signal, progress, now }: Run,
  what: string,
): Promise<ProbeScore> {
  const say = (text: string) => (done: number, total: number) =>
    progress({ stage: "svmProbe", text, done, total });
  const started = now();
  const svc = await runner.fit(fitted.code, fitted.labels, {
    ...settings,
    signal,
    progress: say(`fitting pairs of classes on ${what} images`),
  });
  const fitSeconds = (now() - started) / 1000;
  const labels = await runner.predict(svc, tested.code, {
    signal,
    progress: say(`scoring the fit on ${what} images`),
  });
  return {
    accuracy: labels.filter((label, row) => label === tested.labels[row]).length / labels.length,
    rows: fitted.labels.length,
    supportVectors: svc.support.length,
    gamma: svc.gamma,
    fitSeconds,
  };
}

/** Codes of images, with turns for others in between. */
function codes(trained: Trained, images: Images, run: Run, what: "training" | "test"): Promise<Float32Array> {
  const between = pauses(run, "svmProbe", `code of ${what} images`);
  return codeOf(trained, images, foldIn(run.key, what), { between });
}

function firstOf(images: Images, count: number): Images {
  if (images.count <= count) return images;
  return { ...images, count, pixels: images.pixels.subarray(0, count * imageSize(images)) };
}
