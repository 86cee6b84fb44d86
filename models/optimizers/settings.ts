/**
 * Checks of the settings of optimizers and schedules: what is out of range fails when it is set, not as a loss of NaN.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";

/** Numbers that a setting may have. */
export interface SettingRange {
  /** Smallest value. Default: none. */
  readonly from?: number;
  /** Largest value. Default: none. */
  readonly to?: number;
  /** All values are below this. Default: none. */
  readonly below?: number;
  /** Whether only whole numbers are. Default false. */
  readonly whole?: boolean;
}

/**
 * Holds that settings are numbers in a range; those that are `undefined` are not looked at.
 *
 * @param owner name of the optimizer or schedule, for the message
 * @param settings values by name
 * @throws {PolyphaseError} if one of them is not
 */
export function expectSettings(
  owner: string,
  settings: Readonly<Record<string, number | undefined>>,
  { from = -Infinity, to = Infinity, below = Infinity, whole = false }: SettingRange,
): void {
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    const isGood = Number.isFinite(value) && value >= from && value <= to && value < below &&
      (!whole || Number.isInteger(value));
    if (isGood) continue;
    const range = [
      whole ? "a whole number" : "a finite number",
      ...Number.isFinite(from) ? [`from ${from}`] : [],
      ...Number.isFinite(to) ? [`to ${to}`] : [],
      ...Number.isFinite(below) ? [`below ${below}`] : [],
    ];
    throw new PolyphaseError(`${owner}: ${name} is ${value}, expected ${range.join(" ")}: change it`);
  }
}
