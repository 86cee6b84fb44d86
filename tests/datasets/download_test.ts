import { assert, assertEquals, assertRejects } from "@std/assert";
import { download, DownloadError } from "../../datasets/download.ts";
import { bytesOf, type Fake, fakeSystem } from "./fake_system.ts";

const options = { sanitizeOps: true, sanitizeResources: true };
const URL = "https://one.example/x";
const QUICK = { connect: 20, stall: 20 };

function get(answer: (signal: AbortSignal) => Response | Promise<Response>, signal?: AbortSignal) {
  const fake: Fake = { web: { [URL]: answer } };
  return download(fakeSystem(fake), URL, "x", { signal }, QUICK);
}

/** Rejects when the signal does, as `fetch` would. */
function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

Deno.test("a download comes in pieces and is joined", options, async () => {
  const answer = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          for (const piece of ["ab", "c", "def"]) controller.enqueue(bytesOf(piece));
          controller.close();
        },
      }),
    );
  assertEquals(await get(answer), bytesOf("abcdef"));
});

Deno.test("a server that does not answer is given up soon and counts as unreachable", options, async () => {
  const error = await assertRejects(() => get(never), DownloadError, "no answer within 0.02 s");
  assert(error.unreachable);
});

Deno.test("a server that stops in the middle is given up", options, async () => {
  const answer = (signal: AbortSignal) =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(bytesOf("ab"));
          signal.addEventListener("abort", () => controller.error(signal.reason));
        },
      }),
    );
  const error = await assertRejects(() => get(answer), DownloadError, "stopped in the middle for 0.02 s");
  assert(!error.unreachable);
});

Deno.test("a refusal tells its status", options, async () => {
  const answer = () => new Response("gone", { status: 404, statusText: "Not Found" });
  const error = await assertRejects(() => get(answer), DownloadError, "answered 404 Not Found");
  assert(!error.unreachable);
});

Deno.test("fewer bytes than were announced are refused", options, async () => {
  const answer = () => new Response("abc", { headers: { "content-length": "5" } });
  await assertRejects(() => get(answer), DownloadError, "broke off: 3 of 5 bytes");
});

Deno.test("the user's signal stops a download with its own reason", options, async () => {
  const stop = new AbortController();
  const work = get(never, stop.signal);
  stop.abort(new Error("stop it"));
  await assertRejects(() => work, Error, "stop it");
});
