/**
 * The page of `deno task playground` in a browser: pointer, keys, maps, files, and what it says where it cannot work.
 *
 * @module
 */

/// <reference lib="dom" />

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { encode } from "fast-png";
import { Buffer } from "node:buffer";
import type { Page } from "playwright-core";
import { takeImages } from "../../datasets/dataset.ts";
import { decodeSamples } from "../../tasks/playground/model_file.ts";
import { greatestChange } from "../../tasks/playground/page/shift_map.ts";
import { answer, shippedExhibits } from "../../tasks/playground/site.ts";
import { canRunTasks, inTempFolder, permitted, runTask } from "../support.ts";
import { writeRun } from "./playground_runs.ts";

const CHROMIUM = "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const canBrowse = canRunTasks() &&
  permitted({ name: "write" }, { name: "net" }, { name: "env" }, { name: "sys" }) && isThere(CHROMIUM);

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Starts the task, gives `use` the address of its page, and ends the task as Ctrl-C does. */
async function served(args: readonly string[], use: (address: string) => Promise<void>): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-all",
      "tasks/playground.ts",
      "--port",
      "0",
      "--quiet",
      ...args,
    ],
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const { value = "" } = await reader.read();
    const address = value.match(/http:\/\/127\.0\.0\.1:\d+\//)?.[0];
    assert(address !== undefined, `it printed ${value}`);
    await use(address);
  } finally {
    child.kill("SIGINT");
    await reader.cancel();
  }
  return (await child.status).code;
}

/** Opens a page in a browser of its own; fails if the page asks any other machine for anything. */
async function browse(address: string, use: (page: Page) => Promise<void>, before = ""): Promise<void> {
  // Loaded where it is used: it reads the environment, which not every test may.
  const { chromium } = await import("playwright-core");
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const faults: string[] = [];
    page.on("pageerror", (error) => void faults.push(error.message));
    page.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(address)) {
        faults.push(request.url());
      }
    });
    await page.addInitScript(before);
    await page.goto(address);
    await use(page);
    assertEquals(faults, []);
  } finally {
    await browser.close();
  }
}

/** Waits until the page has shown what it was last told, which is this shift. */
async function settle(page: Page, shift: string): Promise<void> {
  await page.waitForSelector(`body[data-state="ready"][data-shift="${shift}"]`);
}

function probabilities(page: Page, panel: string): Promise<number[]> {
  return page.$$eval(
    `[data-panel="${panel}"] data`,
    (list) => list.map((each) => Number(each.getAttribute("value"))),
  );
}

const texts = (page: Page, selector: string): Promise<string[]> =>
  page.$$eval(selector, (list) => list.map((each) => each.textContent ?? ""));

