/**
 * Chooses what tensors live on, and fails in one line where TensorFlow.js would go on silently on something slower.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import { setWasmPaths, tf, TF_VERSION } from "./tf.ts";

/** What tensors can live on: WASM-SIMD on the CPU, the GPU, or plain JavaScript. */
export type BackendName = "wasm" | "webgpu" | "cpu";

/** All backend names. */
export const BACKENDS: readonly BackendName[] = ["wasm", "webgpu", "cpu"];

/** The backend in use. */
export interface Backend {
  /** Its name. */
  readonly name: BackendName;
  /** What it runs on, for people. */
  readonly description: string;
}

/** The tensor engine and its version, as part of every run id. */
export const tensorEngine: { readonly tfjs: string } = { tfjs: TF_VERSION };

const MENDS: Record<BackendName, string> = {
  wasm: 'allow reading with --allow-read, or set "unstable": ["raw-imports"] in deno.json',
  webgpu: "use a machine with a GPU and its driver, or --backend wasm",
  cpu: "report this, it needs nothing",
};

/**
 * Makes TensorFlow.js use `name` and says what it runs on.
 *
 * @throws {PolyphaseError} if that backend does not start here
 */
export async function selectBackend(name: BackendName): Promise<Backend> {
  if (name === "wasm" && tf.getBackend() !== "wasm") await offerWasmBinary();
  if (name === "webgpu") {
    // Registers itself on import; only those who ask for the GPU pay for loading it.
    // deno-lint-ignore no-import-prefix -- bare specifiers do not resolve in remote modules
    await import("npm:@tensorflow/tfjs-backend-webgpu@4.22.0");
  }
  const reason = await start(name);
  if (reason !== undefined) {
    throw new PolyphaseError(`Backend "${name}" does not start here (${reason}): ${MENDS[name]}`);
  }
  await tf.ready();
  // Keeps the CPU backend from greeting its user with an advertisement.
  if (name === "cpu") (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  return { name, description: describeBackend(name) };
}

/** Starts a backend; gives back why it did not start. TensorFlow.js writes its own complaints, which are caught here. */
async function start(name: BackendName): Promise<string | undefined> {
  const { error, warn } = console;
  const said: string[] = [];
  console.error = console.warn = (...words: unknown[]) => said.push(words.join(" "));
  try {
    if (await tf.setBackend(name)) return undefined;
    return said[0]?.split("\n")[0] ?? "no reason given";
  } catch (cause) {
    return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0];
  } finally {
    console.error = error;
    console.warn = warn;
  }
}

async function offerWasmBinary(): Promise<void> {
  try {
    const { wasmUrl } = await import("./wasm_binary.ts");
    const names = [
      "tfjs-backend-wasm-simd.wasm",
      "tfjs-backend-wasm.wasm",
      "tfjs-backend-wasm-threaded-simd.wasm",
    ];
    setWasmPaths(Object.fromEntries(names.map((file) => [file, wasmUrl])), true);
  } catch {
    // No raw imports here: TensorFlow.js then reads the file beside its own code, for which it needs --allow-read.
  }
}

function describeBackend(name: BackendName): string {
  return {
    wasm: "WASM-SIMD on one CPU core",
    webgpu: "WebGPU",
    cpu: "plain JavaScript on one CPU core",
  }[name];
}
