/**
 * Whether this browser can run the models at all.
 *
 * @module
 */

/** A module whose one function splats a byte over a SIMD register: not valid where there is no SIMD. */
// deno-fmt-ignore
const SPLAT = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, // magic and version
  1, 5, 1, 96, 0, 1, 123, // type: () → v128
  3, 2, 1, 0, // one function of that type
  10, 8, 1, 6, 0, 65, 0, 253, 15, 11, // i32.const 0, i8x16.splat
);

/** What to tell somebody whose browser lacks WebAssembly or its SIMD instructions; nothing if it has them. */
export function unsupported(): string | undefined {
  const mend = "Use a current version of Chrome, Edge, Firefox or Safari.";
  if (typeof WebAssembly !== "object") {
    return `The models compute in WebAssembly, which this browser does not have or has switched off. ${mend}`;
  }
  if (!WebAssembly.validate(SPLAT)) {
    return `The models compute with WebAssembly's SIMD instructions, which this browser does not know. ${mend}`;
  }
  return undefined;
}
