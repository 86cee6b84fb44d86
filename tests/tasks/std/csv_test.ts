/**
 * The linked part of `@std/csv` behaves as the real package does.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { parse, stringify } from "@std/csv";

Deno.test("stringify writes the header and ends lines with CRLF", () => {
  const rows = [{ name: "vit", acc: 0.5, more: 1 }, { name: "swin" }];
  assertEquals(stringify(rows, { columns: ["name", "acc"] }), "name,acc\r\nvit,0.5\r\nswin,\r\n");
  assertEquals(stringify(rows, { columns: ["acc"], headers: false }), "0.5\r\n\r\n");
  assertEquals(stringify([], { columns: ["name", "acc"] }), "name,acc\r\n");
});

Deno.test("stringify quotes commas, quotes and line feeds, and nothing else", () => {
  const rows = ["a,b", 'say "a"', "a\nb", "a\rb", " a ", "=1+1", "a b"].map((text) => ({ text }));
  assertEquals(
    stringify(rows, { columns: ["text"] }),
    'text\r\n"a,b"\r\n"say ""a"""\r\n"a\nb"\r\na\rb\r\n a \r\n=1+1\r\na b\r\n',
  );
});

Deno.test("stringify writes every kind of value", () => {
  const row = { a: null, b: undefined, c: true, d: false, e: -0.1, f: NaN, g: 1e21, h: { x: [1] }, i: 5n };
  assertEquals(
    stringify([row], { columns: Object.keys(row), headers: false }),
    ',,true,false,-0.1,NaN,1e+21,"{""x"":[1]}",5\r\n',
  );
});

Deno.test("stringify takes a name with a dot as it is", () => {
  assertEquals(stringify([{ "a.b": 1, a: { b: 2 } }], { columns: ["a.b"] }), "a.b\r\n1\r\n");
});

Deno.test("parse reads rows, or objects by the header", () => {
  assertEquals(parse("a,b\r\n1,2\n"), [["a", "b"], ["1", "2"]]);
  assertEquals(parse("\ufeffa,b\r\n1,\r\n\r\n3,4", { skipFirstRow: true }), [{ a: "1", b: "" }, {
    a: "3",
    b: "4",
  }]);
  assertEquals(parse("a,b\n", { skipFirstRow: true }), []);
  assertEquals(parse('"a,b"\r\n"say ""x"""\r\n"two\r\nlines"\r\n'), [["a,b"], ['say "x"'], ["two\nlines"]]);
});

Deno.test("parse refuses what is no table", () => {
  assertThrows(() => parse("", { skipFirstRow: true }), TypeError, "Headers must be defined");
  assertThrows(
    () => parse("a,b\n1\n", { skipFirstRow: true }),
    Error,
    "has 1 fields, but the header has 2 fields",
  );
  assertThrows(() => parse('a\n"open\n'), SyntaxError);
  assertThrows(() => parse('a\nb"c\n'), SyntaxError);
});
