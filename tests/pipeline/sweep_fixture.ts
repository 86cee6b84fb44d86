/**
 * A sweep as a user would write it, for the tests of sweeps and for the workers that they start: tiny, with chance in the
 * data, cells that fail when asked to, and one that waits to be stopped.
 *
 * @module
 */

import { sharedDataset } from "../../datasets/dataset.ts";
import { sgd } from "../../models/optimizers/sgd.ts";
import { tokenMeanMlp } from "../../models/token_mean_mlp.ts";
import { patches1d } from "../../models/tokenizers/patches.ts";
import { augment, circularShift } from "../../pipeline/augment.ts";
import type { Json, JsonObject } from "../../pipeline/json.ts";
import { load } from "../../pipeline/load.ts";
import { pipe } from "../../pipeline/pipe.ts";
import { defineSweep, type Sweep } from "../../pipeline/sweep.ts";
import { tokenize } from "../../pipeline/tokenize.ts";
import { train } from "../../pipeline/train.ts";
import { sha256 } from "../../pipeline/json.ts";
import { encodeModel } from "../../pipeline/checkpoint.ts";
import { tinyDataset } from "./fixtures.ts";

/** How often this module, in this thread, has loaded the images. */
let loads = 0;
const tiny = tinyDataset();
const images = sharedDataset({
  ...tiny,
  load: (options) => {
    loads++;
    return tiny.load(options);
  },
});

/** Learning rates, of which one is absurd, with two seeds each. */
export function rates(learningRates: readonly number[], epochs = 2): Sweep {
  return defineSweep({
    name: "rates",
    axes: { rate: learningRates, seed: [0, 1] },
    pipeline: ({ rate }) =>
      pipe(
        load(images),
        augment(circularShift({ max: 2 })),
        tokenize(patches1d({ size: 4 })),
        train(tokenMeanMlp({ embed: 4, hidden: 8 }), {
          optimizer: sgd({ learningRate: rate }),
          batchSize: 10,
          epochs,
        }),
      ),
    columns: (record, { values }) => ({
      tenfold: 10 * values.rate,
      images: record.train.images.count,
      nothing: NaN,
    }),
    details: async ({ params, workers }) => ({
      loads,
      workers,
      cores: navigator.hardwareConcurrency,
      bits: await sha256(await encodeModel(params)),
    }),
  });
}

/** The sweep of some learning rates: `[0.1, 0.2]` unless others are asked for. */
export default function (input: Json): Sweep {
  const { learningRates = [0.1, 0.2], epochs } = (input ?? {}) as JsonObject & {
    learningRates?: number[];
    epochs?: number;
  };
  return rates(learningRates, epochs);
}