Deno.test({
  name: `the page in a browser (needs --allow-all and ${CHROMIUM})`,
  ignore: !canBrowse,
  fn: async (t) => {
    const code = await served([], (address) =>
      browse(address, async (page) => {
        await settle(page, "0,0");
        const before = { left: await probabilities(page, "left"), right: await probabilities(page, "right") };
        const changes = async () =>
          await Promise.all((["left", "right"] as const).map(async (panel) =>
            greatestChange(
              Float32Array.from(await probabilities(page, panel)),
              Float32Array.from(before[panel]),
            )
          ));
        const startOf = (panel: string) =>
          page.getAttribute(`[data-panel="${panel}"]`, "data-start").then(Number);

        await t.step("both models show probabilities", () => {
          for (const each of [before.left, before.right]) {
            assertEquals(each.length, 10);
            assertAlmostEquals(
              each.reduce((sum, value) => sum + value, 0),
              1,
              1e-4,
            );
          }
        });

        await t.step(
          "a drag shifts the picture: the adaptive model stays, the plain one does not",
          async () => {
            const start = await startOf("right");
            const box = (await page.locator("#picture").boundingBox())!;
            const pixel = box.width / 28;
            await page.mouse.move(box.x + 10 * pixel, box.y + 10 * pixel);
            await page.mouse.down();
            await page.mouse.move(box.x + 13 * pixel, box.y + 16 * pixel, { steps: 6 });
            await page.mouse.up();
            await settle(page, "6,3");
            const [plain, adaptive] = await changes();
            assert(plain > 0.1, `the plain model changes by ${plain} only`);
            assert(adaptive < 1e-4, `the adaptive model changes by ${adaptive}`);
            assertEquals(await startOf("left"), 0);
            assertEquals(await startOf("right"), (Math.floor(start / 4) + 6) % 4 * 4 + (start + 3) % 4);
            assertEquals(await page.textContent("#offset"), "6 down, 3 right");
          },
        );

        await t.step(
          "arrow keys shift by a pixel, with Shift by four, around the border; Home puts back",
          async () => {
            await page.focus("#picture");
            await page.keyboard.press("ArrowUp");
            await page.keyboard.press("Shift+ArrowRight");
            await settle(page, "5,7");
            for (let press = 0; press < 2; press++) await page.keyboard.press("Shift+ArrowRight");
            await settle(page, "5,-13");
            const [plain, adaptive] = await changes();
            assert(plain > 1e-2 && adaptive < 1e-4, `changes ${plain} and ${adaptive}`);
            await page.keyboard.press("Home");
            await settle(page, "0,0");
            assertEquals(Math.max(...await changes()) < 1e-6, true);
          },
        );

        await t.step("all shifts: one class for the adaptive model, several for the plain one", async () => {
          await page.click("#all");
          await page.waitForSelector("body[data-map=ready]");
          const [plain, adaptive] = await texts(page, ".summary");
          assertMatch(
            adaptive,
            /^Same class at 784 of 784 shifts; largest change \d\u00a0×\u00a010⁻[⁵⁶⁷⁸⁹]$/,
          );
          const same = Number(plain.match(/^Same class at (\d+) of 784 shifts/)?.[1]);
          assert(same > 0 && same < 700, plain);
          const colours = await page.$$eval("canvas.map", (maps) =>
            maps.map((map) => {
              const { width, height } = map as HTMLCanvasElement;
              const { data } = (map as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height);
              return new Set(
                Array.from({ length: data.length / 4 }, (_, at) => data.slice(4 * at, 4 * at + 3).join()),
              )
                .size;
            }));
          assert(colours[0] > 20 && colours[1] < 4, `${colours} colours`);
          // A place on the map is a shift: its middle is none.
          const box = (await page.locator("[data-panel=right] .map").boundingBox())!;
          await page.mouse.click(box.x + box.width * 20.5 / 28, box.y + box.height * 9.5 / 28);
          await settle(page, "-5,6");
        });

        await t.step("a picture from a file is the picture", async () => {
          const { samples } = await shippedExhibits();
          const { images } = decodeSamples(samples.bytes, samples.name);
          const own = takeImages(images, [7]);
          await page.click("#samples button >> nth=7");
          await page.click("#back");
          await settle(page, "0,0");
          const wanted = await probabilities(page, "left");
          assertEquals(await page.getAttribute("#samples button >> nth=7", "aria-pressed"), "true");
          await page.click("#samples button >> nth=2");
          await settle(page, "0,0");
          assert(
            greatestChange(Float32Array.from(await probabilities(page, "left")), Float32Array.from(wanted)) >
              0.1,
          );
          const png = encode({ width: 28, height: 28, channels: 1, depth: 8, data: own.pixels });
          await page.setInputFiles("#file", {
            name: "own.png",
            mimeType: "image/png",
            buffer: Buffer.from(png),
          });
          await page.waitForFunction(
            (value) =>
              Math.abs(
                Number(document.querySelector("[data-panel=left] data")!.getAttribute("value")) - value,
              ) < 1e-4,
            wanted[0],
          );
          await settle(page, "0,0");
          assert(
            greatestChange(Float32Array.from(await probabilities(page, "left")), Float32Array.from(wanted)) <
              1e-4,
          );
          assertEquals(await page.isVisible("#fault"), false);
          await page.setInputFiles("#file", {
            name: "own.txt",
            mimeType: "text/plain",
            buffer: Buffer.from("no"),
          });
          await page.waitForSelector("#fault:visible");
          assertMatch((await page.textContent("#fault"))!, /no image that the browser can read/);
        });

        await t.step("what is drawn, with pointer or keys, is seen by the models", async () => {
          await page.click("#blank");
          await settle(page, "0,0");
          const seen = [await probabilities(page, "right")];
          const box = (await page.locator("#picture").boundingBox())!;
          await page.mouse.move(box.x + 60, box.y + 60);
          await page.mouse.down();
          await page.mouse.move(box.x + 180, box.y + 60, { steps: 12 });
          await page.mouse.up();
          await settle(page, "0,0");
          seen.push(await probabilities(page, "right"));
          await page.focus("#picture");
          for (let press = 0; press < 6; press++) {
            await page.keyboard.press("ArrowDown");
            await page.keyboard.press(" ");
          }
          await settle(page, "0,0");
          seen.push(await probabilities(page, "right"));
          const [first, second, third] = seen.map((each) => Float32Array.from(each));
          assert(greatestChange(first, second) > 1e-3, "the pointer drew nothing");
          assert(greatestChange(second, third) > 1e-3, "the keys drew nothing");
        });

        await t.step(
          "the GPU computes the same where there is one, and is said to be missing elsewhere",
          async () => {
            await page.check("[name=tool][value=shift]");
            await page.click("#samples button >> nth=0");
            await settle(page, "0,0");
            await page.selectOption("#backend", "webgpu");
            await page.waitForSelector("#backend:not([disabled])");
            await settle(page, "0,0");
            const status = await page.textContent("#status");
            if (await page.inputValue("#backend") === "webgpu") assertMatch(status!, /on WebGPU/);
            else {
              assertMatch(status!, /on WASM-SIMD/);
              assertMatch((await page.textContent("#fault"))!, /WebGPU did not start here/);
            }
            assertMatch(status!, /A forward pass of one picture takes \d+\.\d ms/);
            assert(Math.max(...await changes()) < 1e-3);
          },
        );

        await t.step("nothing is wider than a phone", async () => {
          await page.setViewportSize({ width: 390, height: 844 });
          assertEquals(await page.evaluate(() => document.documentElement.scrollWidth), 390);
        });
      }));
    assertEquals(code, 0);
  },
});

