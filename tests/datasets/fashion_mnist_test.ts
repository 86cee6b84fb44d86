import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { FASHION_MNIST_SHA256, knownAs, MNIST_SHA256 } from "../../datasets/checksums.ts";
import { takeImages } from "../../datasets/dataset.ts";
import { FASHION_CLASSES, fashionMnist } from "../../datasets/fashion_mnist.ts";
import { mnist } from "../../datasets/mnist.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import golden from "../golden/resize.json" with { type: "json" };
import { permitted } from "../support.ts";
import { fakeSystem, idxFile } from "./fake_system.ts";

const options = { sanitizeOps: true, sanitizeResources: true };
const real = { ...options, ignore: !permitted({ name: "read" }, { name: "env" }) };

function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function classSizes(labels: Uint8Array): number[] {
  const sizes = new Array(10).fill(0);
  for (const label of labels) sizes[label]++;
  return sizes;
}

Deno.test(
  "Fashion-MNIST has its published counts, 6,000 and 1,000 a class (needs --allow-read --allow-env)",
  real,
  async () => {
    const { train, test, classes } = await fashionMnist().load();
    assertEquals([train.images.count, test.images.count, classes.length], [60_000, 10_000, 10]);
    assertEquals(classSizes(train.labels), new Array(10).fill(6000));
    assertEquals(classSizes(test.labels), new Array(10).fill(1000));
    assertEquals(takeImages(test.images, golden.index).pixels, bytesOfBase64(golden.source.base64));
  },
);

Deno.test(
  "Fashion-MNIST at 14 pixels equals Pillow to the byte (needs --allow-read --allow-env)",
  real,
  async () => {
    const { test } = await fashionMnist({ size: 14 }).load();
    assertEquals(takeImages(test.images, golden.index).pixels, bytesOfBase64(golden.to14.base64));
  },
);

Deno.test(
  "a file of Fashion-MNIST among those of MNIST is recognized (needs --allow-read --allow-env)",
  real,
  async () => {
    const name = "t10k-labels-idx1-ubyte";
    const { labels } = (await fashionMnist().load()).test;
    const files = new Map([[`/u/mnist/${name}`, idxFile([labels.length], labels)]]);
    const system = fakeSystem({ files, env: { POLYPHASE_DATA: "/u" } });
    const error = await assertRejects(() => mnist({}, system).load(), PolyphaseError);
    assertStringIncludes(error.message, `cache /u/mnist/${name}: looks like Fashion-MNIST's ${name}`);
  },
);

Deno.test("a published checksum is known by its data set", () => {
  assertEquals(knownAs(MNIST_SHA256["t10k-images-idx3-ubyte"]), "MNIST's t10k-images-idx3-ubyte");
  assertEquals(
    knownAs(FASHION_MNIST_SHA256["train-labels-idx1-ubyte"]),
    "Fashion-MNIST's train-labels-idx1-ubyte",
  );
  assertEquals(knownAs("0".repeat(64)), undefined);
  const sums = [...Object.values(MNIST_SHA256), ...Object.values(FASHION_MNIST_SHA256)];
  assertEquals(new Set(sums.filter((sum) => /^[0-9a-f]{64}$/.test(sum))).size, 8);
});

for (const make of [fashionMnist, mnist]) {
  Deno.test(`${make.name} offline and without files says how to mend it`, options, async () => {
    const error = await assertRejects(() => make({}, fakeSystem()).load(), PolyphaseError);
    assertStringIncludes(error.message.split("\n")[0], "--data DIR");
    assertEquals(error.message.includes("apt install dataset-fashion-mnist"), make === fashionMnist);
  });

  Deno.test(`${make.name} asks its mirrors over HTTPS alone`, options, async () => {
    const system = fakeSystem();
    await assertRejects(() => make({}, system).load(), PolyphaseError);
    const asked = system.log.filter((line) => line.startsWith("fetch "));
    assertEquals(asked.length, 2);
    assertEquals(asked.every((line) => line.startsWith("fetch https://")), true);
  });
}

Deno.test("names, classes and configurations are those of the publisher", () => {
  assertEquals(fashionMnist().config, { name: "fashion-mnist", size: 28 });
  assertEquals(fashionMnist({ size: 14, dir: "/d" }).config, { name: "fashion-mnist", size: 14 });
  assertEquals(mnist().config, { name: "mnist", size: 28 });
  assertEquals([FASHION_CLASSES[0], FASHION_CLASSES[9]], ["T-shirt/top", "Ankle boot"]);
  assertThrows(() => fashionMnist({ size: 0 }), PolyphaseError, "image size 0");
});
