/**
 * The only door to TensorFlow.js. Everything else imports `tf` from here.
 *
 * The specifiers are written out because a module that is imported from a URL cannot use the import map of the
 * project it comes from. `deno.json` names the same versions.
 *
 * @module
 */

// deno-lint-ignore-file no-import-prefix -- see above: bare specifiers do not resolve in remote modules

import * as tf from "npm:@tensorflow/tfjs@4.22.0";
import { setWasmPaths } from "npm:@tensorflow/tfjs-backend-wasm@4.22.0";

/** Version of TensorFlow.js, its last. */
export const TF_VERSION: string = tf.version_core;

/** A tensor. */
export type Tensor = tf.Tensor;

export { setWasmPaths, tf };
