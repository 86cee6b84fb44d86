import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { cifar10, cifar100, cifarDataset, type CifarSource } from "../../datasets/cifar.ts";
import { readCifar } from "../../datasets/cifar_binary.ts";
import { CIFAR100_COARSE_CLASSES, CIFAR100_FINE_CLASSES } from "../../datasets/cifar_classes.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { sha256 } from "../../pipeline/json.ts";
import { type Bytes, fakeSystem, gzip } from "./fake_system.ts";
import { tarFile } from "./fake_tar.ts";

const options = { sanitizeOps: true, sanitizeResources: true };

/** A record whose planes count up from 0, 80 and 160. */
function record(...labels: number[]): number[] {
  const plane = (start: number) => Array.from({ length: 1024 }, (_, pixel) => start + (pixel % 80));
  return [...labels, ...plane(0), ...plane(80), ...plane(160)];
}

function file(name: string, ...records: number[][]) {
  return { name, bytes: Uint8Array.from(records.flat()) };
}

const LAYOUT = { labelBytes: 1, labelIndex: 0, classes: 10 };

Deno.test("planes become pixels of three values", () => {
  const { images, labels } = readCifar([file("a", record(3), record(9)), file("b", record(0))], LAYOUT);
  assertEquals([images.count, images.height, images.width, images.channels], [3, 32, 32, 3]);
  assertEquals(Array.from(labels), [3, 9, 0]);
  for (const index of [0, 2]) {
    const image = images.pixels.subarray(index * 3072, (index + 1) * 3072);
    assertEquals(Array.from(image.subarray(0, 6)), [0, 80, 160, 1, 81, 161]);
    assertEquals(Array.from(image.subarray(3 * 79, 3 * 81)), [79, 159, 239, 0, 80, 160]);
  }
});

Deno.test("of two label bytes the wanted one is taken", () => {
  const files = [file("a", record(4, 77), record(19, 99))];
  const labels = (labelIndex: number, classes: number) =>
    Array.from(readCifar(files, { labelBytes: 2, labelIndex, classes }).labels);
  assertEquals(labels(0, 20), [4, 19]);
  assertEquals(labels(1, 100), [77, 99]);
});

Deno.test("a file that is not made of whole records is refused", () => {
  const short = { name: "a", bytes: Uint8Array.from(record(3)).slice(1) };
  assertThrows(
    () => readCifar([short], LAYOUT),
    PolyphaseError,
    "a has 3072 bytes, expected records of 3073",
  );
});

Deno.test("a label out of range is named with its index and file", () => {
  assertThrows(
    () => readCifar([file("a", record(0)), file("b", record(1), record(10))], LAYOUT),
    PolyphaseError,
    "label 10 at index 1 of b: there are 10 classes",
  );
});

const train = [file("t1.bin", record(0)), file("t2.bin", record(1))];
const test = file("test.bin", record(1), record(0));
const archive = await gzip(
  tarFile([...train, test].map(({ name, bytes }) => ({ path: `two/${name}`, bytes }))),
);
const SOURCE: CifarSource = {
  name: "two",
  title: "Two",
  archive: { name: "two.tar.gz", sha256: await sha256(archive) },
  folder: "two",
  train: ["t1.bin", "t2.bin"],
  test: "test.bin",
  counts: { train: 2, test: 2 },
  layout: { labelBytes: 1, labelIndex: 0, classes: 2 },
  classes: ["zero", "one"],
};

function load(files: Record<string, Bytes>, more: { dir?: string; size?: number } = { dir: "/d" }) {
  const system = fakeSystem({ env: { HOME: "/u" }, files: new Map(Object.entries(files)) });
  return cifarDataset(SOURCE, {}, more, system).load();
}

const loose = Object.fromEntries([...train, test].map(({ name, bytes }) => [name, bytes]));
const under = (folder: string, files: Record<string, Bytes>) =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${folder}/${name}`, bytes]));

for (
  const [place, files] of [
    ["loose files", under("/d", loose)],
    ["the publisher's folder in the user's", under("/d/two", loose)],
    ["the archive", { "/d/two.tar.gz": archive }],
  ] as const
) {
  Deno.test(`${place} give both splits`, options, async () => {
    const splits = await load(files);
    assertEquals(Array.from(splits.train.labels), [0, 1]);
    assertEquals(Array.from(splits.test.labels), [1, 0]);
    assertEquals(splits.classes, ["zero", "one"]);
    assertEquals(splits.test.images.count, 2);
  });
}

Deno.test("the archive in the cache is used, and images are resized", options, async () => {
  const splits = await load({ "/u/.cache/polyphase/two/two.tar.gz": archive }, { size: 16 });
  assertEquals([splits.train.images.height, splits.train.images.width], [16, 16]);
  assertEquals(splits.train.images.pixels.length, 2 * 16 * 16 * 3);
});

Deno.test("an archive with another checksum is refused", options, async () => {
  const files = { "/d/two.tar.gz": await gzip(tarFile([])) };
  await assertRejects(() => load(files), PolyphaseError, "/d/two.tar.gz has a wrong checksum");
});

Deno.test("a folder with some of the files says which is missing", options, async () => {
  const { "test.bin": _, ...some } = loose;
  await assertRejects(() => load(under("/d", some)), PolyphaseError, "No test.bin or test.bin.gz in /d");
});

Deno.test("an empty folder asks for the archive", options, async () => {
  await assertRejects(() => load({}), PolyphaseError, "No two.tar.gz in /d");
});

Deno.test("loose files with too few images, or classes of unequal size, are refused", options, async () => {
  const few = under("/d", { ...loose, "test.bin": file("", record(0)).bytes });
  await assertRejects(() => load(few), PolyphaseError, "test.bin: 1 images, expected 2");
  const unequal = under("/d", { ...loose, "test.bin": file("", record(0), record(0)).bytes });
  await assertRejects(() => load(unequal), PolyphaseError, "test.bin: 2 images of class zero, expected 1");
});

Deno.test("configurations hold what determines the images, and not the folder", () => {
  assertEquals(cifar10({ dir: "/d" }).config, { name: "cifar10", size: 32 });
  assertEquals(cifar100({ size: 16 }).config, { name: "cifar100", labels: "fine", size: 16 });
  assertEquals(cifar100({ labels: "coarse" }).config, { name: "cifar100", labels: "coarse", size: 32 });
  assertThrows(() => cifar100({ labels: "both" as "fine" }), PolyphaseError, 'labels "both" of CIFAR-100');
});

Deno.test("CIFAR-100 has 100 classes and 20 superclasses, each named once", () => {
  assertEquals(new Set(CIFAR100_FINE_CLASSES).size, 100);
  assertEquals(new Set(CIFAR100_COARSE_CLASSES).size, 20);
  assertEquals([CIFAR100_FINE_CLASSES[19], CIFAR100_FINE_CLASSES[99]], ["cattle", "worm"]);
  assertEquals(CIFAR100_COARSE_CLASSES[11], "large_omnivores_and_herbivores");
});
