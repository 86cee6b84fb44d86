/**
 * Bundles a module with all that it imports into one script for the browser, by Deno's own bundler.
 *
 * The bytes of TensorFlow.js's WASM binary, and our kernels, are part of the module graph and so of the script.
 *
 * @module
 */

import { PolyphaseError } from "../../pipeline/errors.ts";

/**
 * The minified script of a module. The first time, Deno fetches its bundler.
 *
 * @param module address of the module, a file
 * @throws {PolyphaseError} if the bundler fails, with the first line of what it says
 */
export async function bundle(module: URL): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir({ prefix: "polyphase-playground-" });
  try {
    const script = `${folder}/page.js`;
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--platform", "browser", "--minify", "--output", script, module.href],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) {
      const said = new TextDecoder().decode(stderr).trim().split("\n").find((line) => /error/i.test(line));
      throw new PolyphaseError(
        `The page could not be bundled (${
          said ?? "no reason given"
        }): the first time deno bundle needs the network, ` +
          `to fetch its bundler`,
      );
    }
    return await Deno.readFile(script);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
