/**
 * How PyTorch stores fully connected layers.
 *
 * @module
 */

import type { TorchEntry } from "../model.ts";

/** `<name>.weight`, there `[out, in]`, and `<name>.bias`. */
export function linearEntries(name: string, torch: string, inputs: number, outputs: number): TorchEntry[] {
  return [
    { name: `${name}.weight`, torch: `${torch}.weight`, shape: [outputs, inputs], axes: [1, 0] },
    { name: `${name}.bias`, torch: `${torch}.bias`, shape: [outputs] },
  ];
}
