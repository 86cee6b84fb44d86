import { assertEquals, assertThrows } from "@std/assert";
import { untar } from "../../datasets/tar.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { bytesOf } from "./fake_system.ts";
import { tarFile } from "./fake_tar.ts";

const archive = tarFile([
  { path: "folder/", type: "5", bytes: bytesOf("") },
  { path: "folder/one.bin", bytes: bytesOf("one") },
  { path: "folder/link", type: "2", bytes: bytesOf("") },
  { path: "two.bin", prefix: "a/long/way", bytes: bytesOf("x".repeat(700)) },
]);

Deno.test("untar gives the plain files by path", () => {
  const files = untar(archive, "a.tar");
  assertEquals([...files.keys()], ["folder/one.bin", "a/long/way/two.bin"]);
  assertEquals(files.get("folder/one.bin"), bytesOf("one"));
  assertEquals(files.get("a/long/way/two.bin")!.length, 700);
});

Deno.test("an archive without the empty blocks at its end is read", () => {
  assertEquals(untar(archive.slice(0, -1024), "a.tar").size, 2);
});

Deno.test("what is no archive, or is damaged or cut short, is refused", () => {
  const noise = new Uint8Array(2048).fill(7);
  assertThrows(() => untar(noise, "a.tar"), PolyphaseError, "a.tar is no tar archive, or is damaged");
  assertThrows(
    () => untar(archive.with(0, 0x7a), "a.tar"),
    PolyphaseError,
    "a.tar is no tar archive, or is damaged",
  );
  const cut = archive.slice(0, archive.length - 1024 - 512);
  assertThrows(() => untar(cut, "a.tar"), PolyphaseError, "a.tar is cut short at a/long/way/two.bin");
});
