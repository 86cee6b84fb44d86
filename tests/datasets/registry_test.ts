import { assertEquals, assertThrows } from "@std/assert";
import { DATASET_NAMES, datasetByName } from "../../datasets/registry.ts";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { permitted } from "../support.ts";

Deno.test("every name without a path gives the data set of that name", () => {
  for (const name of DATASET_NAMES.filter((name) => name !== "folder:PATH")) {
    assertEquals(datasetByName(name).name, name);
    assertEquals(datasetByName(name, { size: 16 }).config.size, 16);
  }
});

Deno.test("the folder of the files is no part of the configuration", () => {
  assertEquals(datasetByName("mnist", { dir: "/d" }).config, { name: "mnist", size: 28 });
});

Deno.test("an unknown name is refused with the nearest known one", () => {
  for (
    const [text, nearest] of [["fashion-mnits", "fashion-mnist"], ["Cifar-10", "cifar10"], [
      "synth",
      "synthetic",
    ]]
  ) {
    assertThrows(
      () => datasetByName(text),
      PolyphaseError,
      `Unknown data set "${text}": did you mean ${nearest}? Known are fashion-mnist, mnist,`,
    );
  }
});

Deno.test("--data is refused where there are no files to name", () => {
  assertThrows(
    () => datasetByName("synthetic", { dir: "/d" }),
    PolyphaseError,
    "--data /d does not go with synthetic",
  );
  assertThrows(
    () => datasetByName("folder:/x", { dir: "/d" }),
    PolyphaseError,
    "--data /d does not go with folder:/x",
  );
  assertThrows(() => datasetByName("folder:"), PolyphaseError, "names no folder");
});

Deno.test("folder:PATH names the folder, colons and all (needs --allow-read)", {
  ignore: !permitted({ name: "read" }),
}, () => {
  assertThrows(() => datasetByName("folder:no/such:one"), PolyphaseError, "There is no folder no/such:one");
});
