/**
 * The arrays of a safetensors file of PyTorch's that weights are made of: numbers of type F32. Counters and other
 * integers, such as `num_batches_tracked` of batch norms, are left out.
 *
 * @module
 */

import { PolyphaseError } from "../pipeline/errors.ts";
import { decodeSafetensors } from "./safetensors.ts";

/** An array of numbers. */
export interface TorchArray {
  /** Length along each axis. */
  readonly shape: readonly number[];
  /** The numbers, row by row. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** Types that no weight has. */
const INTEGERS: readonly string[] = ["BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"];

/**
 * The F32 arrays of a file by name; `file` is the file's name, for messages.
 *
 * @throws {PolyphaseError} if the bytes are not a safetensors file, or hold floating-point numbers other than F32
 */
export function torchArrays(bytes: Uint8Array<ArrayBuffer>, file: string): ReadonlyMap<string, TorchArray> {
  const arrays = new Map<string, TorchArray>();
  for (const { name, shape, data } of decodeSafetensors(withoutIntegers(bytes, file), file).arrays) {
    if (data instanceof Float32Array) arrays.set(name, { shape, data });
  }
  return arrays;
}

/** The same file with only its floating-point arrays in the header; anything odd is left to the decoder to refuse. */
function withoutIntegers(bytes: Uint8Array<ArrayBuffer>, file: string): Uint8Array<ArrayBuffer> {
  if (bytes.length < 8) return bytes;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = headerOf(bytes.subarray(8, 8 + length));
  if (8 + length > bytes.length || header === undefined) return bytes;
  const kept = Object.entries(header).filter(([name, entry]) => {
    const type = name === "__metadata__" ? undefined : typeOf(entry);
    if (type !== undefined && type !== "F32" && !INTEGERS.includes(type)) {
      throw new PolyphaseError(
        `${file} has ${name} of type ${type}, expected F32: save the weights as float32`,
      );
    }
    return type === undefined || !INTEGERS.includes(type);
  });
  if (kept.length === Object.keys(header).length) return bytes;
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(kept)));
  // The places of arrays count from the end of the header, so they stay as they are.
  const rest = bytes.subarray(8 + length);
  const made = new Uint8Array(8 + text.length + rest.length);
  new DataView(made.buffer).setBigUint64(0, BigInt(text.length), true);
  made.set(text, 8);
  made.set(rest, 8 + text.length);
  return made;
}

function headerOf(text: Uint8Array): object | undefined {
  try {
    const header: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
    return typeof header === "object" && header !== null && !Array.isArray(header) ? header : undefined;
  } catch {
    return undefined;
  }
}

function typeOf(entry: unknown): string | undefined {
  if (typeof entry !== "object" || entry === null || !("dtype" in entry)) return undefined;
  return typeof entry.dtype === "string" ? entry.dtype : undefined;
}
