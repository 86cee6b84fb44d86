/**
 * The gradient of `tf.einsum`, which TensorFlow.js has on no backend.
 *
 * Made of `tf.einsum` and ordinary operations, so it can be differentiated again and works on every backend.
 *
 * @module
 */

import { type Tensor, tf } from "../../tf.ts";

/** Gradient of the kernel `Einsum`. */
export const einsumGradient: Parameters<typeof tf.registerGradient>[0] = {
  kernelName: "Einsum",
  saveAllInputs: true,
  gradFunc(given, saved, attrs) {
    const dy = given as Tensor;
    const [inputs, out] = (attrs as unknown as { equation: string }).equation.replaceAll(/\s/g, "").split(
      "->",
    );
    const terms = inputs.split(",");
    const gradients = terms.map((term, index) => () => {
      const other = 1 - index;
      const gradient = terms.length === 1
        ? alone(dy, out, term)
        : withOther(dy, out, term, saved[other], terms[other]);
      return spread(gradient, saved[index], (label) => out.includes(label) || has(terms[other], label), term);
    });
    // The inputs are a list, and so their gradients go by place.
    return gradients as unknown as Record<string, () => Tensor>;
  },
};

function has(term: string | undefined, label: string): boolean {
  return term !== undefined && term.includes(label);
}

/** dy in the order of the labels that the term has in common with the result. */
function alone(dy: Tensor, out: string, term: string): Tensor {
  const kept = [...term].filter((label) => out.includes(label)).join("");
  return kept === out ? tf.clone(dy) : tf.einsum(`${out}->${kept}`, dy);
}

/** dy times the other operand, in the order of the labels that the term has in common with them. */
function withOther(dy: Tensor, out: string, term: string, other: Tensor, otherTerm: string): Tensor {
  // What only the other operand has was summed up there: so it can be here, before. The kernels of TensorFlow.js leave
  // an operand out that has none of the labels that are summed over, so it must be.
  const lone = [...otherTerm].flatMap((label, axis) =>
    term.includes(label) || out.includes(label) ? [] : [axis]
  );
  const rest = [...otherTerm].filter((_, axis) => !lone.includes(axis)).join("");
  const summed = lone.length === 0 ? other : tf.sum(other, lone);
  const kept = [...term].filter((label) => out.includes(label) || otherTerm.includes(label)).join("");
  return tf.einsum(`${out},${rest}->${kept}`, dy, summed);
}

/** The gradient repeated along the axes of x that were summed up before anything else. */
function spread(gradient: Tensor, x: Tensor, isKept: (label: string) => boolean, term: string): Tensor {
  const labels = [...term];
  if (labels.every(isKept)) return gradient;
  const shape = labels.map((label, axis) => isKept(label) ? x.shape[axis]! : 1);
  return tf.tile(
    tf.reshape(gradient, shape),
    labels.map((label, axis) => isKept(label) ? 1 : x.shape[axis]!),
  );
}
