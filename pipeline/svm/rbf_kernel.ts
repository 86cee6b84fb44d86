/**
 * The radial basis function kernel `K(a, b) = exp(-gamma |a - b|²)` of rows of features, a row against many at a time.
 *
 * Squared distances come from norms and dot products, each summed in the order of the features in float64. So the kernel
 * of two rows has the same bits whichever of them is asked for first, and that of a row with itself is exactly 1.
 *
 * @module
 */

/** Rows of features with what their kernel needs. */
export interface KernelRows {
  /** Features, `[rows, dims]`. */
  readonly values: Float64Array;
  /** Features of a row. */
  readonly dims: number;
  /** Squared length of each row, `[rows]`. */
  readonly norms: Float64Array;
}

/** The kernel with a fixed set of rows. */
export interface RbfKernel {
  /** Writes the kernel of row `row` of `from` with the rows `first` to `last - 1` into `out [last - first]`. */
  narrow(from: KernelRows, row: number, first: number, last: number, out: Float32Array): void;
  /** The same with all digits. */
  wide(from: KernelRows, row: number, first: number, last: number, out: Float64Array): void;
}

/** Rows of `values [rows, dims]` with their squared lengths. */
export function kernelRows(values: Float64Array, dims: number): KernelRows {
  const norms = new Float64Array(values.length / dims);
  for (let row = 0; row < norms.length; row++) {
    let sum = 0;
    for (let place = row * dims; place < (row + 1) * dims; place++) sum += values[place] * values[place];
    norms[row] = sum;
  }
  return { values, dims, norms };
}

/** The kernel of width `gamma` with the rows `to`; what it is asked for must have as many features. */
export function rbfKernel(gamma: number, to: KernelRows): RbfKernel {
  const products = new Float64Array(to.norms.length);
  const multiply = ({ values, dims }: KernelRows, row: number, first: number, last: number) =>
    dotProducts(values.subarray(row * dims, (row + 1) * dims), to.values, first, last, products);
  return {
    narrow(from, row, first, last, out) {
      multiply(from, row, first, last);
      narrowExponentials(gamma, from.norms[row], to.norms, first, products, out);
    },
    wide(from, row, first, last, out) {
      multiply(from, row, first, last);
      wideExponentials(gamma, from.norms[row], to.norms, first, products, out);
    },
  };
}

/** Dot products of `query [dims]` with four rows at a time: each query value is read once for four products. */
function dotProducts(
  query: Float64Array,
  values: Float64Array,
  first: number,
  last: number,
  out: Float64Array,
): void {
  const dims = query.length;
  let row = first;
  for (; row + 4 <= last; row += 4) {
    const a = row * dims;
    const b = a + dims;
    const c = b + dims;
    const d = c + dims;
    let sumA = 0;
    let sumB = 0;
    let sumC = 0;
    let sumD = 0;
    for (let place = 0; place < dims; place++) {
      const value = query[place];
      sumA += value * values[a + place];
      sumB += value * values[b + place];
      sumC += value * values[c + place];
      sumD += value * values[d + place];
    }
    const to = row - first;
    out[to] = sumA;
    out[to + 1] = sumB;
    out[to + 2] = sumC;
    out[to + 3] = sumD;
  }
  for (; row < last; row++) {
    const start = row * dims;
    let sum = 0;
    for (let place = 0; place < dims; place++) sum += query[place] * values[start + place];
    out[row - first] = sum;
  }
}

/** From squared lengths and a dot product to the kernel. Rounding must not make the squared distance negative. */
function rbf(gamma: number, norm: number, otherNorm: number, product: number): number {
  return Math.exp(-gamma * Math.max(0, norm + otherNorm - 2 * product));
}

// Two functions of one body, since a loop that meets arrays of two widths is compiled to a slow one.
function narrowExponentials(
  gamma: number,
  norm: number,
  norms: Float64Array,
  first: number,
  products: Float64Array,
  out: Float32Array,
): void {
  for (let index = 0; index < out.length; index++) {
    out[index] = rbf(gamma, norm, norms[first + index], products[index]);
  }
}

function wideExponentials(
  gamma: number,
  norm: number,
  norms: Float64Array,
  first: number,
  products: Float64Array,
  out: Float64Array,
): void {
  for (let index = 0; index < out.length; index++) {
    out[index] = rbf(gamma, norm, norms[first + index], products[index]);
  }
}
