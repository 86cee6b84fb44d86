/**
 * What a flag is, as data, and the types of the values that flags have.
 *
 * @module
 */

/** What every flag has. */
export interface Described {
  /** Name without dashes, for example `max-inputs`. Its value is found under `maxInputs`. */
  readonly name: string;
  /** What it does, in a line. */
  readonly help: string;
  /** Heading of the help text that it stands under. Default `Options`. */
  readonly group?: string;
  /** Names of flags that it cannot be given together with. */
  readonly excludes?: readonly string[];
}

/** A flag that is on or off; where the default is `true`, `--no-<name>` switches it off. */
export interface BooleanFlag extends Described {
  /** What its values are. */
  readonly kind: "boolean";
  /** Value when it is not given. Default `false`. */
  readonly default?: boolean;
}

/** A flag whose value is text. */
export interface StringFlag extends Described {
  /** What its values are. */
  readonly kind: "string";
  /** Value when it is not given; without one the value is `undefined`. */
  readonly default?: string;
  /** The values that it can have. Default any but the empty text. */
  readonly choices?: readonly string[];
  /** What the help text calls the value. Default `TEXT`. */
  readonly placeholder?: string;
}

/** A flag whose value is a number. */
export interface NumberFlag extends Described {
  /** What its values are: any finite number, or integers alone. */
  readonly kind: "integer" | "number";
  /** Value when it is not given; without one the value is `undefined`. */
  readonly default?: number;
  /** Smallest value. */
  readonly min?: number;
  /** Largest value. */
  readonly max?: number;
  /** What the help text calls the value. Default `N`. */
  readonly placeholder?: string;
}

/** A flag whose values are separated by commas; it may also be given several times. */
export interface ListFlag extends Described {
  /** What its values are. */
  readonly kind: "list";
  /** What each element is. */
  readonly of: "string" | "integer" | "number";
  /** Values when it is not given; without them the value is `undefined`. */
  readonly default?: readonly (string | number)[];
  /** The values that an element can have, where elements are text. */
  readonly choices?: readonly string[];
  /** Smallest value of an element. */
  readonly min?: number;
  /** Largest value of an element. */
  readonly max?: number;
  /** What the help text calls the values. */
  readonly placeholder?: string;
}

/** A flag. */
export type Flag = BooleanFlag | StringFlag | NumberFlag | ListFlag;

/** `max-inputs` as `maxInputs`. */
export type Camel<N extends string> = N extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : N;

/** Type of a text value: one of the choices where there are some. */
export type Text<F> = F extends { readonly choices: readonly (infer C)[] } ? C : string;

/** Type of the value of a flag that is given. */
export type Present<F> = F extends { readonly kind: "boolean" } ? boolean
  : F extends { readonly kind: "string" } ? Text<F>
  : F extends { readonly kind: "integer" | "number" } ? number
  : F extends { readonly kind: "list"; readonly of: "string" } ? readonly Text<F>[]
  : readonly number[];

/** The type of a flag's value: `undefined` is part of it where there is no default. */
export type FlagValue<F extends Flag> = F extends { readonly kind: "boolean" } ? boolean
  : F extends { readonly default: string | number | readonly (string | number)[] } ? Present<F>
  : Present<F> | undefined;

/** The values of flags, by their names in camel case. */
export type FlagValues<Flags extends readonly Flag[]> = {
  readonly [F in Flags[number] as Camel<F["name"]>]: FlagValue<F>;
};

/** A command line: what the parser and the help text are made of. */
export interface Usage<Flags extends readonly Flag[] = readonly Flag[]> {
  /** Name of the task: what stands after `deno task`. */
  readonly task: string;
  /** What the task does, in a sentence or two. */
  readonly summary: string;
  /** Its flags. `--help` is one of every task and is not listed. */
  readonly flags: Flags;
  /** Text below the flags: metrics with their direction, examples, files that are written. */
  readonly notes?: string;
}

/** The flag of every task that asks for help. */
export const HELP: BooleanFlag = {
  name: "help",
  kind: "boolean",
  help: "Show this text and stop.",
  group: "Output",
};

/** Whether a flag is on unless `--no-<name>` switches it off. */
export function isOn(flag: Flag): boolean {
  return flag.kind === "boolean" && flag.default === true;
}
