/**
 * The columns of `shift-vit` in `results.csv`, and how they are shown.
 *
 * @module
 */

import { decimals, type Format, percent, thousands } from "../../pipeline/report/format.ts";
import type { Column } from "../../pipeline/report/table.ts";
import type { RobustnessRow } from "../../pipeline/robustness.ts";
import type { SweepRow } from "../../pipeline/sweep.ts";
import type { ModelName } from "./model_names.ts";
import { type Examined, PAIRS } from "./pipeline.ts";

/** What adaptive modules choose: the name of the column of their gap, and which modules they are by name. */
const CHOICES = [
  ["gap_tokens", /^tokenizer$/],
  ["gap_windows", /^stages\.\d+\.blocks\.\d+\.attention$/],
  ["gap_merge", /\.merge$/],
  ["gap_strides", /./],
] as const;

/** The row of a model beside the standard columns. */
export function columnsOf(
  { modules }: ModelName,
  { shift, robustness, phases, train, test, history, timing }: Examined,
): SweepRow {
  const { logits, pairs, images, worstAccuracy } = shift;
  const pair = (place: number) => pairs![place];
  const changed = (name: string): RobustnessRow => robustness.find(({ change }) => change === name)!;
  const last = history.at(-1);
  return {
    modules: modules.length === 0 ? null : modules.join("+"),
    train_size: train.images.count,
    test_size: test.images.count,
    inputs: last?.inputs ?? 0,
    train_seconds: (last?.step ?? 0) * timing.msPerStep / 1000,
    c_cons: pair(PAIRS.circular).consistency,
    c_cons_3: pair(PAIRS.circularSmall).consistency,
    s_cons: pair(PAIRS.zeroSmall).consistency,
    mean_shift_acc: pair(PAIRS.circular).accuracy,
    s_shift_acc: pair(PAIRS.zeroSmall).accuracy,
    worst_shift_acc: worstAccuracy,
    exact_share: logits!.exact,
    max_logit_diff: logits!.maxDifference,
    offset_images: images,
    erase_acc: changed("erase-3").accuracy,
    erase_c_cons: changed("erase-3").consistency,
    flip_acc: changed("flip-both").accuracy,
    flip_c_cons: changed("flip-both").consistency,
    noise_acc: changed("noise-10").accuracy,
    noise_c_cons: changed("noise-10").consistency,
    ...gaps(phases),
    near_ties: phases.length === 0 ? null : Math.max(...phases.map(({ nearTies }) => nearTies)),
  };
}

/** For each kind of module the least of the median gaps; `null` where there is none. */
function gaps(phases: Examined["phases"]): SweepRow {
  const kindOf = (module: string) => CHOICES.find(([, names]) => names.test(module))![0];
  return Object.fromEntries(CHOICES.map(([kind]) => {
    const found = phases.filter(({ module }) => kindOf(module) === kind).map(({ medianGap }) => medianGap);
    return [kind, found.length === 0 ? null : Math.min(...found)];
  }));
}

/** What the columns mean, in the order of the table, for `--help` and for the page. */
const MEANINGS: readonly (readonly [key: string, meaning: string, shown?: Omit<Column, "key" | "label">])[] =
  [
    ["val_acc", "Accuracy on the test images as they are.", { format: percent(1), better: "higher" }],
    ["modules", "Adaptive modules that are on."],
    ["train_size", "Training images that there are.", { format: thousands() }],
    ["test_size", "Test images.", { format: thousands() }],
    ["inputs", "Training images seen.", { format: thousands() }],
    ["train_seconds", "Steps times the median time of one: seconds of training without evaluations.", {
      format: decimals(0),
    }],
    [
      "c_cons",
      "Share of pairs of random circular shifts of a test image that are predicted alike (C-Cons).",
      {
        format: percent(2),
        better: "higher",
      },
    ],
    ["c_cons_3", "The same with circular shifts of up to 3 pixels along each axis.", {
      format: percent(2),
      better: "higher",
    }],
    [
      "s_cons",
      "The same with zero-filled shifts of up to 3 pixels, which no model can be exact under (S-Cons).",
      {
        format: percent(2),
        better: "higher",
      },
    ],
    ["mean_shift_acc", "Accuracy on those circular shifts of the test images.", {
      format: percent(1),
      better: "higher",
    }],
    ["s_shift_acc", "Accuracy on those zero-filled shifts.", { format: percent(1), better: "higher" }],
    ["worst_shift_acc", "Least accuracy at any one circular offset, on offset_images images.", {
      format: percent(1),
      better: "higher",
    }],
    ["exact_share", "Share of images and circular offsets whose logits stay within 0.001.", {
      format: percent(2),
      better: "higher",
    }],
    ["max_logit_diff", "Greatest change of any logit at any circular offset.", {
      format: scientific(),
      better: "lower",
    }],
    ["offset_images", "Test images that every circular offset was tried on.", { format: thousands() }],
    ["erase_acc", "Accuracy with a square of 3 pixels set to 0 in each test image.", {
      format: percent(1),
      better: "higher",
    }],
    ["erase_c_cons", "C-Cons of those images.", { format: percent(2), better: "higher" }],
    ["flip_acc", "Accuracy on test images turned upside down and mirrored.", {
      format: percent(1),
      better: "higher",
    }],
    ["flip_c_cons", "C-Cons of those images.", { format: percent(2), better: "higher" }],
    ["noise_acc", "Accuracy with noise of standard deviation 10 of 255.", {
      format: percent(1),
      better: "higher",
    }],
    ["noise_c_cons", "C-Cons of those images.", { format: percent(2), better: "higher" }],
    ["gap_tokens", "Median relative gap between the best and the second phase of adaptive tokens.", {
      format: scientific(),
    }],
    [
      "gap_windows",
      "The least such median of adaptive windows; that of box windows is a share of what these differ by.",
      { format: scientific() },
    ],
    ["gap_merge", "That of adaptive merging.", { format: scientific() }],
    ["gap_strides", "That of other adaptive strides.", { format: scientific() }],
    ["near_ties", "Greatest share of images, over modules, whose gap is below 1e-6.", { format: percent(2) }],
  ];

/** How the columns are shown. */
export const COLUMNS: readonly Column[] = MEANINGS.map(([key, description, shown]) => ({
  key,
  label: key,
  description,
  ...shown,
}));

/** The columns that are shown first on a page, where all of them would be too many. */
export const MAIN_KEYS: readonly string[] = [
  "val_acc",
  "mean_shift_acc",
  "worst_shift_acc",
  "c_cons",
  "c_cons_3",
  "s_cons",
  "exact_share",
];

/** The columns and their meanings as the help text has them. */
export function columnsHelp(): string {
  const arrow = (better: Column["better"]) => (better === undefined ? "" : ` (${better} is better)`);
  return MEANINGS.map(([key, meaning, shown]) =>
    `  ${key.padEnd(17)}${meaning.replace(/\.$/, "")}${arrow(shown?.better)}`
  ).join("\n");
}

/** A column as it is shown. */
export function columnOf(key: string): Column {
  return COLUMNS.find((column) => column.key === key) ?? { key, label: key };
}

/** Two significant digits: `1.3e-6`. */
function scientific(): Format {
  return (value) => (typeof value === "string" ? value : value === 0 ? "0" : value.toExponential(1));
}
