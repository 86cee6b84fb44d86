/**
 * Chooses what tensors live on, and fails in one line where TensorFlow.js would go on silently on something slower.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";
import { installKernels, uninstallKernels } from "./kernels/install.ts";
import type { KernelVariant } from "./kernels/instantiate.ts";
import { SOURCES_HASH } from "./kernels/module.generated.ts";
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

/** The tensor engine and our kernels with their versions, as part of every run id. */
export const tensorEngine: { readonly tfjs: string; readonly kernels: string } = {
  tfjs: TF_VERSION,
  kernels: SOURCES_HASH.slice(0, 12),
};

/** What {@linkcode selectBackend} may be told. */
export interface BackendOptions {
  /** Whether the `wasm` backend gets our own kernels, or stays as TensorFlow.js made it, for comparison. Default true. */
  readonly kernels?: boolean;
}

const MENDS: Record<BackendName, string> = {
  wasm: 'allow reading with --allow-read, or set "unstable": ["raw-imports"] in deno.json',
  webgpu: "install the driver of the GPU (Debian has one in software: mesa-vulkan-drivers and libvulkan1), " +
    'or choose the backend "wasm"',
  cpu: "report this, it needs nothing",
};

/**
 * Makes TensorFlow.js use `name`, with our kernels in place on `wasm`, and says what it runs on.
 *
 * On `webgpu` a tensor is read with `await tensor.data()` only: Deno cannot wait for a GPU in the middle of a call. What
 * the GPU refuses, such as a tensor beyond its limits, is thrown as a {@linkcode PolyphaseError} by the next read.
 *
 * @throws {PolyphaseError} if that backend does not start here
 */
export async function selectBackend(
  name: BackendName,
  { kernels = true }: BackendOptions = {},
): Promise<Backend> {
  if (name === "wasm" && tf.getBackend() !== "wasm") {
    // Our kernels share the memory of the backend, which must not be shared with threads too. Workers are our threads.
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    await offerWasmBinary();
  }
  const adapter = name === "webgpu" ? await offerWebGpu() : undefined;
  const reason = await start(name);
  if (reason !== undefined) throw doesNotStart(name, reason);
  await tf.ready();
  // Keeps the CPU backend from greeting its user with an advertisement.
  if (name === "cpu") (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  if (name === "webgpu") throwWhatGpuRefuses(tf.backend() as unknown as WebGpuBackend);
  if (name !== "wasm") return { name, description: describeBackend(name, adapter) };
  if (!kernels) uninstallKernels();
  const variant = kernels ? installKernels() : undefined;
  return { name, description: describeBackend(name, adapter, variant) };
}

function doesNotStart(name: BackendName, reason: string): PolyphaseError {
  return new PolyphaseError(`Backend "${name}" does not start here (${reason}): ${MENDS[name]}`);
}

/** Starts a backend; gives back why it did not start. TensorFlow.js writes its own complaints, which are caught here. */
async function start(name: BackendName): Promise<string | undefined> {
  const { error, warn } = console;
  const said: string[] = [];
  console.error = console.warn = (...words: unknown[]) => said.push(firstLine(words.join(" ")));
  try {
    if (await tf.setBackend(name)) return undefined;
    // It first says that it failed, and then why.
    return said.find((line) => !line.startsWith("Initialization of backend")) ?? "no reason given";
  } catch (cause) {
    return firstLine(cause);
  } finally {
    console.error = error;
    console.warn = warn;
  }
}

/** The first line of a message or a stack, without the name of the error. */
function firstLine(said: unknown): string {
  const text = said instanceof Error ? said.message : String(said);
  return text.split("\n")[0].replace(/^\w*Error: /, "");
}

/** Loads the WebGPU backend, which registers itself, and gives back what it will run on. */
async function offerWebGpu(): Promise<GPUAdapterInfo> {
  if (navigator.gpu === undefined) throw doesNotStart("webgpu", "this runtime has no WebGPU");
  // As TensorFlow.js asks for it: so this is the adapter that it gets. Without one it would fail on `null`.
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) throw doesNotStart("webgpu", "no GPU adapter was found");
  // Only those who ask for the GPU pay for loading it.
  // deno-lint-ignore no-import-prefix -- bare specifiers do not resolve in remote modules
  await import("npm:@tensorflow/tfjs-backend-webgpu@4.22.0");
  return adapter.info;
}

/** What is used here of TensorFlow.js's WebGPU backend. */
interface WebGpuBackend {
  readonly device: GPUDevice;
  read(dataId: object): Promise<unknown>;
}

/**
 * Makes reads of tensors throw what the GPU refused to do before. TensorFlow.js does not listen: a product that is too
 * large for the GPU comes out as zeros.
 */
function throwWhatGpuRefuses(backend: WebGpuBackend): void {
  // The method of the class was replaced already when the backend was chosen before.
  if (Object.hasOwn(backend, "read")) return;
  let refused: string | undefined;
  backend.device.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    refused ??= firstLine((event as GPUUncapturedErrorEvent).error.message);
  });
  const read = backend.read.bind(backend);
  backend.read = async (dataId) => {
    const values = await read(dataId).catch((cause) => {
      if (!(cause instanceof DOMException)) throw cause;
      refused ??= firstLine(cause.message);
    });
    if (refused === undefined) return values;
    const seen = refused;
    // Said once: what is computed from here on may be right again.
    refused = undefined;
    throw new PolyphaseError(
      `The GPU could not do its work (${seen}): use a smaller batch or model, or the backend "wasm"`,
    );
  };
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

function describeBackend(name: BackendName, adapter?: GPUAdapterInfo, kernels?: KernelVariant): string {
  const ours = kernels && (kernels === "simd" ? " with our kernels" : " with our kernels in relaxed SIMD");
  return {
    wasm: `WASM-SIMD on one CPU core${ours ?? ""}`,
    webgpu: `WebGPU on ${adapter && describeAdapter(adapter)}`,
    cpu: "plain JavaScript on one CPU core",
  }[name];
}

/** Browsers name vendor and architecture and keep the rest to themselves; Deno knows numbers, and a description. */
function describeAdapter(info: GPUAdapterInfo): string {
  const { vendor, architecture, device, description } = info;
  const names = [vendor, architecture, device].filter((each) => /\D/.test(each)).join(" ");
  const software = info.isFallbackAdapter ? ", in software on the CPU" : "";
  return (description || names || "an adapter without a name") + software;
}
