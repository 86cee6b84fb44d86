/**
 * How a sweep goes, on standard error: on a terminal a bar for the whole and one for each running cell, elsewhere plain
 * lines, nothing with `--quiet`.
 *
 * @module
 */

import { MultiBar, type SingleBar } from "cli-progress";
import process from "node:process";
import type { ProgressEvent } from "../../pipeline/pipe.ts";
import type { SweepEvent } from "../../pipeline/sweep/run.ts";
import { type Progress, type ProgressOptions, progressText, showProgress } from "../progress.ts";

/** Shows how a sweep goes. */
export interface SweepProgress {
  /** Takes an event from before the first cell, while data is fetched. */
  readonly prepare: (event: ProgressEvent) => void;
  /** Takes an event; pass it as `progress` to `runSweep`. */
  readonly report: (event: SweepEvent) => void;
  /** Gives the terminal free. Call it when the task ends, however it ends. */
  readonly close: () => void;
}

/** Columns of a bar. */
const BAR_WIDTH = 20;

/**
 * Makes what shows how a sweep goes.
 *
 * @param cells how many cells it has
 * @param options where it is shown
 */
export function showSweep(cells: number, options: ProgressOptions = {}): SweepProgress {
  if (options.quiet) return { prepare: () => {}, report: () => {}, close: () => {} };
  const write = options.write ??
    ((text: string) => void Deno.stderr.writeSync(new TextEncoder().encode(text)));
  const count = { finished: 0, failed: 0 };
  const whole = () =>
    `sweep: ${count.finished} of ${cells} cells finished${
      count.failed > 0 ? `, ${count.failed} failed` : ""
    }`;
  const isTerminal = options.terminal ?? Deno.stderr.isTerminal();
  const before = showProgress(options);
  let shown: Shown | undefined;
  return {
    prepare: before.report,
    report: (event) => {
      before.close();
      shown ??= isTerminal ? bars(cells, write, options.columns) : lines(write, options);
      if (event.kind === "finished" || event.kind === "failed") count[event.kind]++;
      shown.report(event, whole(), count.finished + count.failed);
    },
    close: () => (shown ?? before).close(),
  };
}

interface Shown {
  readonly report: (event: SweepEvent, whole: string, done: number) => void;
  readonly close: () => void;
}

/** Lines for each cell, each as rarely as if it were alone. */
function lines(write: (text: string) => void, options: ProgressOptions): Shown {
  const running = new Map<string, Progress>();
  const end = (slug: string) => {
    running.get(slug)?.close();
    running.delete(slug);
  };
  return {
    report: (event, whole) => {
      const { slug } = event;
      if (event.kind === "begun") running.set(slug, showProgress({ ...options, write, terminal: false }));
      else if (event.kind === "progress") running.get(slug)?.report(named(slug, event.event));
      else {
        end(slug);
        if (event.kind === "failed") write(`failed: ${slug}: ${event.text}\n`);
        write(`${whole}${event.kind === "finished" && event.before ? `, ${slug} before` : ""}\n`);
      }
    },
    close: () => [...running.keys()].forEach(end),
  };
}

function bars(cells: number, write: (text: string) => void, width: number | undefined): Shown {
  const columns = width ?? process.stderr.columns ?? 80;
  const terminal = { isTTY: true, columns, write: (text: string) => (write(text), true) };
  const multi = new MultiBar({
    stream: terminal as unknown as NodeJS.WritableStream,
    // One column is left free: a full line makes some terminals wrap.
    format: (_: unknown, { progress }: { progress: number }, { text }: { text: string }) =>
      `${drawn(progress)} ${text}`.slice(0, columns - 1),
    fps: 5,
    hideCursor: false,
    linewrap: false,
    emptyOnZero: true,
    clearOnComplete: true,
  });
  const running = new Map<string, SingleBar>();
  const all = multi.create(cells, 0, { text: `sweep: ${cells} cells` });
  return {
    report: (event, whole, done) => {
      const { slug } = event;
      const bar = running.get(slug);
      if (event.kind === "begun") running.set(slug, multi.create(1, 0, { text: slug }));
      else if (event.kind === "progress") {
        const { done = 0, total = 1 } = event.event;
        bar?.setTotal(total);
        bar?.update(done, { text: progressText(named(slug, event.event)) });
      } else {
        if (bar !== undefined) multi.remove(bar);
        running.delete(slug);
        if (event.kind === "failed") multi.log(`failed: ${slug}: ${event.text}\n`);
        all.update(done, { text: whole });
      }
    },
    close: () => multi.stop(),
  };
}

function named(slug: string, event: ProgressEvent): ProgressEvent {
  return { ...event, text: `${slug} ${event.text}` };
}

function drawn(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
}
