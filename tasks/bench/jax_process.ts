/**
 * The process in which `@jax-js/jax` runs. Its argument is the number of threads.
 *
 * @module
 */

import { serveSide } from "./serve_side.ts";

if (import.meta.main) {
  // It takes a thread for each core that it is told of, and asks for their number as soon as it is imported.
  Object.defineProperty(navigator, "hardwareConcurrency", { value: Number(Deno.args[0]) });
  const { startJax } = await import("./jax_side.ts");
  const { side, values } = await startJax();
  await serveSide(side, { values });
  // Its threads would hold the process.
  Deno.exit();
}
