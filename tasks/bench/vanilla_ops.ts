/**
 * The process in which vanilla TensorFlow.js runs, so that nothing of ours is in its memory or its compiled code. It
 * answers every line on standard input, a call of {@linkcode OpSide} as JSON, with a line on standard output.
 *
 * @module
 */

import { selectBackend } from "../../models/backend/select.ts";
import { lines } from "./lines.ts";
import { localSide, type OpSide } from "./op_side.ts";

/** A call of a method of {@linkcode OpSide}: its name and its arguments. */
export type OpCall = {
  readonly [Name in keyof OpSide]: readonly [Name, ...Parameters<OpSide[Name]>];
}[keyof OpSide];

if (import.meta.main) {
  // Ctrl-C reaches every process of a terminal. The one that started this one tells it when to end.
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  await selectBackend("wasm", { kernels: false });
  const side = localSide();
  for await (const line of lines(Deno.stdin.readable)) {
    const call = JSON.parse(line) as OpCall;
    console.log(JSON.stringify(await answer(side, call)));
  }
  Deno.removeSignalListener("SIGINT", ignore);
}

async function answer(side: OpSide, call: OpCall): Promise<unknown> {
  if (call[0] === "open") return await side.open(call[1]);
  if (call[0] === "turn") return await side.turn(call[1]);
  return await side.close();
}
