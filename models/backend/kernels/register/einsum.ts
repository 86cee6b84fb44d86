/**
 * `tf.einsum`, by products of matrices; the WASM backend of TensorFlow.js has none.
 *
 * @module
 */

import { PolyphaseError } from "../../../../pipeline/errors.ts";
import { tf } from "../../tf.ts";
import { gemm } from "../gemm.ts";
import { stridesOf } from "../strided_copy.ts";
import type { TensorInfo } from "../wasm_backend.ts";
import type { KernelCall, KernelDefinition } from "./kernel.ts";
import { sizeOf } from "./shape.ts";

/** Sums of products over the labels that the result does not have, of one tensor or two: `"bij,bjk->bik"`. */
export const einsum: KernelDefinition = {
  name: "Einsum",
  run(call) {
    const given = Object.values(call.inputs).map((each) => each!);
    const equation = call.attrs.equation as string;
    const { allDims, idDims } = tf.backend_util.decodeEinsumEquation(equation, given.length);
    tf.backend_util.checkEinsumDimSizes(
      allDims.length,
      idDims,
      given as Parameters<typeof tf.backend_util.checkEinsumDimSizes>[2],
    );
    const out = equation.replaceAll(/\s/g, "").split("->")[1];
    if (new Set(out).size !== out.length) {
      throw new PolyphaseError(
        `einsum got "${equation}", expected each label once in the result: take the diagonal apart`,
      );
    }
    const made = new Made(call);
    const terms = given.map((tensor, index) => ({ tensor, labels: idDims[index].map((id) => allDims[id]) }));
    return made.settle(contracted(made, terms, [...out], allDims));
  },
};

/** A tensor with a label for each of its axes. */
interface Term {
  readonly tensor: TensorInfo;
  readonly labels: readonly string[];
}

/** Runs kernels and remembers what they made, so that all of it but the result can be disposed of. */
class Made {
  readonly #tensors: TensorInfo[] = [];
  readonly call: KernelCall;

  constructor(call: KernelCall) {
    this.call = call;
  }

  run(kernel: string, inputs: Record<string, TensorInfo>, attrs: Record<string, unknown>): TensorInfo {
    return this.keep(this.call.run(kernel, inputs, attrs));
  }

  keep(tensor: TensorInfo): TensorInfo {
    this.#tensors.push(tensor);
    return tensor;
  }

