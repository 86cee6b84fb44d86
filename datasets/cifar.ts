/**
 * CIFAR-10 and CIFAR-100: 50,000 training and 10,000 test images, 32 × 32, RGB, in classes of equal size.
 *
 * A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
 *
 * The publisher's archive of the binary version is checked by its SHA-256. Loose `.bin` files in a folder of the
 * user's have no published checksum: they are checked by their structure, that is their number of records, the range
 * of their labels and the equal size of their classes.
 *
 * @module
 */

import { AbortedError, PolyphaseError } from "../pipeline/errors.ts";
import { CIFAR_SIZE, type CifarFile, type CifarLayout, readCifar } from "./cifar_binary.ts";
import { CIFAR100_COARSE_CLASSES, CIFAR100_FINE_CLASSES, CIFAR10_CLASSES } from "./cifar_classes.ts";
import type { Dataset, LoadOptions, Split, Splits } from "./dataset.ts";
import { resolveFiles } from "./files.ts";
import { gunzip } from "./gunzip.ts";
import type { PublishedOptions } from "./idx_dataset.ts";
import { checkSize, resizeSplits } from "./resize.ts";
import { hostSystem, type System } from "./system.ts";
import { untar } from "./tar.ts";

/** Options of CIFAR-100. */
export interface Cifar100Options extends PublishedOptions {
  /** Which of its two labels an image gets: one of 100 classes (`fine`, the default) or of 20 superclasses (`coarse`). */
  readonly labels?: "fine" | "coarse";
}

/** What sets one CIFAR from another. */
export interface CifarSource {
  /** Name of the data set, for example `cifar10`. */
  readonly name: string;
  /** Name for a person, for example `CIFAR-10`. */
  readonly title: string;
  /** The publisher's archive. */
  readonly archive: { readonly name: string; readonly sha256: string };
  /** Folder of the files in the archive. */
  readonly folder: string;
  /** Files of the training split in order. */
  readonly train: readonly string[];
  /** File of the test split. */
  readonly test: string;
  /** Images of each split. */
  readonly counts: { readonly train: number; readonly test: number };
  /** How labels lie. */
  readonly layout: CifarLayout;
  /** Class names by label. */
  readonly classes: readonly string[];
}

const MIRRORS = ["https://www.cs.toronto.edu/~kriz/"];
const COUNTS = { train: 50_000, test: 10_000 };

/**
 * CIFAR-10 in its binary version.
 *
 * @param options `size` in pixels, by default 32; `dir`, a folder that holds `cifar-10-binary.tar.gz` or its `.bin` files.
 * @param system The machine to look on, by default the host.
 * @throws {PolyphaseError} if `size` is not a whole number of at least 1; `load` throws one if the files cannot be had
 */
