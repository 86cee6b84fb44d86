/**
 * Numbers as people read them. Every function here makes a formatter for a column of a table; text passes unchanged.
 *
 * @module
 */

/** Turns a value of a table into text. */
export type Format = (value: string | number) => string;

/** A share in [0, 1] as a percentage: `percent(2)(0.8612)` is `86.12%`. */
export function percent(digits = 2): Format {
  return numeric((value) => `${(100 * value).toFixed(digits)}%`);
}

/** A fixed number of decimals: `decimals(4)(0.86125)` is `0.8612`. */
export function decimals(digits = 4): Format {
  return numeric((value) => value.toFixed(digits));
}

/** A whole number with separators: `thousands()(2103402)` is `2,103,402`. */
export function thousands(): Format {
  return numeric((value) => value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ","));
}

/** A time in seconds: `0.84 s`, `12.4 s`, `3 min 12 s`, `2 h 05 min`. */
export function duration(): Format {
  return numeric((seconds) => {
    if (seconds < 0) return `-${duration()(-seconds)}`;
    if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
    if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
    const minutes = Math.round(seconds / 60);
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  });
}

/** What is used where nothing else was asked for: whole numbers as they are, others with five significant digits. */
export function plain(): Format {
  return numeric((value) => String(Number.isInteger(value) ? value : Number(value.toPrecision(5))));
}

function numeric(write: (value: number) => string): Format {
  return (value) => {
    if (typeof value === "string") return value;
    if (Number.isNaN(value)) return "NaN";
    return Number.isFinite(value) ? write(value) : value > 0 ? "∞" : "-∞";
  };
}
