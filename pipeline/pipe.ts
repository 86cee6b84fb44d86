/**
 * Stages, pipelines of stages, and running them: what every experiment hangs from.
 *
 * A stage is a pure function with a name and a plain-data configuration. It gives back the record it was given with
 * what it made added, so the type of a pipeline says what is known at each point and a stage that comes too early
 * does not compile.
 *
 * @example
 * ```ts
 * import { pipe, run, stage } from "./pipe.ts";
 *
 * const count = stage("count", { to: 3 }, () => ({ kind: "count" as const, count: 3 }));
 * const double = stage("double", {}, (record: { kind: "count"; count: number }) => ({ ...record, twice: 2 * record.count }));
 * const { twice } = await run(pipe(count, double), { seed: 0, backend: "cpu" });
 * if (twice !== 6) throw new Error("unexpected");
 * ```
 *
 * @module
 */

import { type Backend, type BackendName, selectBackend, tensorEngine } from "../models/backend/select.ts";
import type { Params } from "../models/model.ts";
import { disposeParams } from "../models/params.ts";
import { AbortedError, PolyphaseError } from "./errors.ts";
import { fingerprint, type JsonObject } from "./json.ts";
import { foldIn, type Key, keyOf } from "./random.ts";

/** Version of Polyphase: part of every run id. */
export const VERSION = "0.1.0";