Deno.test({
  name: `the page of a run, written to a folder, and without SIMD (needs --allow-all and ${CHROMIUM})`,
  ignore: !canBrowse,
  fn: async () => {
    await inTempFolder(async (folder) => {
      await writeRun(folder, ["flat", "canonical"]);
      const result = await runTask("tasks/playground.ts", [
        "--run",
        folder,
        "--out",
        `${folder}/page`,
        "--quiet",
      ]);
      assertEquals([result.code, result.stderr], [0, ""]);
      const site = new Map<string, Uint8Array<ArrayBuffer>>();
      for await (const { name } of Deno.readDir(`${folder}/page`)) {
        site.set(name, await Deno.readFile(`${folder}/page/${name}`));
      }
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen: () => {} },
        (asked) => answer(site, asked),
      );
      const address = `http://127.0.0.1:${server.addr.port}/`;
      try {
        await browse(address, async (page) => {
          await settle(page, "0,0");
          assertEquals(await texts(page, ".panel h2"), ["flat", "canonical"]);
          await page.focus("#picture");
          await page.keyboard.press("ArrowDown");
          await settle(page, "1,0");
          assertEquals((await texts(page, ".change output"))[1], "0");
        });
        await browse(address, async (page) => {
          await page.waitForSelector('body[data-state="unsupported"]');
          assertMatch(
            (await page.textContent("#fault"))!,
            /SIMD instructions, which this browser does not know/,
          );
        }, "WebAssembly.validate = () => false;");
      } finally {
        await server.shutdown();
      }
    });
  },
});
