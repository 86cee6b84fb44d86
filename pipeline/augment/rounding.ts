/**
 * Rounding as PyTorch rounds.
 *
 * @module
 */

/** Adding it leaves no room for binary digits behind the point, so the addition itself rounds, and halves to even. */
const NO_FRACTION = 1.5 * 2 ** 52;

/** The nearest whole number, and of two as near the even one. Exact for magnitudes below 2⁵¹. */
export function roundHalfEven(value: number): number {
  return value + NO_FRACTION - NO_FRACTION;
}
