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
type TypeName = keyof typeof TYPES;

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
  let header: Record<string, { dtype: TypeName; shape: number[]; data_offsets: [number, number] }>;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + length)));
  } catch {
    return fail("its header is not JSON");
  }
  const { __metadata__, ...entries } = header;
  const arrays = Object.entries(entries).map(([array, { dtype, shape, data_offsets: [start, end] }]) => {
    if (!(dtype in TYPES)) fail(`${array} has type ${dtype}, known are F32, I32 and U8`);
    if (8 + length + end > file.length) fail(`cut short in ${array}`);
    const Type = TYPES[dtype];
    const data = new Type(file.slice(8 + length + start, 8 + length + end).buffer);
    if (data.length !== shape.reduce((product, side) => product * side, 1)) {
      fail(`${array} has ${data.length} numbers, not those of ${shape.join("×")}`);
    }
    return { name: array, shape, data };
  });
  return { arrays, metadata: (__metadata__ ?? {}) as unknown as Record<string, string> };
}
