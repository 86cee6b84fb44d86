/**
 * The process in which vanilla TensorFlow.js runs operations.
 *
 * @module
 */

import { selectBackend } from "../../models/backend/select.ts";
import { JAX_CASES } from "./jax_cases.ts";
import { OPS } from "./ops.ts";
import { serveSide } from "./serve_side.ts";
import { localSide } from "./side.ts";

if (import.meta.main) {
  await selectBackend("wasm", { kernels: false });
  await serveSide(localSide([...OPS, ...JAX_CASES]));
}
