/**
 * The part of `@std/assert` that the tests use, forwarded to `node:assert/strict`, so that they run with no network.
 *
 * Signatures and outcomes are those of the real package. Outside of the shared part: comparing errors, which the real
 * package does by their enumerable properties alone.
 *
 * @module
 */

import strict, { AssertionError as NodeAssertionError } from "node:assert/strict";

/** What a failed assertion throws. */
export class AssertionError extends Error {
  /** Name of the class. */
  override name = "AssertionError";
}

/** A class of errors, abstract ones too. */
// deno-lint-ignore no-explicit-any -- the constructor's parameters do not matter, and only `any` takes all of them
export type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/**
 * Asserts that `expr` is truthy.
 *
 * @throws {AssertionError} if it is not
 */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/**
 * Fails.
 *
 * @throws {AssertionError} always
 */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

/**
 * Asserts that two values are equal in structure, type and content. `NaN` equals `NaN`, and `0` equals `-0`.
 *
 * @throws {AssertionError} if they differ
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  rethrown(msg, () => {
    try {
      strict.deepEqual(actual, expected);
    } catch (fault) {
      // The one difference from the real package: there, zeros have no sign and {} needs no prototype.
      try {
        strict.deepEqual(plain(actual), plain(expected));
      } catch {
        throw fault;
      }
    }
  });
}

/**
 * Asserts that two values are not equal, in the sense of {@linkcode assertEquals}.
 *
 * @throws {AssertionError} if they are equal
 */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  rethrown(msg, () => strict.notDeepEqual(plain(actual), plain(expected)));
}

/**
 * Asserts that two values are the same by `Object.is`.
 *
 * @throws {AssertionError} if they are not
 */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  rethrown(msg, () => strict.equal(actual, expected));
}

/**
 * Asserts that a value is neither `null` nor `undefined`.
 *
 * @throws {AssertionError} if it is
 */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    throw new AssertionError(`Expected actual: "${actual}" to not be null or undefined${suffix(msg)}`);
  }
}

/**
 * Asserts that two numbers differ by `tolerance` at most; by default by 1e-7 of `expected`.
 *
 * @throws {AssertionError} if they differ by more
 */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected) * 1e-7 : 1e-7);
  const delta = Math.abs(expected - actual);
  if (delta <= allowed) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to be close to "${expected}": delta "${delta}" is greater than "${allowed}"${
      suffix(msg)
    }`,
  );
}

/**
 * Asserts that `actual` holds the text `expected`.
 *
 * @throws {AssertionError} if it does not
 */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(`Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`);
}

/**
 * Asserts that `actual` matches a regular expression.
 *
 * @throws {AssertionError} if it does not
 */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  rethrown(msg, () => strict.match(actual, expected));
}

/**
 * Asserts that `fn` throws, and gives back what it threw.
 *
 * @throws {AssertionError} if it does not throw
 */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Asserts that `fn` throws an error of a class, whose message holds a text, and gives the error back.
 *
 * @throws {AssertionError} if it does not throw, or throws another error
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
/** Asserts that `fn` throws; the overloads above say what. */
export function assertThrows<E extends Error>(
  fn: () => unknown,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  try {
    fn();
  } catch (thrown) {
    return checked(thrown, classOrMsg, msgIncludes, msg);
  }
  const text = typeof classOrMsg === "string" ? classOrMsg : msg;
  throw new AssertionError(`Expected function to throw${suffix(text)}`);
}

/**
 * Asserts that the promise of `fn` is rejected, and gives back the reason.
 *
 * @throws {AssertionError} if it is not, or if `fn` itself throws
 */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Asserts that the promise of `fn` is rejected with an error of a class, whose message holds a text, and gives the
 * error back.
 *
 * @throws {AssertionError} if it is not, or is rejected with another error, or if `fn` itself throws
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
/** Asserts that a promise is rejected; the overloads above say with what. */
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const text = typeof classOrMsg === "string" ? classOrMsg : msg;
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
    if (typeof promise?.then !== "function") throw new TypeError("not a promise");
  } catch {
    throw new AssertionError(`Function throws when expected to reject${suffix(text)}`);
  }
  try {
    await promise;
  } catch (reason) {
    return checked(reason, classOrMsg, msgIncludes, msg);
  }
  throw new AssertionError(`Expected function to reject${suffix(text)}`);
}

/** Gives back `thrown` if it is the error that was asked for. */
function checked<E extends Error>(
  thrown: unknown,
  classOrMsg: ErrorClass<E> | string | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): unknown {
  if (typeof classOrMsg !== "function") return thrown;
  if (!(thrown instanceof Error)) throw new AssertionError(`A non-Error object was thrown${suffix(msg)}`);
  if (!(thrown instanceof classOrMsg)) {
    throw new AssertionError(
      `Expected error to be instance of "${classOrMsg.name}", but was "${thrown.constructor.name}"${
        suffix(msg)
      }`,
    );
  }
  if (msgIncludes !== undefined && !thrown.message.includes(msgIncludes)) {
    throw new AssertionError(
      `Expected error message to include ${JSON.stringify(msgIncludes)}, but got ${
        JSON.stringify(thrown.message)
      }${suffix(msg)}`,
    );
  }
  return thrown;
}

/** Runs an assertion of Node's and throws its fault as the class of this module. */
function rethrown(msg: string | undefined, assertion: () => void): void {
  try {
    assertion();
  } catch (fault) {
    if (!(fault instanceof NodeAssertionError)) throw fault;
    throw new AssertionError(msg === undefined ? fault.message : `${fault.message}\n${msg}`);
  }
}

/** A copy of plain data in which zeros have no sign and objects without a prototype have the usual one. */
function plain(value: unknown, seen: Map<object, unknown> = new Map()): unknown {
  if (typeof value !== "object" || value === null) return value === 0 ? 0 : value;
  if (seen.has(value)) return seen.get(value);
  const keep = <T extends object>(copy: T): T => {
    seen.set(value, copy);
    return copy;
  };
  if (value instanceof Float32Array || value instanceof Float64Array) {
    return keep(value.map((each) => each === 0 ? 0 : each));
  }
  if (value instanceof Map) {
    const copy = keep(new Map<unknown, unknown>());
    value.forEach((each, key) => copy.set(plain(key, seen), plain(each, seen)));
    return copy;
  }
  if (value instanceof Set) {
    const copy = keep(new Set<unknown>());
    value.forEach((each) => copy.add(plain(each, seen)));
    return copy;
  }
  const prototype = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== null && prototype !== Object.prototype) return value;
  const copy = keep(Array.isArray(value) ? new Array(value.length) : {}) as Record<PropertyKey, unknown>;
  for (const key of Reflect.ownKeys(value)) {
    const { enumerable, value: each } = Object.getOwnPropertyDescriptor(value, key)!;
    if (enumerable) copy[key] = plain(each, seen);
  }
  return copy;
}

function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
