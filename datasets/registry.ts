/**
 * Data sets by name, as a command line gives it.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { inChannels } from "./channels.ts";
import { cifar10, cifar100 } from "./cifar.ts";
import type { Dataset } from "./dataset.ts";
import { fashionMnist } from "./fashion_mnist.ts";
import type { PublishedOptions } from "./idx_dataset.ts";
import { imageFolder } from "./image_folder.ts";
import { mnist } from "./mnist.ts";
import { nearestName } from "./nearest.ts";
import { synthetic } from "./synthetic.ts";

/** Names that {@linkcode datasetByName} knows, for a help text. */
export const DATASET_NAMES: readonly string[] = [
  "fashion-mnist",
  "mnist",
  "cifar10",
  "cifar100",
  "folder:PATH",
  "synthetic",
];

const FOLDER = "folder:";

/** Options of {@linkcode datasetByName}. */
export interface NamedOptions extends PublishedOptions {
  /** Channels of the images, whatever they are published in: 1 for grey, 3 for RGB. */
  readonly channels?: 1 | 3;
}

/**
 * The data set of a name: `fashion-mnist`, `mnist`, `cifar10`, `cifar100`, `folder:PATH` or `synthetic`.
 *
 * @param text The name.
 * @param options `size` of the images in pixels and `channels`, by default the data set's own; `dir`, the folder of a
 *   published data set's files, which `folder:PATH` and `synthetic` refuse, since they have none.
 * @throws {PolyphaseError} if the name is unknown, or `dir` is given for a data set without published files
 */
export function datasetByName(text: string, { channels, ...options }: NamedOptions = {}): Dataset {
  const dataset = published(text, options);
  return channels === undefined ? dataset : inChannels(dataset, channels);
}

function published(text: string, options: PublishedOptions): Dataset {
  const { size, dir } = options;
  const withoutDir = (why: string) => {
    if (dir !== undefined) throw new PolyphaseError(`--data ${dir} does not go with ${text}: ${why}`);
  };
  if (text.startsWith(FOLDER)) {
    const path = text.slice(FOLDER.length);
    if (path === "") throw new PolyphaseError(`"${text}" names no folder, expected folder:PATH`);
    withoutDir("the folder is in the name already; leave --data out");
    return imageFolder(path, { size });
  }
  switch (text) {
    case "fashion-mnist":
      return fashionMnist(options);
    case "mnist":
      return mnist(options);
    case "cifar10":
      return cifar10(options);
    case "cifar100":
      return cifar100(options);
    case "synthetic":
      withoutDir("its images are drawn, not read; leave --data out");
      return synthetic({ size });
    default:
      throw new PolyphaseError(
        `Unknown data set "${text}": did you mean ${nearestName(text, DATASET_NAMES)}? Known are ${
          DATASET_NAMES.join(", ")
        }`,
      );
  }
}
