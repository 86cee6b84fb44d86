/**
 * How tasks end: exit codes, one-line errors and signals.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AbortedError, PolyphaseError, StageError } from "../../pipeline/errors.ts";
import { endingOf } from "../../tasks/command.ts";
import { HelpRequest, UsageError } from "../../tasks/flags.ts";
import { canRunTasks, runTask, type TaskOptions } from "../support.ts";

const FIXTURE = "tests/tasks/command_fixture.ts";
const hasSignals = Deno.build.os !== "windows";

function processTest(name: string, fn: () => Promise<void>, also = true): void {
  Deno.test({
    name: `command: ${name} (needs --allow-run --allow-read)`,
    ignore: !canRunTasks() || !also,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

function end(how: string, options?: TaskOptions): ReturnType<typeof runTask> {
  return runTask(FIXTURE, how.split(" "), options);
}

Deno.test("endingOf gives each kind of error its exit code, and a line where it can be mended", () => {
  const fault = { stage: "train", seen: "50 tokens", expected: "49", mend: "set classToken: false" };
  const cases: [unknown, number, string][] = [
    [new HelpRequest("Usage: …"), 0, "Usage: …"],
    [new UsageError("Unknown flag --epoch"), 2, "error: Unknown flag --epoch"],
    [new PolyphaseError("seen: mend"), 1, "error: seen: mend"],
    [
      new StageError(fault),
      1,
      'error: Cannot run stage "train": 50 tokens, expected 49: set classToken: false',
    ],
    [new AbortedError('Stopped before stage "train"'), 130, 'Stopped before stage "train"'],
    ["a text", 1, "error: a text\nThis is a bug: please report it with this line."],
  ];
  for (const [thrown, code, text] of cases) {
    const ending = endingOf(thrown);
    assertEquals(ending, { text, code, stream: code === 0 ? "stdout" : "stderr" });
  }
});

Deno.test("endingOf takes an aborted fetch for a stop only if a signal came", () => {
  const aborted = new DOMException("The signal has been aborted", "AbortError");
  assertEquals(endingOf(aborted, true), { text: "Stopped", stream: "stderr", code: 130 });
  assertEquals(endingOf(aborted, false).code, 1);
});

Deno.test("endingOf shows the stack of a bug and of its cause", () => {
  const { text, code } = endingOf(new TypeError("no such thing", { cause: new RangeError("below zero") }));
  assertEquals(code, 1);
  assertMatch(
    text,
    /^error: no such thing\nThis is a bug: please report it with these lines\.\nTypeError: no such thing\n/,
  );
  assertMatch(text, /\nCaused by: RangeError: below zero\n +at /);
});

Deno.test("endingOf names the path and the mend where a file is at fault", () => {
  const full = Object.assign(new Error("No space left on device (os error 28): writefile 'runs/x'"), {
    code: "ENOSPC",
  });
  assertEquals(
    endingOf(full).text,
    'error: Cannot write "runs/x": the disk is full; free some space or write elsewhere with --out DIR',
  );
  const denied = new Deno.errors.PermissionDenied("Permission denied (os error 13): open 'runs/y'");
  assertMatch(endingOf(denied).text, /^error: No permission for "runs\/y": .*--out DIR/);
  const capable = new Deno.errors.NotCapable(
    'Requires write access to "runs", run again with the --allow-write flag',
  );
  assertStringIncludes(endingOf(capable).text, "add --allow-write");
  for (const error of [full, denied, capable]) assertEquals(endingOf(error).text.split("\n").length, 1);
});

processTest("a task that ends well exits 0 and writes to standard output alone", async () => {
  assertEquals(await end("done"), { code: 0, stdout: "result\n", stderr: "" });
});

processTest("help is printed on standard output, and the exit code is 0", async () => {
  const { code, stdout, stderr } = await end("flags --help");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^Usage: deno task fixture \[flags\]\n/);
});

processTest("a wrong flag exits 2 with one line", async () => {
  assertEquals(await end("flags --epoch 3"), {
    code: 2,
    stdout: "",
    stderr: "error: Unknown flag --epoch: did you mean --epochs? See --help.\n",
  });
});

processTest("an error that a person can mend exits 1 with one line", async () => {
  const expected = "error: seen this, expected that: mend it so\n";
  assertEquals(await end("polyphase"), { code: 1, stdout: "", stderr: expected });
  assertEquals(await end("missing"), {
    code: 1,
    stdout: "",
    stderr: 'error: There is no "/nowhere/at/all": check the path\n',
  });
});

processTest("a bug exits 1, with its stack", async () => {
  const { code, stderr } = await end("bug");
  assertEquals(code, 1);
  assertMatch(stderr, /^error: x is not a function\nThis is a bug: /);
  assertStringIncludes(stderr, "command_fixture.ts");
  assertStringIncludes(stderr, "Caused by: RangeError: the cause");
});

processTest("a full disk exits 1 with one line", async () => {
  const { code, stderr } = await end("full");
  assertEquals(code, 1);
  assertMatch(stderr, /^error: Cannot write "\/dev\/full": the disk is full; [^\n]+\n$/);
}, Deno.build.os === "linux");

processTest("a missing permission is said in one line", async () => {
  const { code, stderr } = await end("full", { permissions: [] });
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^error: Deno was started without the right to do this .*: add --allow-write, or use deno task\n$/,
  );
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  processTest(`the first ${signal} lets the task stop by itself, exit code 130`, async () => {
    const { code, stderr } = await end("obeys", { signals: [{ after: "working", signal }] });
    assertEquals(code, 130);
    assertEquals(stderr.split("\n"), [
      "working",
      "Stopping after this step; again to stop at once.",
      "Stopped after step 7; --resume goes on from there",
      "",
    ]);
  }, hasSignals);
}

processTest("the second signal stops at once, exit code 130", async () => {
  const begun = performance.now();
  const { code, stderr } = await end("deaf", {
    signals: [{ after: "working", signal: "SIGINT" }, { after: "Stopping", signal: "SIGINT" }],
  });
  assertEquals(code, 130);
  assertEquals(stderr, "working\nStopping after this step; again to stop at once.\n");
  assert(performance.now() - begun < 30_000, "it waited for the task");
}, hasSignals);
