/**
 * The safetensors file format: named arrays behind a JSON header, as the Python library of that name reads and writes.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";

/** A named array of a file. */
export interface NamedArray {
  /** Dotted name, for example `fc1.bias`. */
  readonly name: string;
  /** Length along each axis. */
  readonly shape: readonly number[];
  /** The numbers, row by row. */
  readonly data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
}

/** What a file holds. */
export interface Safetensors {
  /** The arrays, in the order of the file. */
  readonly arrays: readonly NamedArray[];
  /** Free text by name. */
  readonly metadata: { readonly [name: string]: string };
}

const TYPES = { F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;

/** The bytes of a file. Arrays keep their order; the same content gives the same bytes. */
export function encodeSafetensors({ arrays, metadata }: Safetensors): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, data } of arrays) {
    const dtype = data instanceof Float32Array ? "F32" : data instanceof Int32Array ? "I32" : "U8";
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  let text = JSON.stringify(header);
  const length = new TextEncoder().encode(text).length;
  // The format asks for arrays that begin at a multiple of eight bytes.
  text += " ".repeat((8 - length % 8) % 8);
  const head = new TextEncoder().encode(text);
  const file = new Uint8Array(8 + head.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  let start = 8 + head.length;
  for (const { data } of arrays) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
    start += data.byteLength;
  }
  return file;
}

/**
 * What the bytes of a file hold; `name` is the file's, for messages.
 *
 * @throws {PolyphaseError} if the bytes are not a safetensors file, are cut short, or hold a type other than F32, I32
 * and U8
 */
export function decodeSafetensors(file: Uint8Array<ArrayBuffer>, name: string): Safetensors {
  const fail = (seen: string): never => {
    throw new PolyphaseError(`${name} cannot be read as safetensors (${seen}): remove it, or write it again`);
  };
  if (file.length < 8) fail("shorter than its header");
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  if (8 + length > file.length) fail("cut short in its header");
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + length)));
  } catch {
    return fail("its header is not JSON");
  }
  if (!isRecord(header)) return fail("its header is no JSON object");
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isRecord(metadata)) return fail("its metadata is no JSON object");
  const arrays = Object.entries(entries).map(([array, entry]): NamedArray => {
    if (!isRecord(entry)) return fail(`${array} is no JSON object`);
    const { dtype, shape, data_offsets: offsets } = entry;
    if (typeof dtype !== "string" || !Object.hasOwn(TYPES, dtype)) {
      return fail(`${array} has type ${dtype}, known are F32, I32 and U8`);
    }
    if (!isSizes(shape)) return fail(`${array} has no shape`);
    if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
      return fail(`${array} has no place in the file`);
    }
    const [start, end] = offsets;
    if (8 + length + end > file.length) return fail(`cut short in ${array}`);
    const Type = TYPES[dtype as keyof typeof TYPES];
    const numbers = shape.reduce((product, side) => product * side, 1);
    if (end - start !== numbers * Type.BYTES_PER_ELEMENT) {
      return fail(
        `${array} has ${(end - start) / Type.BYTES_PER_ELEMENT} numbers, not those of ${shape.join("×")}`,
      );
    }
    return { name: array, shape, data: new Type(file.slice(8 + length + start, 8 + length + end).buffer) };
  });
  return { arrays, metadata: metadata as Record<string, string> };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether this is a list of whole numbers from 0. */
function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}
