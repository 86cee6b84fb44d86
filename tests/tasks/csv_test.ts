/**
 * Tables as CSV text and back.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { PolyphaseError } from "../../pipeline/errors.ts";
import { csvText, readCsv } from "../../tasks/csv.ts";

Deno.test("csvText writes the named columns, and readCsv gives them back as text", () => {
  const rows = [
    { model: 'ViT, "tiny"', params: 2_137_354, val_acc: 0.1 + 0.2, extra: 1 },
    { model: "Swin", params: undefined, val_acc: NaN },
    { model: null, params: -0, val_acc: 1e-9 },
  ];
  const text = csvText(["model", "params", "val_acc"], rows);
  assertEquals(
    text,
    'model,params,val_acc\r\n"ViT, ""tiny""",2137354,0.30000000000000004\r\nSwin,,NaN\r\n,0,1e-9\r\n',
  );
  assertEquals(readCsv(text), [
    { model: 'ViT, "tiny"', params: "2137354", val_acc: "0.30000000000000004" },
    { model: "Swin", params: "", val_acc: "NaN" },
    { model: "", params: "0", val_acc: "1e-9" },
  ]);
});

Deno.test("csvText of no rows is the header", () => {
  assertEquals(csvText(["epoch", "val_acc"], []), "epoch,val_acc\r\n");
  assertEquals(readCsv("epoch,val_acc\r\n"), []);
});

Deno.test("readCsv refuses what is no table, and names it", () => {
  for (const text of ["", "a,b\n1\n", 'a\n"open']) {
    const { message } = assertThrows(
      () => readCsv(text, "results.csv"),
      PolyphaseError,
      "results.csv is no table",
    );
    assertEquals(message.split("\n").length, 1);
  }
});
