/**
 * The checked-in build of the kernels belongs to the sources, and needs nothing from its host but memory.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  PLAIN_SIMD,
  RELAXED_SIMD,
  SOURCES_HASH,
} from "../../../../models/backend/kernels/module.generated.ts";
import { GENERATED, kernelModule, sourcesHash } from "../../../../tasks/build_kernels.ts";
import { permitted } from "../../../support.ts";
import { STRICT } from "./reference.ts";

const canRead = permitted({ name: "read" });
const canBuild = canRead && permitted({ name: "env" });

Deno.test({
  name: "the checked-in kernels were compiled from the sources as they are (needs --allow-read)",
  ignore: !canRead,
  ...STRICT,
  fn: async () => assertEquals(SOURCES_HASH, await sourcesHash()),
});

Deno.test({
  name: "compiling the kernels again gives the same bytes (needs --allow-read --allow-env)",
  ignore: !canBuild,
  ...STRICT,
  fn: async () => assertEquals(await kernelModule(), await Deno.readTextFile(GENERATED)),
});

for (const [name, text] of Object.entries({ RELAXED_SIMD, PLAIN_SIMD })) {
  Deno.test(`${name} imports memory of any size alone, and has no data of its own`, () => {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const module = new WebAssembly.Module(bytes);
    assertEquals(WebAssembly.Module.imports(module).map(({ kind, name }) => [kind, name]), [[
      "memory",
      "memory",
    ]]);
    assertEquals(sections(bytes).filter((id) => id === 6 || id === 11), []);
    for (const limits of [{ initial: 1 }, { initial: 256 }, { initial: 2, maximum: 65536 }]) {
      new WebAssembly.Instance(module, { env: { memory: new WebAssembly.Memory(limits) } });
    }
  });
}

/** Ids of the sections of a binary: 6 are globals, 11 is static data. */
function sections(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 8; at < bytes.length;) {
    ids.push(bytes[at++]);
    let size = 0;
    for (let shift = 0;; shift += 7) {
      const byte = bytes[at++];
      size += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    at += size;
  }
  return ids;
}
