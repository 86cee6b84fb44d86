/**
 * Runs fused kernels on our kernels and as plain loops in double precision, and compares.
 *
 * @module
 */

import { registerReferenceKernels, unregisterReferenceKernels } from "../ops/reference_kernels.ts";
import { assertLikeCpu, type Case } from "./cpu_reference.ts";

/** As {@linkcode assertLikeCpu}, the `cpu` backend having the loops of the contract as its fused kernels. */
export async function assertLikeLoops(cases: readonly Case[], tolerance: number): Promise<void> {
  registerReferenceKernels();
  try {
    await assertLikeCpu(cases, tolerance);
  } finally {
    unregisterReferenceKernels();
  }
}
