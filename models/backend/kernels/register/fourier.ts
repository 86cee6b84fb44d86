/**
 * `tf.spectral.fft` and `tf.spectral.ifft`, and with them `rfft` and `irfft`: the WASM backend of TensorFlow.js has none,
 * and its `cpu` backend takes the square of the length where that is no power of two.
 *
 * @module
 */

import { fourierPlan, type Sign } from "../fourier_plan.ts";
import type { TensorInfo, WasmBackend } from "../wasm_backend.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** The transform along the last axis. */
export const fft: KernelDefinition = { name: "FFT", run: (call) => transformed(call, -1) };

/** Its inverse, divided by the length. */
export const ifft: KernelDefinition = { name: "IFFT", run: (call) => transformed(call, 1) };

/** Bytes of a complex number. */
const COMPLEX = 8;

function transformed({ inputs, backend, kernels }: KernelCall, sign: Sign): TensorInfo {
  const { exports } = kernels;
  const input = inputs.input!;
  const result = kernels.output(input.shape, "complex64");
  const size = sizeOf(input.shape);
  if (size === 0) return result;
  const length = input.shape.at(-1) ?? 1;
  const rows = size / length;
  const [x, y] = [kernels.addressOf(input), kernels.addressOf(result)];
  const scale = sign === 1 ? 1 / length : 1;
  const plan = fourierPlan(length, sign);
  if ("roots" in plan) {
    const tables = [plan.factors, plan.roots];
    const scratch = kernels.scratch(bytesOf(tables) + 2 * COMPLEX * length);
    const [factors, roots] = writeTables(backend, scratch, tables);
    const { length: count } = plan.factors;
    exports.fourier(rows, length, x, y, sign, scale, factors, count, roots, scratch + bytesOf(tables));
    return result;
  }
  const { chirp, filter, forward, backward } = plan;
  const tables = [forward.factors, chirp, filter, forward.roots, backward.roots];
  const scratch = kernels.scratch(bytesOf(tables) + 4 * COMPLEX * forward.length);
  const [factors, chirpAt, filterAt, roots, inverseRoots] = writeTables(backend, scratch, tables);
  exports.fourierByConvolution(
    rows,
    length,
    forward.length,
    x,
    y,
    scale,
    chirpAt,
    filterAt,
    factors,
    forward.factors.length,
    roots,
    inverseRoots,
    scratch + bytesOf(tables),
  );
  return result;
}

type Table = Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

function bytesOf(tables: readonly Table[]): number {
  return tables.reduce((bytes, table) => bytes + table.byteLength, 0);
}

/** Writes tables one after the other from an address on, and gives back where each begins. */
function writeTables(backend: WasmBackend, scratch: number, tables: readonly Table[]): number[] {
  const memory = new Uint8Array(backend.wasm.asm.memory.buffer);
  let at = scratch;
  return tables.map((table) => {
    const address = at;
    memory.set(new Uint8Array(table.buffer), address);
    at += table.byteLength;
    return address;
  });
}
