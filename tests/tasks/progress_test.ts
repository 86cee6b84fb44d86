/**
 * Progress: plain lines where there is no terminal, a bar where there is one.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { progressText, showProgress } from "../../tasks/progress.ts";

function plain(): {
  at: (ms: number) => void;
  out: () => string[];
  progress: ReturnType<typeof showProgress>;
} {
  let clock = 0;
  let text = "";
  const progress = showProgress({ terminal: false, write: (part) => text += part, now: () => clock });
  return { at: (ms) => clock = ms, out: () => text.split("\n").slice(0, -1), progress };
}

Deno.test("an event is one line of text", () => {
  assertEquals(progressText({ stage: "load", text: "reading" }), "load: reading");
  assertEquals(progressText({ stage: "load", text: "reading", done: 1200 }), "load: reading, 1,200");
  const metrics = { train_loss: 0.41032, epoch: 3 };
  assertEquals(
    progressText({ stage: "train", text: "ViT", done: 1200, total: 60000, metrics }),
    "train: ViT, 1,200 of 60,000, train_loss 0.4103, epoch 3",
  );
});

Deno.test("plain lines come at most every two seconds, and the last one of each work always comes", () => {
  const { at, out, progress } = plain();
  for (let done = 0; done <= 50; done++) {
    at(done * 100);
    progress.report({ stage: "train", text: "ViT", done, total: 50 });
  }
  assertEquals(out(), ["0", "20", "40", "50"].map((done) => `train: ViT, ${done} of 50`));
  progress.report({ stage: "train", text: "Swin", done: 0, total: 50 });
  progress.report({ stage: "train", text: "Swin", done: 7, total: 50 });
  // Other work begins, so what was held back is the last on the work before.
  progress.report({ stage: "evaluate", text: "Swin" });
  progress.report({ stage: "evaluate", text: "Swin", done: 1 });
  progress.report({ stage: "evaluate", text: "Swin", done: 2 });
  progress.close();
  progress.close();
  assertEquals(out().slice(4), [
    "train: Swin, 0 of 50",
    "train: Swin, 7 of 50",
    "evaluate: Swin",
    "evaluate: Swin, 2",
  ]);
});

Deno.test("quiet shows nothing", () => {
  let text = "";
  const progress = showProgress({ quiet: true, terminal: true, write: (part) => text += part });
  progress.report({ stage: "train", text: "ViT", done: 1, total: 1 });
  progress.close();
  assertEquals(text, "");
});

Deno.test({
  name: "a terminal gets a bar with text, count and metrics, in one line that fits",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: () => {
    const parts: string[] = [];
    const progress = showProgress({ terminal: true, columns: 70, write: (part) => parts.push(part) });
    const at = (done: number) => ({
      stage: "train",
      text: "ViT",
      done,
      total: 4,
      metrics: { train_loss: 2 / 3 },
    });
    for (const done of [0, 1, 2, 3, 4]) progress.report(at(done));
    progress.report({ stage: "evaluate", text: "reading the model" });
    progress.close();
    const drawn = parts.filter((part) => part.includes("train: ViT"));
    assert(drawn.length >= 1, "no bar was drawn");
    for (const part of drawn) assert(part.length < 70, `${part.length} columns: ${part}`);
    assertMatch(drawn[0], /^train: ViT ░{20} 0 of 4, .*train_loss 0\.6667$/);
    // Whatever was drawn between, the bar is left as it ended, and then its line is.
    assertMatch(drawn.at(-1)!, /^train: ViT █{20} 4 of 4, train_loss 0\.6667$/);
    const text = parts.join("");
    assertStringIncludes(text, "\nevaluate: reading the model\n");
    assert(text.indexOf("\n") > text.lastIndexOf("train: ViT"), "the line ends before the bar does");
  },
});
