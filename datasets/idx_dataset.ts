/**
 * Data sets in the layout of MNIST: four IDX files, two of images and two of labels.
 *
 * @module
 */

import { AbortedError } from "../pipeline/errors.ts";
import type { IdxFile } from "./checksums.ts";
import type { Dataset, LoadOptions, Split, Splits } from "./dataset.ts";
import type { DebianPackage } from "./debian.ts";
import { resolveFiles } from "./files.ts";
import { readIdx, splitOfIdx } from "./idx.ts";
import { checkSize, resizeSplits } from "./resize.ts";
import { hostSystem, type System } from "./system.ts";

/** What sets one data set in the layout of MNIST apart from another. */
export interface IdxSource {
  /** Name of the data set, for example `mnist`. */
  readonly name: string;
  /** Name for a person, for example `MNIST`. */
  readonly title: string;
  /** Class names by label. */
  readonly classes: readonly string[];
  /** SHA-256 of each file, uncompressed. */
  readonly sha256: Readonly<Record<IdxFile, string>>;
  /** Folders below the user's own in which the files may be too. */
  readonly subfolders: readonly string[];
  /** Addresses of the publisher's mirrors, each ending in `/`. */
  readonly mirrors: readonly string[];
  /** The Debian package that holds the files. */
  readonly debian?: DebianPackage;
}

/** Options of a data set whose files are published. */
export interface PublishedOptions {
  /** Height and width of the images in pixels; other than the published size, they are resized as Pillow does. */
  readonly size?: number;
  /** Folder that holds the files. Default: the cache, the system, the publisher's mirrors. */
  readonly dir?: string;
}

/** Height and width of the published images. */
const PUBLISHED_SIZE = 28;

/**
 * A data set of four IDX files.
 *
 * @throws {PolyphaseError} if `size` is not a whole number of at least 1
 */
export function idxDataset(
  source: IdxSource,
  { size = PUBLISHED_SIZE, dir }: PublishedOptions = {},
  system: System = hostSystem(),
): Dataset {
  checkSize(size);
  return {
    name: source.name,
    config: { name: source.name, size },
    async load(options: LoadOptions = {}): Promise<Splits> {
      const files = Object.entries(source.sha256).map(([name, sha256]) => ({ name, sha256 }));
      const found = await resolveFiles({ ...source, files }, { ...options, dir, system });
      const splitOf = (prefix: "train" | "t10k"): Split => {
        const names = {
          images: `${prefix}-images-idx3-ubyte`,
          labels: `${prefix}-labels-idx1-ubyte`,
        } as const;
        const [images, labels] = [names.images, names.labels].map((name) => readIdx(found.get(name)!, name));
        return splitOfIdx(images, labels, source.classes.length, names);
      };
      const splits = { train: splitOf("train"), test: splitOf("t10k"), classes: source.classes };
      if (options.signal?.aborted) throw new AbortedError(`Stopped while loading ${source.title}`);
      return resizeSplits(splits, size);
    },
  };
}
