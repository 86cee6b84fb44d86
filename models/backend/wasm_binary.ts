/**
 * The WASM-SIMD binary of TensorFlow.js as bytes in the module graph, so that it loads with no permission at all.
 *
 * Apart from `tf.ts` because the import needs the setting `"unstable": ["raw-imports"]`, which a project that imports
 * Polyphase from a URL need not have: `select.ts` asks for this module and goes on without it.
 *
 * @module
 */

// deno-lint-ignore-file no-import-prefix -- bare specifiers do not resolve in remote modules

import bytes from "npm:@tensorflow/tfjs-backend-wasm@4.22.0/dist/tfjs-backend-wasm-simd.wasm" with {
  type: "bytes",
};

/** The binary, as a `data:` URL. */
export const wasmUrl: string = `data:application/wasm;base64,${base64(bytes)}`;

function base64(data: Uint8Array): string {
  let text = "";
  // In slices: a spread call takes only so many arguments.
  for (let start = 0; start < data.length; start += 0x8000) {
    text += String.fromCharCode(...data.subarray(start, start + 0x8000));
  }
  return btoa(text);
}
