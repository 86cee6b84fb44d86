import { assert, assertEquals, assertRejects } from "@std/assert";
import { gunzip, isGzip } from "../../datasets/gunzip.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { bytesOf, gzip } from "./fake_system.ts";

const options = { sanitizeOps: true, sanitizeResources: true };
const plain = bytesOf("one sentence, again and again. ".repeat(100));

Deno.test("gunzip gives back what was compressed", options, async () => {
  const packed = await gzip(plain);
  assert(isGzip(packed) && !isGzip(plain));
  assertEquals(await gunzip(packed, "a.gz"), plain);
});

for (
  const [name, damage] of [
    ["cut in the middle", (bytes: Uint8Array<ArrayBuffer>) => bytes.slice(0, bytes.length >> 1)],
    ["cut in its checksum", (bytes: Uint8Array<ArrayBuffer>) => bytes.slice(0, -4)],
    ["with a wrong checksum", (bytes: Uint8Array<ArrayBuffer>) => bytes.with(-6, bytes.at(-6)! ^ 1)],
    ["with wrong bytes", (bytes: Uint8Array<ArrayBuffer>) => bytes.with(20, bytes[20] ^ 0xff)],
  ] as const
) {
  Deno.test(`gunzip refuses a file ${name} and says what to do`, options, async () => {
    const bytes = new Uint8Array(damage(await gzip(plain)));
    const error = await assertRejects(() => gunzip(bytes, "data/x.gz"), PolyphaseError);
    assertEquals(
      error.message,
      "data/x.gz is cut short or damaged: delete it and run `deno task data` again",
    );
  });
}

Deno.test("gunzip refuses a file that is no gzip file", options, async () => {
  await assertRejects(() => gunzip(plain, "x.gz"), PolyphaseError, "x.gz is no gzip file");
});
