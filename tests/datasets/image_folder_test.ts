// deno-lint-ignore-file no-import-prefix -- the encoders come with the decoders that the library pins
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { encode as encodePng } from "npm:fast-png@8.0.0";
import jpeg from "npm:jpeg-js@0.4.4";
import { imageFolder } from "../../datasets/image_folder.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { permitted } from "../support.ts";

const isPermitted = permitted({ name: "read" }, { name: "write" });
const options = { sanitizeOps: true, sanitizeResources: true, ignore: !isPermitted };
const NEEDS = "(needs --allow-read --allow-write)";

type Bytes = Uint8Array;

function png(width: number, height: number, channels: number, value: (at: number) => number): Bytes {
  const data = Uint8Array.from({ length: width * height * channels }, (_, at) => value(at));
  return encodePng({ width, height, channels, data });
}

function jpg(width: number, height: number, rgb: readonly [number, number, number]): Bytes {
  const data = new Uint8Array(width * height * 4);
  for (let at = 0; at < data.length; at += 4) data.set([...rgb, 255], at);
  return new Uint8Array(jpeg.encode({ width, height, data }, 95).data);
}

const flat = (value: number) => png(4, 4, 1, () => value);

/** Runs `work` in a fresh folder that holds these files. */
async function withFiles(
  files: Record<string, Bytes | string>,
  work: (path: string) => Promise<void> | void,
) {
  const root = await Deno.makeTempDir();
  const path = `${root}/pets`;
  try {
    for (const [name, content] of Object.entries(files)) {
      const target = `${path}/${name}`;
      await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(target, bytes);
    }
    await work(path);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test(`a folder with its own split reads in order of class and name ${NEEDS}`, options, () =>
  withFiles({
    "train/dog/b.png": flat(20),
    "train/dog/a.PNG": flat(10),
    "train/cat/deep/c.png": flat(30),
    "train/cat/notes.txt": "no picture",
    "train/cat/.hidden.png": "no picture",
    "val/dog/d.png": flat(40),
  }, async (path) => {
    const { train, test, classes } = await imageFolder(path, { channels: 1 }).load();
    assertEquals(classes, ["cat", "dog"]);
    assertEquals(Array.from(train.labels), [0, 1, 1]);
    assertEquals([0, 1, 2].map((index) => train.images.pixels[16 * index]), [30, 10, 20]);
    assertEquals([Array.from(test.labels), test.images.pixels[0]], [[1], 40]);
    assertEquals([train.images.height, train.images.width, train.images.channels], [4, 4, 1]);
  }));

Deno.test(`PNG of every kind and JPEG come out as RGB ${NEEDS}`, options, () =>
  withFiles({
    "train/a/1.png": flat(9),
    "train/a/2.png": png(4, 4, 2, (at) => at % 2 ? 0 : 50),
    "train/a/3.png": png(4, 4, 3, (at) => [1, 2, 3][at % 3]),
    "train/a/4.png": png(4, 4, 4, (at) => [4, 5, 6, 0][at % 4]),
    "train/a/5.png": encodePng({
      width: 4,
      height: 4,
      channels: 1,
      depth: 16,
      data: new Uint16Array(16).fill(0x80ff),
    }),
    "train/a/6.jpg": jpg(4, 4, [200, 100, 50]),
    "test/a/1.jpeg": jpg(4, 4, [8, 8, 8]),
  }, async (path) => {
    const { train, test } = await imageFolder(path).load();
    const first = (index: number) => Array.from(train.images.pixels.subarray(48 * index, 48 * index + 3));
    assertEquals(first(0), [9, 9, 9]);
    assertEquals(first(1), [50, 50, 50]);
    assertEquals(first(2), [1, 2, 3]);
    assertEquals(first(3), [4, 5, 6]);
    assertEquals(first(4), [128, 128, 128]);
    // JPEG is lossy, so its colours are near, not equal.
    [200, 100, 50].forEach((value, channel) => assert(Math.abs(first(5)[channel] - value) <= 3));
    assert(Math.abs(test.images.pixels[0] - 8) <= 3);
  }));

Deno.test(`a folder without a split puts a seeded share of each class aside ${NEEDS}`, options, () => {
  const files: Record<string, Bytes> = {};
  for (let index = 0; index < 10; index++) {
    files[`cat/${index}.png`] = flat(index);
    files[`dog/${index}.png`] = flat(100 + index);
  }
  return withFiles(files, async (path) => {
    const firsts = async (seed?: number, testShare?: number) => {
      const { train, test } = await imageFolder(path, { channels: 1, seed, testShare }).load();
      const values = (split: typeof train) =>
        Array.from(split.labels, (_, row) => split.images.pixels[16 * row]);
      return { train: values(train), test: values(test) };
    };
    const { train, test } = await firsts();
    assertEquals([train.length, test.length], [16, 4]);
    assertEquals(test.filter((value) => value < 100).length, 2);
    const all = [...train, ...test].sort((a, b) => a - b);
    assertEquals(all, Array.from({ length: 20 }, (_, index) => index < 10 ? index : 90 + index));
    assertEquals(await firsts(0), { train, test });
    assertNotEquals((await firsts(1)).test, test);
    assertEquals((await firsts(0, 0.5)).test.length, 10);
  });
});

Deno.test(`mixed sizes need a size, to which the shorter side goes ${NEEDS}`, options, () =>
  withFiles({
    "train/a/1.png": png(8, 4, 1, () => 70),
    "train/a/2.png": png(4, 6, 1, () => 80),
    "test/a/3.png": flat(90),
  }, async (path) => {
    const error = await assertRejects(() => imageFolder(path).load(), PolyphaseError);
    assertStringIncludes(error.message, "2.png has 4 × 6 pixels");
    assertStringIncludes(error.message, "1.png has 8 × 4: give a size");
    const { train, test } = await imageFolder(path, { size: 3, channels: 1 }).load();
    assertEquals(train.images.pixels, new Uint8Array(18).fill(70).fill(80, 9));
    assertEquals([test.images.height, test.images.width], [3, 3]);
  }));

Deno.test(`a damaged picture is named, and one that is no picture too ${NEEDS}`, options, async () => {
  const whole = png(9, 9, 3, (at) => (at * 37) % 256);
  const jpeg = jpg(64, 64, [200, 10, 99]);
  for (
    const [content, message] of [
      [whole.slice(0, 60), "/train/a/x.png is damaged ("],
      [jpeg.slice(0, 400), "/train/a/x.png is damaged ("],
      ["plain text", "/train/a/x.png is no PNG or JPEG image"],
    ] as const
  ) {
    await withFiles({ "train/a/x.png": content, "test/a/y.png": whole }, async (path) => {
      const error = await assertRejects(() => imageFolder(path).load(), PolyphaseError, message);
      assertEquals(error.message.includes("\n"), false);
    });
  }
});

Deno.test(
  `a JPEG is read though it is called PNG ${NEEDS}`,
  options,
  () =>
    withFiles({ "train/a/x.png": jpg(4, 4, [9, 9, 9]), "test/a/y.png": flat(9) }, async (path) => {
      assertEquals((await imageFolder(path).load()).train.images.count, 1);
    }),
);

Deno.test(`the configuration tells the content, not the place ${NEEDS}`, options, async () => {
  const tag = async (files: Record<string, Bytes>) => {
    let config = {};
    await withFiles(files, (path) => {
      config = imageFolder(path, { size: 8 }).config;
    });
    return config;
  };
  const first = await tag({ "a/1.png": flat(1), "b/1.png": flat(2) });
  assertEquals(await tag({ "a/1.png": flat(1), "b/1.png": flat(2) }), first);
  assertNotEquals(await tag({ "a/1.png": flat(1), "b/2.png": flat(2) }), first);
  assertNotEquals(await tag({ "a/1.png": flat(1), "b/1.png": png(9, 4, 3, (at) => at) }), first);
  assertEquals({ ...first, content: "" }, {
    name: "folder",
    folder: "pets",
    content: "",
    channels: 3,
    size: 8,
    testShare: 0.2,
    seed: 0,
  });
});

Deno.test(
  `progress counts the images of both splits ${NEEDS}`,
  options,
  () =>
    withFiles(
      { "train/a/1.png": flat(1), "train/a/2.png": flat(1), "test/a/3.png": flat(2) },
      async (path) => {
        const told: unknown[] = [];
        await imageFolder(path).load({ progress: ({ done, total }) => told.push([done, total]) });
        assertEquals(told, [[1, 3], [2, 3], [3, 3]]);
      },
    ),
);

Deno.test(`layouts that do not fit are refused ${NEEDS}`, options, async () => {
  const one = flat(1);
  for (
    const [files, message] of [
      [{ "x.png": one }, "has no folders of classes"],
      [{ "train/a/1.png": one }, "has a folder train, but neither test nor val"],
      [{ "train/a/1.png": one, "test/b/1.png": one }, "test has a class b that"],
      [{ "a/1.png": one, "b/notes.txt": "none" }, "b has no .png, .jpg or .jpeg files"],
    ] as const
  ) {
    await withFiles(files, (path) => {
      assertThrows(() => imageFolder(path), PolyphaseError, message);
    });
  }
  assertThrows(() => imageFolder("no/such/folder"), PolyphaseError, "There is no folder no/such/folder");
});

Deno.test(
  `options out of range, or without use, are refused ${NEEDS}`,
  options,
  () =>
    withFiles({ "train/a/1.png": flat(1), "test/a/1.png": flat(1) }, (path) => {
      assertThrows(() => imageFolder(path, { testShare: 0.5 }), PolyphaseError, "has its own test split");
      assertThrows(() => imageFolder(path, { testShare: 1 }), PolyphaseError, "testShare 1, expected");
      assertThrows(() => imageFolder(path, { size: 0 }), PolyphaseError, "image size 0");
      assertThrows(() => imageFolder(path, { channels: 4 as 3 }), PolyphaseError, "4 channels, expected 1");
    }),
);

Deno.test("without permission the flag is named", { permissions: { read: false } }, () => {
  assertThrows(() => imageFolder("pets"), PolyphaseError, "add --allow-read=pets");
});
