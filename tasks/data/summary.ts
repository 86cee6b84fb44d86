/**
 * What there is to say of a data set: its files, and its images by class.
 *
 * @module
 */

import type { Split, Splits } from "../../datasets/dataset.ts";
import type { UsedFile } from "./used_files.ts";

/** One split in numbers. */
export interface SplitSummary {
  /** `train` or `test`. */
  readonly split: "train" | "test";
  /** How many images. */
  readonly count: number;
  /** Rows of pixels. */
  readonly height: number;
  /** Columns of pixels. */
  readonly width: number;
  /** Values per pixel. */
  readonly channels: number;
  /** Images of each class, in the order of the labels. */
  readonly classes: readonly { readonly name: string; readonly count: number }[];
}

/** Both splits in numbers, training first. */
export function summarize(splits: Splits): [SplitSummary, SplitSummary] {
  const summary = (split: "train" | "test", { images, labels }: Split): SplitSummary => {
    const counts = new Array<number>(splits.classes.length).fill(0);
    for (const label of labels) counts[label]++;
    const { count, height, width, channels } = images;
    const classes = splits.classes.map((name, label) => ({ name, count: counts[label] }));
    return { split, count, height, width, channels, classes };
  };
  return [summary("train", splits.train), summary("test", splits.test)];
}

/**
 * The text that `deno task data` prints.
 *
 * @param name name of the data set
 * @param files its files; none if it is drawn or a folder of pictures
 * @param summaries both splits in numbers
 */
export function summaryText(
  name: string,
  files: readonly UsedFile[],
  [train, test]: readonly [SplitSummary, SplitSummary],
): string {
  const colours = train.channels === 1 ? "grey" : "RGB";
  const lines = [
    `${name}: ${thousands(train.count)} training and ${thousands(test.count)} test images, ` +
    `${train.height} × ${train.width}, ${colours}, ${train.classes.length} classes`,
  ];
  // Loose CIFAR files have no published checksum: their loader checks records, labels and class sizes.
  const structural = files.filter((file) => file.name.endsWith(".bin"));
  const published = files.filter((file) => !structural.includes(file));
  if (published.length > 0) {
    lines.push("", "Files with the published SHA-256 (of the uncompressed bytes):", ...listed(published));
  }
  if (structural.length > 0) {
    lines.push("", "Files of the right structure (no SHA-256 is published):", ...listed(structural));
  }
  const width = Math.max(5, ...train.classes.map((each) => each.name.length));
  lines.push("", `  ${"class".padEnd(width)}  ${"train".padStart(7)}  ${"test".padStart(7)}`);
  train.classes.forEach((each, label) => {
    const counts = [each.count, test.classes[label].count].map((count) => thousands(count).padStart(7));
    lines.push(`  ${each.name.padEnd(width)}  ${counts.join("  ")}`);
  });
  return lines.join("\n");
}

function listed(files: readonly UsedFile[]): string[] {
  return files.map(({ name, path, sha256 }) =>
    path === null ? `  ${name}: fetched, and not kept` : `  ${sha256}  ${path}`
  );
}

function thousands(value: number): string {
  return value.toLocaleString("en-US");
}