/** A line on how a stage goes. */
export interface ProgressEvent {
  /** Name of the stage. */
  readonly stage: string;
  /** What is being done. */
  readonly text: string;
  /** Units done. */
  readonly done?: number;
  /** Units in all. */
  readonly total?: number;
  /** Figures of the moment, for example `{ train_loss: 0.41 }`. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** Where checkpoints are kept: a folder on a command line, a map in a test, nothing in a web page. */
export interface CheckpointStore {
  /** Keeps `bytes` under `name`, whole or not at all. */
  save(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** What is kept under `name`, if anything. */
  load(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** What a stage may know of the run it is part of. */
export interface Run {
  /** Random key of this stage: the run's key with the stage's name folded in. */
  readonly key: Key;
  /** What the tensors live on. */
  readonly backend: Backend;
  /** Tells a stage to stop. */
  readonly signal: AbortSignal;
  /** Is told how it goes. */
  readonly progress: (event: ProgressEvent) => void;
  /** Where checkpoints go, if anywhere. */
  readonly checkpoints: CheckpointStore | undefined;
  /** Milliseconds since some moment; used for the reported durations alone. */
  readonly now: () => number;
}

/** A pure function from record to record, with a name and a configuration of plain data. */
export interface Stage<in I, out O, out N extends string = string> {
  /** Gives back `input` with what the stage made. */
  (input: I, run: Run): O | Promise<O>;
  /** The stage's name, for example `train`. */
  readonly name: N;
  /** Everything that determines what the stage does. */
  readonly config: JsonObject;
}

/** Makes a stage of a function. */
export function stage<I, O, N extends string>(
  name: N,
  config: JsonObject,
  apply: (input: I, run: Run) => O | Promise<O>,
): Stage<I, O, N> {
  // A function of its own, so that one `apply` can serve two stages with different names.
  const made = (input: I, run: Run) => apply(input, run);
  return Object.defineProperties(made, {
    name: { value: name, enumerable: true },
    config: { value: config, enumerable: true },
  }) as unknown as Stage<I, O, N>;
}

/** A stage made of stages; `Slots` maps the name of each to what it takes and gives. */
export interface Pipeline<in I, out O, out Slots = unknown> extends Stage<I, O, "pipeline"> {
  /** The stages in order; those of a nested pipeline stand in its place. */
  readonly stages: readonly AnyStage[];
  /** Present in the type alone: what {@linkcode replace} checks a new stage against. */
  readonly slots?: Slots;
}

/** A stage of which only the name and the configuration are known. */
export type AnyStage = Stage<never, unknown>;

/** The record after several stages have each added to it: later fields replace earlier ones. */
export type Grown<Records extends readonly unknown[]> = Records extends readonly [...infer Before, infer Last]
  ? Before extends readonly [] ? Last : Omit<Grown<Before>, keyof Last> & Last
  : never;

/**
 * What each of the named stages of a pipeline takes and gives: the first takes `I`, each adds one of `Outputs`. A nested
 * pipeline has no place of its own, since its stages stand there instead.
 */
export type Slots<
  Names extends readonly unknown[],
  I,
  Outputs extends readonly unknown[],
  Before extends readonly unknown[] = [],
> = Names extends readonly [infer N extends string, ...infer LaterNames]
  ? Outputs extends readonly [infer O, ...infer LaterOutputs] ?
      & { readonly [name in Exclude<N, "pipeline">]: Stage<I, O> }
      & Slots<LaterNames, Grown<[...Before, O]>, LaterOutputs, [...Before, O]>
  : unknown
  : unknown;

/**
 * What joining stages gives. The conditional type keeps the compiler from guessing the types of a `pipe(...)` from the
 * place that it stands in, which would make a nested one forget its own.
 */
export type Joined<I, Outputs extends readonly unknown[], Names extends readonly unknown[]> =
  [I, Outputs, Names] extends
    [infer A, infer Os extends readonly unknown[], infer Ns extends readonly unknown[]]
    ? Pipeline<A, Grown<Os>, Slots<Ns, A, Os>>
    : never;

// Overloads, since only they let `NoInfer` put a compile error on the stage that comes too early.
/** Joins up to ten stages or pipelines: each is given the record that those before it made. */
// deno-fmt-ignore
export function pipe<A, B, N1 extends string>(
  s1: Stage<A, B, N1>,
): Joined<A, [B], [N1]>;
/** Joins two stages. */
// deno-fmt-ignore
export function pipe<A, B, C, N1 extends string, N2 extends string>(
  s1: Stage<A, B, N1>, s2: Stage<NoInfer<B>, C, N2>,
): Joined<A, [B, C], [N1, N2]>;
/** Joins three stages. */
// deno-fmt-ignore
export function pipe<A, B, C, D, N1 extends string, N2 extends string, N3 extends string>(
  s1: Stage<A, B, N1>, s2: Stage<NoInfer<B>, C, N2>, s3: Stage<NoInfer<Grown<[B, C]>>, D, N3>,
): Joined<A, [B, C, D], [N1, N2, N3]>;
/** Joins four stages. */
// deno-fmt-ignore
export function pipe<A, B, C, D, E, N1 extends string, N2 extends string, N3 extends string, N4 extends string>(
  s1: Stage<A, B, N1>, s2: Stage<NoInfer<B>, C, N2>, s3: Stage<NoInfer<Grown<[B, C]>>, D, N3>,
  s4: Stage<NoInfer<Grown<[B, C, D]>>, E, N4>,
): Joined<A, [B, C, D, E], [N1, N2, N3, N4]>;
/** Joins five stages. */
// deno-fmt-ignore
export function pipe<
  A, B, C, D, E, F, N1 extends string, N2 extends string, N3 extends string, N4 extends string,
  N5 extends string
>(
  s1: Stage<A, B, N1>, s2: Stage<NoInfer<B>, C, N2>, s3: Stage<NoInfer<Grown<[B, C]>>, D, N3>,
  s4: Stage<NoInfer<Grown<[B, C, D]>>, E, N4>, s5: Stage<NoInfer<Grown<[B, C, D, E]>>, F, N5>,
): Joined<A, [B, C, D, E, F], [N1, N2, N3, N4, N5]>;
/** Joins six stages. */
// deno-fmt-ignore
export function pipe<
  A, B, C, D, E, F, G, N1 extends string, N2 extends string, N3 extends string, N4 extends string,
  N5 extends string, N6 extends string
>(
  s1: Stage<A, B, N1>, s2: Stage<NoInfer<B>, C, N2>, s3: Stage<NoInfer<Grown<[B, C]>>, D, N3>,
  s4: Stage<NoInfer<Grown<[B, C, D]>>, E, N4>, s5: Stage<NoInfer<Grown<[B, C, D, E]>>, F, N5>,
  s6: Stage<NoInfer<Grown<[B, C, D, E, F]>>, G, N6>,
): Joined<A, [B, C, D, E, F, G], [N1, N2, N3, N4, N5, N6]>;
/** Joins seven stages. */
// deno-fmt-ignore
export function pipe<
  A, B, C, D, E, F, G, H, N1 extends string, N2 extends string, N3 extends string, N4 extends string,
  N5 extends string, N6 extends string, N7 extends string
>(
  s1: Stage<A, B, N1>, s2: Stage<NoInfer<B>, C, N2>, s3: Stage<NoInfer<Grown<[B, C]>>, D, N3>,
  s4: Stage<NoInfer<Grown<[B, C, D]>>, E, N4>, s5: Stage<NoInfer<Grown<[B, C, D, E]>>, F, N5>,
  s6: Stage<NoInfer<Grown<[B, C, D, E, F]>>, G, N6>, s7: Stage<NoInfer<Grown<[B, C, D, E, F, G]>>, H, N7>,
): Joined<A, [B, C, D, E, F, G, H], [N1, N2, N3, N4, N5, N6, N7]>;
/** Joins eight stages. */
// deno-fmt-ignore
export function pipe<
  A, B, C, D, E, F, G, H, I, N1 extends string, N2 extends string, N3 extends string, N4 extends string,
  N5 extends string, N6 extends string, N7 extends string, N8 extends string
>(
  s1: Stage<A, B, N1>, s2: Stage<NoInfer<B>, C, N2>, s3: Stage<NoInfer<Grown<[B, C]>>, D, N3>,
  s4: Stage<NoInfer<Grown<[B, C, D]>>, E, N4>, s5: Stage<NoInfer<Grown<[B, C, D, E]>>, F, N5>,
  s6: Stage<NoInfer<Grown<[B, C, D, E, F]>>, G, N6>, s7: Stage<NoInfer<Grown<[B, C, D, E, F, G]>>, H, N7>,
  s8: Stage<NoInfer<Grown<[B, C, D, E, F, G, H]>>, I, N8>,
): Joined<A, [B, C, D, E, F, G, H, I], [N1, N2, N3, N4, N5, N6, N7, N8]>;
/** Joins nine stages. */
// deno-fmt-ignore
export function pipe<
  A, B, C, D, E, F, G, H, I, J, N1 extends string, N2 extends string, N3 extends string, N4 extends string,
  N5 extends string, N6 extends string, N7 extends string, N8 extends string, N9 extends string
>(
  s1: Stage<A, B, N1>, s2: Stage<NoInfer<B>, C, N2>, s3: Stage<NoInfer<Grown<[B, C]>>, D, N3>,
  s4: Stage<NoInfer<Grown<[B, C, D]>>, E, N4>, s5: Stage<NoInfer<Grown<[B, C, D, E]>>, F, N5>,
  s6: Stage<NoInfer<Grown<[B, C, D, E, F]>>, G, N6>, s7: Stage<NoInfer<Grown<[B, C, D, E, F, G]>>, H, N7>,
  s8: Stage<NoInfer<Grown<[B, C, D, E, F, G, H]>>, I, N8>,
  s9: Stage<NoInfer<Grown<[B, C, D, E, F, G, H, I]>>, J, N9>,
): Joined<A, [B, C, D, E, F, G, H, I, J], [N1, N2, N3, N4, N5, N6, N7, N8, N9]>;
/** Joins ten stages. */
// deno-fmt-ignore
export function pipe<
  A, B, C, D, E, F, G, H, I, J, K, N1 extends string, N2 extends string, N3 extends string, N4 extends string,
  N5 extends string, N6 extends string, N7 extends string, N8 extends string, N9 extends string,
  N10 extends string
>(
  s1: Stage<A, B, N1>, s2: Stage<NoInfer<B>, C, N2>, s3: Stage<NoInfer<Grown<[B, C]>>, D, N3>,
  s4: Stage<NoInfer<Grown<[B, C, D]>>, E, N4>, s5: Stage<NoInfer<Grown<[B, C, D, E]>>, F, N5>,
  s6: Stage<NoInfer<Grown<[B, C, D, E, F]>>, G, N6>, s7: Stage<NoInfer<Grown<[B, C, D, E, F, G]>>, H, N7>,
  s8: Stage<NoInfer<Grown<[B, C, D, E, F, G, H]>>, I, N8>,
  s9: Stage<NoInfer<Grown<[B, C, D, E, F, G, H, I]>>, J, N9>,
  s10: Stage<NoInfer<Grown<[B, C, D, E, F, G, H, I, J]>>, K, N10>,
): Joined<A, [B, C, D, E, F, G, H, I, J, K], [N1, N2, N3, N4, N5, N6, N7, N8, N9, N10]>;
/** Joins stages; the overloads above hold their types together. */
export function pipe(...parts: readonly AnyStage[]): AnyStage {
  return pipeOf(parts);
}

/** The {@linkcode Slots} of a pipeline. */
export type SlotsOf<P> = P extends { readonly slots?: infer S } ? NonNullable<S> : never;

/** Whatever has a name, and stages if it is a pipeline. Names no types, so that `pipe(...)` in its place infers its own. */
export interface Named {
  /** The stage's name. */
  readonly name: string;
  /** The stages of a pipeline. */
  readonly stages?: readonly AnyStage[];
}

/**
 * The same pipeline with another stage in the place of the one named `name`. The types know the stages that the pipeline
 * was made of by name; to replace one inside a nested pipeline, replace it there.
 *
 * @throws {PolyphaseError} if there is not exactly one stage of that name
 */
export function replace<
  P extends Named & { readonly stages: readonly AnyStage[] },
  N extends keyof SlotsOf<P> & string,
>(
  target: P,
  name: N,
  substitute: SlotsOf<P>[N],
): P {
  const places = target.stages.filter((each) => each.name === name).length;
  if (places !== 1) {
    throw new PolyphaseError(
      `Cannot replace "${name}" in ${describe(target)}: it stands there ${places} times, not once`,
    );
  }
  return pipeOf(
    target.stages.map((each) => each.name === name ? substitute as AnyStage : each),
  ) as unknown as P;
}

/** The names of the stages in order: `load → tokenize → train`. */
export function describe(target: Named): string {
  return target.stages?.map((each) => each.name).join(" → ") ?? target.name;
}

/** What {@linkcode run} may be told. Everything has a default. */
export interface RunOptions {
  /** Seed of the random key, an integer from 0 to 2³² − 1. Default 0. */
  readonly seed?: number;
  /** What the tensors live on. Default `wasm`. */
  readonly backend?: BackendName;
  /** Stops the run; what is done by then is in the last checkpoint. */
  readonly signal?: AbortSignal;
  /** Is told how it goes. */
  readonly progress?: (event: ProgressEvent) => void;
  /** Keeps checkpoints, and is asked for the one to resume from. */
  readonly checkpoints?: CheckpointStore;
  /** Milliseconds since some moment. Default `performance.now`. */
  readonly now?: () => number;
}

/** Runs a pipeline that begins with nothing, and gives back the final record. */
export function run<O>(target: Stage<void, O>, options?: RunOptions): Promise<O>;
/** Runs a pipeline on `input`. */
export function run<I, O>(target: Stage<I, O>, options: RunOptions, input: NoInfer<I>): Promise<O>;
/** Runs a pipeline; the overloads above say on what. */
export async function run<I, O>(target: Stage<I, O>, options: RunOptions = {}, input?: I): Promise<O> {
  return await target(input as I, {
    key: keyOf(options.seed ?? 0),
    backend: await selectBackend(options.backend ?? "wasm"),
    signal: options.signal ?? new AbortController().signal,
    progress: options.progress ?? (() => {}),
    checkpoints: options.checkpoints,
    now: options.now ?? (() => performance.now()),
  });
}

/** What makes a run what it is, as plain data: the stages with their configurations, the seed and the engines. */
export function runConfig(target: AnyStage, options: Pick<RunOptions, "seed" | "backend"> = {}): JsonObject {
  const { stages } = pipeOf([target]).config;
  return {
    stages,
    seed: options.seed ?? 0,
    backend: options.backend ?? "wasm",
    engines: { polyphase: VERSION, ...tensorEngine },
  };
}

/** The fingerprint of {@linkcode runConfig}: equal ids mean the same experiment. */
export function runId(target: AnyStage, options: Pick<RunOptions, "seed" | "backend"> = {}): Promise<string> {
  return fingerprint(runConfig(target, options));
}

/**
 * Joins a list of stages that is known only at run time; nothing checks that they fit. {@linkcode pipe} does.
 */
export function pipeOf(parts: readonly AnyStage[]): Pipeline<unknown, unknown> {
  const stages = parts.flatMap((part) =>
    "stages" in part ? (part as Pipeline<never, unknown>).stages : [part]
  );
  const config = { stages: stages.map(({ name, config }) => ({ name, config })) };
  const joined = stage("pipeline", config, async (input: unknown, run: Run) => {
    const seen = new Map<string, number>();
    let record = input;
    try {
      for (const each of stages) {
        if (run.signal.aborted) {
          throw new AbortedError(`Stopped before stage "${each.name}": resume to go on from there`);
        }
        // Keys come from names, not places: putting a stage in does not change what chance gives the others.
        const nth = seen.get(each.name) ?? 0;
        seen.set(each.name, nth + 1);
        const key = foldIn(run.key, nth === 0 ? each.name : `${each.name}#${nth}`);
        record = await (each as Stage<unknown, unknown>)(record, { ...run, key });
      }
      return record;
    } catch (cause) {
      // A model that was trained here is in no one's hands where a later stage fails.
      const params = trainedParams(record);
      if (params !== undefined && params !== trainedParams(input)) disposeParams(params);
      throw cause;
    }
  });
  return Object.defineProperty(joined, "stages", { value: stages, enumerable: true }) as Pipeline<
    unknown,
    unknown
  >;
}

/** The parameters in a record of kind `trained`. */
function trainedParams(record: unknown): Params | undefined {
  if (typeof record !== "object" || record === null) return undefined;
  const { kind, params } = record as { readonly kind?: unknown; readonly params?: Params };
  return kind === "trained" ? params : undefined;
}
