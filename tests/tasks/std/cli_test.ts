/**
 * The linked part of `@std/cli` behaves as the real package does.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli";

Deno.test("values stand behind a flag or an equals sign, and the last counts", () => {
  const options = { string: ["seed", "out"] };
  assertEquals(parseArgs(["--seed", "1", "--out=a=b"], options), { _: [], seed: "1", out: "a=b" });
  assertEquals(parseArgs(["--seed=1", "--seed=2"], options), { _: [], seed: "2" });
  assertEquals(parseArgs(["--seed", "--out", "x"], options), { _: [], seed: "", out: "x" });
});

Deno.test("boolean flags are false unless given, and take true or false alone as a value", () => {
  const options = { boolean: ["json", "color"], negatable: ["color"], default: { color: true } };
  assertEquals(parseArgs([], options), { _: [], json: false, color: true });
  assertEquals(parseArgs(["--json", "rest", "--no-color"], options), {
    _: ["rest"],
    json: true,
    color: false,
  });
  assertEquals(parseArgs(["--json", "false"], options), { _: [], json: false, color: true });
  assertEquals(parseArgs(["--json=false"], options), { _: [], json: false, color: true });
});

Deno.test("collected flags are arrays", () => {
  const options = { string: ["model"], collect: ["model"] };
  assertEquals(parseArgs([], options), { _: [], model: [] });
  assertEquals(parseArgs(["--model", "a", "--model=b"], options), { _: [], model: ["a", "b"] });
});

Deno.test("every name of a flag is in the result", () => {
  assertEquals(parseArgs(["-h"], { boolean: ["help"], alias: { help: "h" } }), {
    _: [],
    help: true,
    h: true,
  });
  assertEquals(parseArgs([], { string: ["out"], alias: { out: ["o"] }, default: { out: "x" } }), {
    _: [],
    out: "x",
    o: "x",
  });
});

Deno.test("what is not declared goes to unknown, and is left out if that gives false", () => {
  const seen: unknown[] = [];
  const unknown = (arg: string, key?: string, value?: unknown) => {
    seen.push([arg, key, value]);
    return false;
  };
  assertEquals(
    parseArgs(["--seed=1", "--epoch", "3", "--x=y", "word"], { string: ["seed"], unknown }),
    {
      _: [],
      seed: "1",
    },
  );
  assertEquals(seen, [
    ["--epoch", "epoch", "3"],
    ["--x=y", "x", "y"],
    ["word", undefined, undefined],
  ]);
});

Deno.test("what is not declared is a number where it looks like one, and all is kept behind two dashes", () => {
  assertEquals(parseArgs(["--epoch", "3", "4", "x", "--", "--seed", "5"]), {
    _: [4, "x", "--seed", "5"],
    epoch: 3,
  });
});
