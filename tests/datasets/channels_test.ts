import { assertEquals } from "@std/assert";
import { convertChannels, inChannels } from "../../datasets/channels.ts";
import type { Images } from "../../datasets/dataset.ts";
import { datasetByName } from "../../datasets/registry.ts";
import { synthetic } from "../../datasets/synthetic.ts";

function images(channels: number, ...values: number[]): Images {
  return { count: 1, height: 1, width: values.length / channels, channels, pixels: Uint8Array.from(values) };
}

const values = (from: Images, channels: 1 | 3) => Array.from(convertChannels(from, channels).pixels);

Deno.test("colours become grey by Pillow's luma", () => {
  const primary = images(3, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 200, 90);
  assertEquals(values(primary, 1), [76, 150, 29, 255, 131]);
});

Deno.test("grey becomes colour by repetition", () => {
  assertEquals(values(images(1, 7, 9), 3), [7, 7, 7, 9, 9, 9]);
});

Deno.test("alpha is dropped", () => {
  assertEquals(values(images(2, 7, 0, 9, 255), 1), [7, 9]);
  assertEquals(values(images(2, 7, 0), 3), [7, 7, 7]);
  assertEquals(values(images(4, 1, 2, 3, 0), 3), [1, 2, 3]);
  assertEquals(values(images(4, 255, 0, 0, 0), 1), [76]);
});

Deno.test("images that have the channels already are handed back", () => {
  const grey = images(1, 1, 2);
  assertEquals(convertChannels(grey, 1), grey);
});

Deno.test("a data set in other channels: the same images, labels and classes, and it says so", async () => {
  const grey = synthetic({ size: 8, train: 3, test: 2 });
  const colour = inChannels(grey, 3);
  assertEquals(colour.config, { ...grey.config, channels: 3 });
  const [plain, made] = [await grey.load(), await colour.load()];
  for (const split of ["train", "test"] as const) {
    assertEquals(made[split].images, convertChannels(plain[split].images, 3));
    assertEquals(made[split].labels, plain[split].labels);
  }
  assertEquals(made.classes, plain.classes);
  assertEquals(datasetByName("mnist", { channels: 3 }).config, { name: "mnist", size: 28, channels: 3 });
  assertEquals(datasetByName("mnist").config, { name: "mnist", size: 28 });
});
