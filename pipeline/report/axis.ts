/**
 * The scale of an axis: its domain, round ticks and their text.
 *
 * @module
 */

import { PolyphaseError } from "../errors.ts";

/** What an axis shows. */
export interface Axis {
  /** What is measured, and its unit if it has one. */
  readonly label: string;
  /** Least and greatest value shown; taken from the data if left out. */
  readonly domain?: readonly [number, number];
  /** The values to mark, or about how many. Default 6. */
  readonly ticks?: readonly number[] | number;
  /** Whether values are shares in [0, 1] that are shown as percentages. Default false. */
  readonly percent?: boolean;
}

/** An axis with everything settled. */
export interface Scale {
  /** Least and greatest value shown; the first is below the second. */
  readonly domain: readonly [number, number];
  /** The values to mark, in order, inside the domain. */
  readonly ticks: readonly number[];
  /** The text of a value on this axis. */
  readonly format: (value: number) => string;
}

/**
 * The scale of `axis` for the finite `values` shown on it.
 *
 * `nice` widens a domain taken from the data to round numbers; whole numbers such as epochs get whole ticks.
 *
 * @throws {PolyphaseError} if a given domain does not go upwards
 */
export function scaleOf(axis: Axis, values: readonly number[], nice: boolean): Scale {
  const data = axis.domain ?? extent(values);
  if (!(data[0] < data[1] && Number.isFinite(data[1] - data[0]))) {
    throw new PolyphaseError(
      `Cannot draw axis "${axis.label}" from ${data[0]} to ${
        data[1]
      }, expected two finite numbers: give domain: [low, high] with low below high`,
    );
  }
  const count = typeof axis.ticks === "number" ? axis.ticks : 6;
  const whole = !axis.percent && values.length > 0 && values.every(Number.isInteger);
  const step = tickStep(data[1] - data[0], count, whole && !nice);
  let [low, high] = data;
  if (nice && !axis.domain) {
    const share = axis.percent && values.every((value) => value >= 0 && value <= 1);
    low = round(Math.floor(round(low / step)) * step);
    high = round(Math.ceil(round(high / step)) * step);
    if (share) [low, high] = [Math.max(0, low), Math.min(1, high)];
  }
  // Ticks on an axis that nothing is known of would be made up.
  const unknown = values.length === 0 && !axis.domain;
  const ticks = typeof axis.ticks === "object"
    ? [...axis.ticks].filter((tick) => tick >= low && tick <= high).sort((a, b) => a - b)
    : unknown
    ? []
    : ticksBetween(low, high, step);
  return { domain: [low, high], ticks, format: formatFor(axis.percent === true, ticks, high - low) };
}

/** Least and greatest of `values`, moved apart where they are one; [0, 1] where there are none. */
function extent(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 1];
  // A loop, since spreading a long list into Math.min overflows the stack.
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low < high) return [low, high];
  const pad = low === 0 ? 0.5 : Math.abs(low) * 0.05;
  return [low - pad, high + pad];
}

/** The least of 1, 2, 2.5 and 5 times a power of ten that makes at most `count` steps of `span`. */
function tickStep(span: number, count: number, whole: boolean): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((factor) => round(factor * power) >= round(rough))! * power;
  return whole ? Math.max(1, Math.ceil(round(step))) : step;
}

function ticksBetween(low: number, high: number, step: number): number[] {
  const first = Math.ceil(round(low / step));
  const last = Math.floor(round(high / step));
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => round((first + index) * step));
}

/** As many decimals as tell the ticks apart, the same for all; powers of ten where the numbers are far from 1. */
function formatFor(percent: boolean, ticks: readonly number[], span: number): (value: number) => string {
  const factor = percent ? 100 : 1;
  const shown = ticks.map((tick) => round(tick * factor));
  const most = Math.max(span * factor, ...shown.map(Math.abs));
  if (most >= 1e6 || most < 1e-3) return (value) => (value === 0 ? "0" : (value * factor).toExponential(1));
  const digits = Math.max(0, ...shown.map((tick) => (String(tick).split(".")[1] ?? "").length));
  return (value) => `${(value * factor).toFixed(Math.min(digits, 6))}${percent ? "%" : ""}`;
}

/** Twelve significant digits: without what binary fractions add to sums such as 0.1 + 0.2. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}
