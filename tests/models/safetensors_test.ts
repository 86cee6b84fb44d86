/**
 * The safetensors format: bits that come back, a header that others can read, and one line for what is broken.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeSafetensors, encodeSafetensors, type NamedArray } from "../../models/safetensors.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";

const SETTINGS = { seed: 15, numRuns: 200 };

/** Any bits at all: NaN with payloads, denormals, negative zero. */
const data = fc.oneof(
  fc.uint32Array({ maxLength: 12 }).map((words) => new Float32Array(words.slice().buffer)),
  fc.int32Array({ maxLength: 12 }).map((numbers) => new Int32Array(numbers)),
  fc.uint8Array({ maxLength: 12 }).map((numbers) => new Uint8Array(numbers)),
);
const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 10 }).filter((each) =>
  each !== "__metadata__"
);
const arrays: fc.Arbitrary<NamedArray[]> = fc.uniqueArray(fc.record({ name, data }), {
  selector: ({ name }) => name,
  maxLength: 6,
}).map((list) =>
  list.map(({ name, data }) => ({
    name,
    shape: data.length % 2 ? [data.length] : [2, data.length / 2],
    data,
  }))
);
const metadata = fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ unit: "grapheme", maxLength: 12 }), {
  noNullPrototype: true,
});

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): number[] {
  return Array.from(new Uint8Array(buffer, byteOffset, byteLength));
}

/** The header of a file as text, and where the arrays begin. */
function headerOf(file: Uint8Array<ArrayBuffer>): { text: string; end: number } {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  return { text: new TextDecoder().decode(file.subarray(8, 8 + length)), end: 8 + length };
}

/** A file with a header of one's own. */
function fileOf(header: unknown, body: readonly number[] = []): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + body.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(body, 8 + text.length);
  return file;
}

Deno.test("safetensors: what is written comes back bit for bit", () => {
  fc.assert(
    fc.property(arrays, metadata, (arrays, metadata) => {
      const file = encodeSafetensors({ arrays, metadata });
      const read = decodeSafetensors(file, "file");
      const list = (all: readonly NamedArray[]) =>
        all.map(({ name, shape, data }) => ({
          name,
          shape,
          type: data.constructor.name,
          bytes: bytesOf(data),
        }))
          .sort((a, b) => (a.name < b.name ? -1 : 1));
      assertEquals(list(read.arrays), list(arrays));
      assertEquals(Object.entries(read.metadata).sort(), Object.entries(metadata).sort());
      assertEquals(encodeSafetensors({ arrays, metadata }), file);
    }),
    SETTINGS,
  );
});

Deno.test("safetensors: NaN payloads, denormals and signed zeros are kept", () => {
  const words = Uint32Array.from([0x7fc00000, 0x7fa12345, 0xffc00001, 1, 0x807fffff, 0x80000000, 0x7f800000]);
  const file = encodeSafetensors({
    arrays: [{ name: "x", shape: [7], data: new Float32Array(words.buffer) }],
    metadata: {},
  });
  const [{ data }] = decodeSafetensors(file, "file").arrays;
  assertEquals(bytesOf(data), bytesOf(words));
});

Deno.test("safetensors: the layout is that of the format", () => {
  fc.assert(
    fc.property(arrays, metadata, (arrays, metadata) => {
      const file = encodeSafetensors({ arrays, metadata });
      const { text, end } = headerOf(file);
      assertEquals(end % 8, 0);
      assertEquals(text[0], "{");
      const { __metadata__, ...entries } = JSON.parse(text);
      assertEquals(Object.keys(entries).sort(), arrays.map(({ name }) => name).sort());
      let offset = 0;
      for (const { name, shape, data } of arrays) {
        assertEquals(entries[name].data_offsets, [offset, offset + data.byteLength]);
        assertEquals(entries[name].shape, shape);
        offset += data.byteLength;
      }
      assertEquals(file.length, end + offset);
      assert(Object.values(__metadata__).every((value) => typeof value === "string"));
    }),
    SETTINGS,
  );
});

