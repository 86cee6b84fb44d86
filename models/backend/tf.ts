/**
 * The only door to TensorFlow.js. Everything else imports `tf` from here.
 *
 * The specifiers are written out because a module that is imported from a URL cannot use the import map of the
 * project it comes from. `deno.json` names the same versions.
 *
 * @module
 */

// deno-lint-ignore-file no-import-prefix -- see above: bare specifiers do not resolve in remote modules

import * as tfjs from "npm:@tensorflow/tfjs@4.22.0";
import { setWasmPaths } from "npm:@tensorflow/tfjs-backend-wasm@4.22.0";

/** Version of TensorFlow.js, its last. */
export const TF_VERSION: string = tfjs.version_core;

/** A tensor. */
export type Tensor = tfjs.Tensor;

/** TensorFlow.js: the same module that `npm:@tensorflow/tfjs@4.22.0` gives, so tensors of both can be mixed. */
export const tf: typeof tfjs = tfjs;

export { setWasmPaths };
