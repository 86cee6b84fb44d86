/**
 * The only door to `@jax-js/jax`, a dependency of the benchmark alone.
 *
 * @module
 */

// deno-lint-ignore-file no-import-prefix -- nothing but the benchmark wants it, so it stands in no import map

export { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy, vjp } from "npm:@jax-js/jax@0.1.25";
