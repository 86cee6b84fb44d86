/**
 * The process in which models train on vanilla TensorFlow.js.
 *
 * @module
 */

import { selectBackend } from "../../models/backend/select.ts";
import { MODEL_CASES } from "./model_cases.ts";
import { stepsHere } from "./model_steps.ts";
import { serveSide } from "./serve_side.ts";
import { localSide } from "./side.ts";

if (import.meta.main) {
  await selectBackend("wasm", { kernels: false });
  await serveSide(localSide(MODEL_CASES.map(stepsHere)));
}
