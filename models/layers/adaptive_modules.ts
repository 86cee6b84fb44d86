/**
 * Which modules of a model are adaptive, and which images those that stride can take.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";

/** For each module that can be adaptive by name, whether it is. */
export type AdaptiveModules<Name extends string> = { readonly [name in Name]: boolean };

/** A stride somewhere in a model. */
export interface StrideInModel {
  /** Pixels of the image from one pixel of the map to the next: the product of the strides before. */
  readonly before: number;
  /** Pixels of the map from window to window. */
  readonly stride: number;
}

/**
 * All of the modules, none, or all but those that are named as false.
 *
 * @param model name of the model, for the error
 * @param names modules that can be adaptive
 * @param given what the user asks for. Default none
 * @throws {PolyphaseError} if a name is not that of such a module, or its value is no boolean
 */
export function adaptiveModules<Name extends string>(
  model: string,
  names: readonly Name[],
  given: boolean | Partial<AdaptiveModules<Name>> = false,
): AdaptiveModules<Name> {
  if (typeof given === "object") {
    for (const [name, value] of Object.entries(given)) {
      if (names.some((each) => each === name) && typeof value === "boolean") continue;
      throw new PolyphaseError(
        `${model} got adaptive.${name} ${JSON.stringify(value)}, expected true or false for ${
          names.join(", ")
        }: name one of these`,
      );
    }
  }
  const all = names.map((name) => [name, typeof given === "boolean" ? given : given[name] ?? true]);
  return Object.fromEntries(all);
}

/**
 * Holds that every stride divides the map it slides over, as adaptive grids need. A map of a single row or column is not
 * strided over.
 *
 * @param model name of the model, for the error
 * @param image height and width
 * @param strides those of the adaptive modules
 * @throws {PolyphaseError} if one does not, with the nearest size of image for which all do
 */
export function expectImageSize(
  model: string,
  image: readonly [height: number, width: number],
  strides: readonly StrideInModel[],
): void {
  const multiples = image.map((length) =>
    strides.filter(({ before }) => length > before)
      .reduce((multiple, { before, stride }) => leastCommonMultiple(multiple, before * stride), 1)
  );
  if (image.every((length, axis) => length % multiples[axis] === 0)) return;
  const better = image.map((length, axis) =>
    Math.max(1, Math.round(length / multiples[axis])) * multiples[axis]
  );
  throw new PolyphaseError(
    `${model} got images of ${
      image.join("×")
    }, expected sides that its adaptive strides divide, multiples of ${Math.max(...multiples)}: make images ${
      better.join("×")
    }, or choose other strides`,
  );
}

function leastCommonMultiple(a: number, b: number): number {
  return a / greatestCommonDivisor(a, b) * b;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
