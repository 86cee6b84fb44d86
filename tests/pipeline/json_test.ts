/**
 * Canonical JSON, fingerprints, and the form of errors that are meant for a person.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AbortedError, PolyphaseError, StageError } from "../../pipeline/errors.ts";
import { canonicalJson, fingerprint, type Json, sha256 } from "../../pipeline/json.ts";

const SETTINGS = { seed: 5 };
const anyJson = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;

/** The same value with the keys of every object in the opposite order of insertion. */
function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([key, member]) => [key, reversed(member)]));
}

Deno.test("canonicalJson: the order in which keys were written does not matter", () => {
  fc.assert(
    fc.property(anyJson, (value) => assertEquals(canonicalJson(reversed(value)), canonicalJson(value))),
    SETTINGS,
  );
});

Deno.test("canonicalJson: reads back as the same value, so different values have different text", () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      assertEquals(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }),
    SETTINGS,
  );
  assertNotEquals(canonicalJson([1, 2]), canonicalJson([2, 1]));
  assertNotEquals(canonicalJson({ a: 1 }), canonicalJson({ a: "1" }));
  assertNotEquals(canonicalJson({ a: null }), canonicalJson({}));
});

Deno.test("canonicalJson: keys in code-unit order, no white space", () => {
  assertEquals(
    canonicalJson({ b: [1, { d: null, c: "x y" }], a: true, "é": 1, Z: -0.5, "10": 1e21, "9": 0 }),
    '{"10":1e+21,"9":0,"Z":-0.5,"a":true,"b":[1,{"c":"x y","d":null}],"é":1}',
  );
});

Deno.test("canonicalJson: numbers that JSON cannot hold are refused, wherever they are", () => {
  for (const number of [NaN, Infinity, -Infinity]) {
    for (const value of [number, [number], { a: { b: [1, number] } }]) {
      assertThrows(() => canonicalJson(value), TypeError, `JSON cannot hold ${number}`);
    }
  }
});

Deno.test("sha256 and fingerprint: known digests", async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  assertEquals(
    await sha256(bytes("abc")),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  assertEquals(await sha256(bytes("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  // SHA-256 of the two characters {}.
  assertEquals(await fingerprint({}), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  assertEquals(await fingerprint({ b: 1, a: [] }), await sha256(bytes('{"a":[],"b":1}')));
});

Deno.test("errors: one line with the stage, what was seen, what was expected and the mend", () => {
  const fault = {
    stage: "train",
    seen: "50 tokens",
    expected: "49 (image 28, patch 4)",
    mend: "set classToken: false",
  };
  const error = new StageError(fault);
  assertEquals(
    error.message,
    'Cannot run stage "train": 50 tokens, expected 49 (image 28, patch 4): set classToken: false',
  );
  assertEquals(error.fault, fault);
  assertEquals([error.name, new AbortedError("stopped").name, new PolyphaseError("no").name], [
    "StageError",
    "AbortedError",
    "PolyphaseError",
  ]);
  for (const each of [error, new AbortedError("stopped")]) {
    assert(each instanceof PolyphaseError && each instanceof Error);
  }
});