  /** Disposes of everything but the result, which an input may share. */
  settle(result: TensorInfo): TensorInfo {
    if (!this.#tensors.includes(result)) this.call.backend.incRef(result.dataId);
    for (const each of this.#tensors) if (each !== result) this.call.backend.disposeData(each.dataId);
    return { dataId: result.dataId, shape: [...result.shape], dtype: result.dtype };
  }
}

function contracted(made: Made, terms: Term[], out: string[], all: readonly string[]): TensorInfo {
  if (terms.some(({ tensor }) => tensor.dtype !== "float32")) return ofIntegers(made, terms, out, all);
  const [a, b] = terms.map((term, index) => {
    const others = terms.filter((_, each) => each !== index).flatMap(({ labels }) => labels);
    return summed(made, term, (label) => out.includes(label) || others.includes(label));
  });
  if (b === undefined) return ordered(made, a, out).tensor;
  return productOf(made, a, b, out);
}

/** The term without the labels that `isKept` leaves out, summed over them. */
function summed(made: Made, { tensor, labels }: Term, isKept: (label: string) => boolean): Term {
  const axis = labels.flatMap((label, index) => isKept(label) ? [] : [index]);
  if (axis.length === 0) return { tensor, labels };
  return {
    tensor: made.run("Sum", { x: tensor }, { axis, keepDims: false }),
    labels: labels.filter(isKept),
  };
}

/** The term with its axes in the order of `labels`, all of which it has. */
function ordered(made: Made, term: Term, labels: readonly string[]): Term {
  const perm = labels.map((label) => term.labels.indexOf(label));
  if (perm.every((axis, index) => axis === index)) return term;
  return { tensor: made.run("Transpose", { x: term.tensor }, { perm }), labels };
}

/** The labels of a product of matrices. */
interface Roles {
  readonly batch: readonly string[];
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly depth: readonly string[];
}

/** Every label is now of both terms, or of one and of the result. */
function productOf(made: Made, first: Term, second: Term, out: readonly string[]): TensorInfo {
  // The columns of a product are contiguous: they should be those of the term that the result ends with.
  const last = out.findLast((label) => !first.labels.includes(label) || !second.labels.includes(label));
  const isSwapped = last !== undefined && first.labels.includes(last);
  const [a, b] = isSwapped ? [second, first] : [first, second];
  const roles: Roles = {
    batch: out.filter((label) => a.labels.includes(label) && b.labels.includes(label)),
    rows: out.filter((label) => !b.labels.includes(label)),
    columns: out.filter((label) => !a.labels.includes(label)),
    depth: a.labels.filter((label) => !out.includes(label)),
  };
  if (roles.rows.length + roles.columns.length + roles.depth.length === 0) {
    return made.run("Multiply", { a: ordered(made, a, out).tensor, b: ordered(made, b, out).tensor }, {});
  }
  return multiplied(made, a, b, out, roles);
}

function multiplied(made: Made, a: Term, b: Term, out: readonly string[], roles: Roles): TensorInfo {
  const { kernels } = made.call;
  const sizes = new Map(
    [a, b].flatMap(({ tensor, labels }) =>
      labels.map((label, index) => [label, tensor.shape[index]] as const)
    ),
  );
  const shapeOf = (labels: readonly string[]) => labels.map((label) => sizes.get(label)!);
  const { batch, rows, columns, depth } = roles;
  const left = matrices(made, a, batch, rows, depth);
  const right = matrices(made, b, batch, depth, columns);
  // Written where it belongs if the result ends with its columns, else put in order afterwards.
  const direct = layoutOf({ shape: shapeOf(out), labels: out }, batch, rows, columns);
  const isDirect = direct !== undefined && (direct.column === 1 || sizeOf(shapeOf(columns)) === 1);
  const labels = isDirect ? out : [...batch, ...rows, ...columns];
  const shape = shapeOf(labels);
  const layout = isDirect ? direct : layoutOf({ shape, labels }, batch, rows, columns)!;
  const tensor = made.keep(kernels.output(shape, "float32"));
  gemm(kernels, {
    batch: shapeOf(batch),
    rows: sizeOf(shapeOf(rows)),
    columns: sizeOf(shapeOf(columns)),
    depth: sizeOf(shapeOf(depth)),
    a: { ...left.layout, address: kernels.addressOf(left.tensor) },
    b: { ...right.layout, address: kernels.addressOf(right.tensor) },
    c: { ...layout, address: kernels.addressOf(tensor) },
  });
  return ordered(made, { tensor, labels }, out).tensor;
}

/** Steps in elements of a batch of matrices. */
interface Layout {
  readonly row: number;
  readonly column: number;
  readonly batch: number[];
}

/** The term as matrices: where it lies if single steps lead through rows and columns, else a copy. */
function matrices(
  made: Made,
  term: Term,
  batch: readonly string[],
  rows: readonly string[],
  columns: readonly string[],
): { tensor: TensorInfo; layout: Layout } {
  const { tensor, labels } = term;
  const layout = layoutOf({ shape: tensor.shape, labels }, batch, rows, columns);
  if (layout !== undefined) return { tensor, layout };
  const copy = ordered(made, term, [...batch, ...rows, ...columns]);
  const { shape } = copy.tensor;
  return { tensor: copy.tensor, layout: layoutOf({ shape, labels: copy.labels }, batch, rows, columns)! };
}

function layoutOf(
  { shape, labels }: { readonly shape: readonly number[]; readonly labels: readonly string[] },
  batch: readonly string[],
  rows: readonly string[],
  columns: readonly string[],
): Layout | undefined {
  const strides = stridesOf(shape);
  const axes = (group: readonly string[]) =>
    group.map((label) => labels.indexOf(label)).map((axis) => ({ size: shape[axis], step: strides[axis] }));
  const [row, column] = [rows, columns].map((group) => singleStep(axes(group)));
  if (row === undefined || column === undefined) return undefined;
  return { row, column, batch: axes(batch).map(({ step }) => step) };
}

/** The step from one element to the next through all of these axes, if there is one. */
function singleStep(axes: readonly { readonly size: number; readonly step: number }[]): number | undefined {
  const long = axes.filter(({ size }) => size !== 1);
  const isEven = long.every(({ step }, index) =>
    index === long.length - 1 || step === long[index + 1].size * long[index + 1].step
  );
  return isEven ? long.at(-1)?.step ?? 1 : undefined;
}

/** Products and sums as they stand: products of matrices would round whole numbers. */
function ofIntegers(made: Made, terms: Term[], out: readonly string[], all: readonly string[]): TensorInfo {
  const labels = [...out, ...all.filter((label) => !out.includes(label))];
  const dtype = terms.map(({ tensor }) => tensor.dtype).reduce((a, b) => tf.upcastType(a, b));
  const spread = terms.map(({ tensor, labels: own }) => {
    const x = tensor.dtype === dtype ? tensor : made.run("Cast", { x: tensor }, { dtype });
    const present = labels.filter((label) => own.includes(label));
    const { tensor: y } = ordered(made, { tensor: x, labels: own }, present);
    const shape = labels.map((label) => own.includes(label) ? tensor.shape[own.indexOf(label)] : 1);
    return made.run("Reshape", { x: y }, { shape });
  });
  const product = spread.length === 1 ? spread[0] : made.run("Multiply", { a: spread[0], b: spread[1] }, {});
  const axis = labels.map((_, index) => index).slice(out.length);
  return axis.length === 0 ? product : made.run("Sum", { x: product }, { axis, keepDims: false });
}