export function cifar10(options: PublishedOptions = {}, system: System = hostSystem()): Dataset {
  const source: CifarSource = {
    name: "cifar10",
    title: "CIFAR-10",
    archive: {
      name: "cifar-10-binary.tar.gz",
      sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    },
    folder: "cifar-10-batches-bin",
    train: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`),
    test: "test_batch.bin",
    counts: COUNTS,
    layout: { labelBytes: 1, labelIndex: 0, classes: CIFAR10_CLASSES.length },
    classes: CIFAR10_CLASSES,
  };
  return cifarDataset(source, {}, options, system);
}

/**
 * CIFAR-100 in its binary version.
 *
 * @param options As for {@linkcode cifar10}, with `cifar-100-binary.tar.gz`; `labels` picks the fine or the coarse label.
 * @param system The machine to look on, by default the host.
 * @throws {PolyphaseError} if `size` is not a whole number of at least 1, or `labels` is neither; `load` throws one if the
 *   files cannot be had
 */
export function cifar100(options: Cifar100Options = {}, system: System = hostSystem()): Dataset {
  const { labels = "fine" } = options;
  if (labels !== "fine" && labels !== "coarse") {
    throw new PolyphaseError(
      `labels "${labels}" of CIFAR-100, expected "fine" (100 classes) or "coarse" (20)`,
    );
  }
  const classes = labels === "fine" ? CIFAR100_FINE_CLASSES : CIFAR100_COARSE_CLASSES;
  const source: CifarSource = {
    name: "cifar100",
    title: "CIFAR-100",
    archive: {
      name: "cifar-100-binary.tar.gz",
      sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    },
    folder: "cifar-100-binary",
    train: ["train.bin"],
    test: "test.bin",
    counts: COUNTS,
    layout: { labelBytes: 2, labelIndex: labels === "fine" ? 1 : 0, classes: classes.length },
    classes,
  };
  return cifarDataset(source, { labels }, options, system);
}

/**
 * A data set in CIFAR's binary version.
 *
 * @param extra What its configuration holds besides name and size.
 */
export function cifarDataset(
  source: CifarSource,
  extra: Readonly<Record<string, string>>,
  { size = CIFAR_SIZE, dir }: PublishedOptions,
  system: System,
): Dataset {
  checkSize(size);
  return {
    name: source.name,
    config: { name: source.name, ...extra, size },
    async load(options: LoadOptions = {}): Promise<Splits> {
      const files = dir !== undefined && await hasLooseFiles(source, dir, system)
        ? await looseFiles(source, dir, system, options)
        : await archivedFiles(source, dir, system, options);
      if (options.signal?.aborted) throw new AbortedError(`Stopped while loading ${source.title}`);
      const splitOf = (names: readonly string[]) =>
        readCifar(names.map((name) => ({ name, bytes: files.get(name)! })), source.layout);
      const splits = { train: splitOf(source.train), test: splitOf([source.test]), classes: source.classes };
      checkSplit(splits.train, source.counts.train, source.train.join(", "), source);
      checkSplit(splits.test, source.counts.test, source.test, source);
      return resizeSplits(splits, size);
    },
  };
}

type Bytes = CifarFile["bytes"];

/** Whether the user's folder, or the publisher's folder in it, holds unpacked files. */
async function hasLooseFiles(source: CifarSource, dir: string, system: System): Promise<boolean> {
  if (!await system.may({ read: dir })) return false;
  for (const folder of [dir, `${dir}/${source.folder}`]) {
    const names = await system.listFiles(folder);
    if ([...source.train, source.test].some((name) => names.includes(name) || names.includes(`${name}.gz`))) {
      return true;
    }
  }
  return false;
}

async function looseFiles(
  source: CifarSource,
  dir: string,
  system: System,
  options: LoadOptions,
): Promise<ReadonlyMap<string, Bytes>> {
  const files = [...source.train, source.test].map((name) => ({ name }));
  const set = { ...source, files, subfolders: [source.folder], mirrors: [] };
  return await resolveFiles(set, { ...options, dir, system });
}

async function archivedFiles(
  source: CifarSource,
  dir: string | undefined,
  system: System,
  options: LoadOptions,
): Promise<ReadonlyMap<string, Bytes>> {
  const { name, sha256 } = source.archive;
  const set = {
    ...source,
    files: [{ name, sha256, whole: true }],
    subfolders: [source.name],
    mirrors: MIRRORS,
  };
  const archive = (await resolveFiles(set, { ...options, dir, system })).get(name)!;
  options.progress?.({ text: `unpacking ${name}` });
  const members = untar(await gunzip(archive, name), name);
  const files = new Map<string, Bytes>();
  for (const file of [...source.train, source.test]) {
    const bytes = members.get(`${source.folder}/${file}`);
    if (!bytes) {
      throw new PolyphaseError(
        `${name} has no ${source.folder}/${file}: take the binary version from the publisher`,
      );
    }
    files.set(file, bytes);
  }
  return files;
}

/** Refuses a split that cannot be the published one: a wrong number of images, or classes of unequal size. */
function checkSplit(split: Split, count: number, names: string, { title, classes }: CifarSource): void {
  const mend = `take the files of ${title} from the publisher`;
  if (split.labels.length !== count) {
    throw new PolyphaseError(`${names}: ${split.labels.length} images, expected ${count}: ${mend}`);
  }
  const sizes = new Uint32Array(classes.length);
  for (const label of split.labels) sizes[label]++;
  const wrong = sizes.findIndex((size) => size !== count / classes.length);
  if (wrong >= 0) {
    throw new PolyphaseError(
      `${names}: ${sizes[wrong]} images of class ${classes[wrong]}, expected ${
        count / classes.length
      }: ${mend}`,
    );
  }
}
