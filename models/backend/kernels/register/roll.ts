/**
 * The fused kernels `PolyphaseRoll` and `PolyphasePhaseEnergies`.
 *
 * @module
 */

import type { KernelDefinition } from "./kernel.ts";

/** Images read from an offset on. */
export const roll: KernelDefinition = {
  name: "PolyphaseRoll",
  run({ inputs, kernels }) {
    const [x, rows, columns] = [inputs.x!, inputs.rows!, inputs.columns!];
    const [batch, height, width, channels] = x.shape;
    const y = kernels.output(x.shape, "float32");
    const step = ({ shape }: { readonly shape: readonly number[] }) => shape[0] === 1 ? 0 : 1;
    kernels.exports.roll(
      batch,
      height,
      width,
      channels,
      kernels.addressOf(x),
      kernels.addressOf(rows),
      step(rows),
      kernels.addressOf(columns),
      step(columns),
      kernels.addressOf(y),
    );
    return [y];
  },
};

/** Energies of the polyphases of images. */
export const phaseEnergies: KernelDefinition = {
  name: "PolyphasePhaseEnergies",
  run({ inputs, attrs, kernels }) {
    const x = inputs.x!;
    const { stride: [rows, columns], power } = attrs as { stride: readonly [number, number]; power: number };
    const [batch, height, width, channels] = x.shape;
    const energies = kernels.output([batch, rows * columns], "float32");
    kernels.exports.phaseEnergies(
      batch,
      height,
      width,
      channels,
      rows,
      columns,
      power,
      kernels.addressOf(x),
      kernels.addressOf(energies),
      kernels.scratch(8 * rows * columns),
    );
    return [energies];
  },
};
