/**
 * How a task goes, on standard error: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`.
 *
 * @module
 */

import { SingleBar } from "cli-progress";
import process from "node:process";
import type { ProgressEvent } from "../pipeline/pipe.ts";

/** Shows progress. */
export interface Progress {
  /** Takes an event; pass it as `progress` to `run`. */
  readonly report: (event: ProgressEvent) => void;
  /** Shows what is still held back and gives the terminal free. Call it when the task ends, however it ends. */
  readonly close: () => void;
}

/** Where progress is shown. Everything has a default. */
export interface ProgressOptions {
  /** Shows nothing. Default `false`. */
  readonly quiet?: boolean;
  /** Whether there is a terminal that can redraw a line. Default whether standard error is one. */
  readonly terminal?: boolean;
  /** Takes text for plain lines, and what draws the bar. Default standard error. */
  readonly write?: (text: string) => void;
  /** Columns of the terminal. Default those of standard error, or 80. */
  readonly columns?: number;
  /** Milliseconds since some moment. Default `performance.now`. */
  readonly now?: () => number;
}

/** Milliseconds between two plain lines on the same work. */
const LINE_INTERVAL = 2000;

/** Columns of the bar itself. */
const BAR_WIDTH = 20;

/** Makes what shows progress. */
export function showProgress(options: ProgressOptions = {}): Progress {
  const write = options.write ??
    ((text: string) => void Deno.stderr.writeSync(new TextEncoder().encode(text)));
  if (options.quiet) return { report: () => {}, close: () => {} };
  if (options.terminal ?? Deno.stderr.isTerminal()) return bars(write, options);
  return lines(write, options.now ?? (() => performance.now()));
}

/** One line of text on an event: `train: epoch 3 of 50, 1,200 of 60,000, train_loss 0.4103`. */
export function progressText(event: ProgressEvent): string {
  const count = event.done === undefined ? [] : [
    event.total === undefined
      ? thousands(event.done)
      : `${thousands(event.done)} of ${thousands(event.total)}`,
  ];
  return [`${event.stage}: ${event.text}`, ...count, ...metricsOf(event)].join(", ");
}

function lines(write: (text: string) => void, now: () => number): Progress {
  let work: string | undefined;
  let held: ProgressEvent | undefined;
  let shown = -Infinity;
  const show = (event: ProgressEvent) => {
    write(`${progressText(event)}\n`);
    held = undefined;
    shown = now();
  };
  const close = () => {
    if (held !== undefined) show(held);
  };
  return {
    report: (event) => {
      if (workOf(event) !== work) {
        close();
        work = workOf(event);
        shown = -Infinity;
      }
      const isLast = event.done !== undefined && event.done === event.total;
      if (isLast || now() - shown >= LINE_INTERVAL) show(event);
      else held = event;
    },
    close,
  };
}

function bars(write: (text: string) => void, options: ProgressOptions): Progress {
  const columns = options.columns ?? process.stderr.columns ?? 80;
  const terminal = { isTTY: true, columns, write: (text: string) => (write(text), true) };
  let work: string | undefined;
  let bar: InstanceType<typeof SingleBar> | undefined;
  const close = () => {
    bar?.stop();
    bar = undefined;
    work = undefined;
  };
  return {
    report: (event) => {
      if (workOf(event) !== work) {
        close();
        work = workOf(event);
        if (event.done === undefined || event.total === undefined) {
          write(`${progressText(event).slice(0, columns)}\n`);
          return;
        }
        bar = new SingleBar({
          stream: terminal,
          // One column is left free: a full line makes some terminals wrap.
          format: (_: unknown, at: { progress: number; eta: number }, { event }: { event: ProgressEvent }) =>
            barText(event, at.progress, at.eta).slice(0, columns - 1),
          etaBuffer: 50,
          fps: 10,
          hideCursor: false,
          linewrap: false,
        });
        bar.start(event.total, event.done, { event });
        return;
      }
      if (event.total !== undefined) bar?.setTotal(event.total);
      bar?.update(event.done ?? 0, { event });
    },
    close,
  };
}

function barText(event: ProgressEvent, share: number, eta: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  const drawn = "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  const { done = 0, total = 0 } = event;
  const left = done >= total || !Number.isFinite(eta) ? [] : [`${duration(eta)} left`];
  const rest = [`${thousands(done)} of ${thousands(total)}`, ...left, ...metricsOf(event)].join(", ");
  return `${event.stage}: ${event.text} ${drawn} ${rest}`;
}

function metricsOf(event: ProgressEvent): string[] {
  return Object.entries(event.metrics ?? {}).map(([name, value]) =>
    `${name} ${Number.isInteger(value) ? thousands(value) : value.toPrecision(4)}`
  );
}

/** Events on the same work replace each other. */
function workOf(event: ProgressEvent): string {
  return `${event.stage}: ${event.text}`;
}

function thousands(value: number): string {
  return value.toLocaleString("en-US");
}

function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