Deno.test("safetensors: a file written by hand is read", () => {
  const file = fileOf(
    '{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[1,9]},"b":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}   ',
    [
      7,
      0,
      0,
      128,
      63,
      0,
      0,
      0,
      192,
    ],
  ); // deno-fmt-ignore
  const { arrays, metadata } = decodeSafetensors(file, "file");
  assertEquals(metadata, {});
  assertEquals(arrays.map(({ name, shape, data }) => [name, shape, [...data]]), [["a", [1, 2], [1, -2]], [
    "b",
    [],
    [7],
  ]]);
  // Also where the bytes are a view into a larger buffer.
  const larger = new Uint8Array(file.length + 5);
  larger.set(file, 5);
  assertEquals(decodeSafetensors(larger.subarray(5), "file").arrays, arrays);
});

Deno.test("safetensors: arrays are read and written from views at any place of a buffer", () => {
  const floats = new Float32Array([9, 1, 2, 3, 9]).subarray(1, 4);
  const file = encodeSafetensors({
    arrays: [{ name: "odd", shape: [3], data: new Uint8Array([1, 2, 3]) }, {
      name: "x",
      shape: [3],
      data: floats,
    }],
    metadata: {},
  });
  const [, { data }] = decodeSafetensors(file, "file").arrays;
  assertEquals([...data], [1, 2, 3]);
});

const ENTRY = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
const BODY = new Array(8).fill(0);
const BROKEN: readonly [name: string, file: Uint8Array<ArrayBuffer>, says: string][] = [
  ["no bytes", new Uint8Array(0), "shorter than its header"],
  ["seven bytes", new Uint8Array(7), "shorter than its header"],
  [
    "a header longer than the file",
    Uint8Array.from([200, 0, 0, 0, 0, 0, 0, 0, 123]),
    "cut short in its header",
  ],
  ["a header length near 2⁶⁴", new Uint8Array(16).fill(255), "cut short in its header"],
  ["a picture", fileOf("\x89PNG"), "its header is not JSON"],
  [
    "a header that is not UTF-8",
    Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0, 0xc3, 0x28]),
    "its header is not JSON",
  ],
  [
    "a type that is not known",
    fileOf({ x: { ...ENTRY, dtype: "BF16" } }, BODY),
    "x has type BF16, known are F32, I32 and U8",
  ],
  [
    "the name of a method as a type",
    fileOf({ x: { ...ENTRY, dtype: "toString" } }, BODY),
    "x has type toString",
  ],
  ["an array cut short", fileOf({ x: ENTRY }, BODY.slice(1)), "cut short in x"],
  [
    "a shape of another size",
    fileOf({ x: { ...ENTRY, shape: [3] } }, BODY),
    "x has 2 numbers, not those of 3",
  ],
  ["a header of null", fileOf("null"), ""],
  ["a header that is a list", fileOf([1]), ""],
  ["an entry that is a number", fileOf({ x: 1 }), ""],
  ["an entry of null", fileOf({ x: null }), ""],
  ["an entry without offsets", fileOf({ x: { dtype: "F32", shape: [2] } }, BODY), ""],
  ["an entry without a shape", fileOf({ x: { dtype: "F32", data_offsets: [0, 8] } }, BODY), ""],
  ["offsets between two numbers", fileOf({ x: { ...ENTRY, data_offsets: [0, 7] } }, BODY), ""],
  ["offsets in the wrong order", fileOf({ x: { ...ENTRY, shape: [0], data_offsets: [8, 0] } }, BODY), ""],
  ["an offset before the data", fileOf({ x: { ...ENTRY, data_offsets: [-8, 0] } }, BODY), ""],
];
for (const [name, file, says] of BROKEN) {
  Deno.test(`safetensors: ${name} is refused in one line`, () => {
    const { message } = assertThrows(
      () => decodeSafetensors(file, "model.safetensors"),
      PolyphaseError,
      says,
    );
    assertMatch(
      message,
      /^model\.safetensors cannot be read as safetensors \([^\n]+\): remove it, or write it again$/,
    );
  });
}

Deno.test("safetensors: a file cut short anywhere is refused, never read wrongly", () => {
  const whole = encodeSafetensors({
    arrays: [{ name: "a", shape: [3], data: new Float32Array([1, 2, 3]) }, {
      name: "b",
      shape: [1],
      data: new Uint8Array([4]),
    }],
    metadata: { note: "x" },
  });
  for (let length = 0; length < whole.length; length++) {
    assertThrows(
      () => decodeSafetensors(whole.slice(0, length), "file"),
      PolyphaseError,
      "file cannot be read",
    );
  }
});
