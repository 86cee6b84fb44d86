/**
 * The linked part of `@std/assert` behaves as the real package does. Written with plain throws, since what is tested
 * cannot be trusted to test itself.
 *
 * @module
 */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertExists,
  AssertionError,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";

function passes(what: string, fn: () => unknown): void {
  try {
    fn();
  } catch (cause) {
    throw new Error(`${what}: should pass`, { cause });
  }
}

function fails(what: string, fn: () => unknown, includes = ""): void {
  try {
    fn();
  } catch (thrown) {
    if (!(thrown instanceof AssertionError)) {
      throw new Error(`${what}: threw another error`, { cause: thrown });
    }
    if (!thrown.message.includes(includes)) throw new Error(`${what}: the message is "${thrown.message}"`);
    return;
  }
  throw new Error(`${what}: should fail`);
}

const circle: Record<string, unknown> = { a: 1 };
circle.self = circle;
const sameCircle: Record<string, unknown> = { a: 1 };
sameCircle.self = sameCircle;

const EQUAL: [string, unknown, unknown][] = [
  ["NaN", NaN, NaN],
  ["zeros without a sign", 0, -0],
  ["zeros without a sign, deep", { a: [0, { b: -0 }] }, { a: [-0, { b: 0 }] }],
  ["typed arrays", new Float32Array([1, NaN, 0]), new Float32Array([1, NaN, -0])],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ["maps in another order", new Map([[1, "a"], [2, "b"]]), new Map([[2, "b"], [1, "a"]])],
  ["sets of objects", new Set([{ a: 1 }, { a: 2 }]), new Set([{ a: 2 }, { a: 1 }])],
  ["maps of zeros", new Map([["a", [0]]]), new Map([["a", [-0]]])],
  ["no prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ["keys in another order", { a: 1, b: 2 }, { b: 2, a: 1 }],
  ["dates", new Date(5), new Date(5)],
  ["regular expressions", /a/g, /a/g],
  ["URLs", new URL("file:///a"), new URL("file:///a")],
  ["circles", circle, sameCircle],
];

const DIFFERENT: [string, unknown, unknown][] = [
  ["numbers and texts", 1, "1"],
  ["null and undefined", null, undefined],
  ["a key that is undefined", { a: undefined }, {}],
  ["types of arrays", new Uint8Array([1]), [1]],
  ["types of typed arrays", new Float32Array([1]), new Float64Array([1])],
  ["typed arrays", new Float32Array([1, 2]), new Float32Array([1, 3])],
  ["lengths", [1, 2], [1, 2, 3]],
  ["maps", new Map([[1, "a"]]), new Map([[1, "b"]])],
  ["sets", new Set([1]), new Set([2])],
  ["classes", new (class A {})(), new (class B {})()],
  ["dates", new Date(5), new Date(6)],
  ["regular expressions", /a/g, /a/i],
  ["URLs", new URL("file:///a"), new URL("file:///b")],
];

Deno.test("assertEquals and assertNotEquals agree on what is equal", () => {
  for (const [what, a, b] of EQUAL) {
    passes(what, () => assertEquals(a, b));
    fails(what, () => assertNotEquals(a, b));
  }
  for (const [what, a, b] of DIFFERENT) {
    fails(what, () => assertEquals(a, b));
    passes(what, () => assertNotEquals(a, b));
  }
});

Deno.test("assertEquals shows what differs, and the message", () => {
  fails("difference", () => assertEquals({ a: 1 }, { a: 2 }), "a: 1");
  fails("message", () => assertEquals(1, 2, "at step 7"), "at step 7");
});

Deno.test("assert, fail, assertExists and assertStrictEquals", () => {
  passes("truthy", () => assert("a"));
  fails("falsy", () => assert(0, "no text"), "no text");
  fails("fail", () => fail("here"), "Failed assertion: here");
  for (const value of [0, "", false, NaN]) passes(String(value), () => assertExists(value));
  for (const value of [null, undefined]) fails(String(value), () => assertExists(value));
  passes("NaN", () => assertStrictEquals(NaN, NaN));
  fails("signs of zeros", () => assertStrictEquals(0, -0));
  fails("objects", () => assertStrictEquals({}, {}));
});

Deno.test("assertAlmostEquals has a relative tolerance unless it is given one", () => {
  passes("relative", () => assertAlmostEquals(1e6 + 0.05, 1e6));
  fails("relative", () => assertAlmostEquals(1e6 + 0.2, 1e6));
  fails("next to zero", () => assertAlmostEquals(1e-9, 0));
  passes("absolute", () => assertAlmostEquals(1.05, 1, 0.1));
  fails("absolute", () => assertAlmostEquals(1.2, 1, 0.1), "is greater than");
  passes("NaN", () => assertAlmostEquals(NaN, NaN));
  fails("NaN", () => assertAlmostEquals(NaN, 1, 1));
  fails("infinite", () => assertAlmostEquals(Infinity, -Infinity));
});

Deno.test("assertStringIncludes and assertMatch", () => {
  passes("part", () => assertStringIncludes("abc", "b"));
  fails("no part", () => assertStringIncludes("abc", "d"), 'to contain: "d"');
  passes("match", () => assertMatch("abc", /^a.c$/));
  fails("no match", () => assertMatch("abc", /^b/));
});

Deno.test("assertThrows checks class and message, and gives the error back", () => {
  const error = new RangeError("too far");
  const thrower = () => {
    throw error;
  };
  passes("any", () => assert(assertThrows(thrower) === error));
  passes("subclass and text", () => assert(assertThrows(thrower, Error, "far") === error));
  fails("nothing thrown", () => assertThrows(() => 1), "Expected function to throw");
  fails("class", () => assertThrows(thrower, TypeError), 'instance of "TypeError", but was "RangeError"');
  fails("text", () => assertThrows(thrower, RangeError, "near"), 'include "near", but got "too far"');
  fails("no error", () =>
    assertThrows(() => {
      throw "text";
    }, Error), "A non-Error object was thrown");
});

Deno.test("assertRejects checks class and message, and gives the reason back", async () => {
  const error = new RangeError("too far");
  const rejecting = () => Promise.reject(error);
  assert(await assertRejects(rejecting) === error);
  assert(await assertRejects(rejecting, RangeError, "far") === error);
  const faults: [() => Promise<unknown>, string][] = [
    [() => assertRejects(() => Promise.resolve()), "Expected function to reject"],
    [() => assertRejects(rejecting, TypeError), 'instance of "TypeError"'],
    [() => assertRejects(rejecting, RangeError, "near"), 'include "near"'],
    [
      () =>
        assertRejects(() => {
          throw error;
        }),
      "throws when expected to reject",
    ],
  ];
  for (const [fn, text] of faults) {
    const fault = await fn().then(() => undefined, (reason) => reason);
    fails(text, () => {
      throw fault ?? new Error("was not rejected");
    }, text);
  }
});
