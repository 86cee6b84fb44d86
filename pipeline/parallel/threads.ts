/**
 * The threads of a team: starting them, giving them orders, and hearing of their end.
 *
 * @module
 */

import { StageError } from "../errors.ts";
import { breakBarrier } from "./barrier.ts";
import type { Answer, Job, Order } from "./job.ts";

/** Threads that all get the same orders. */
export interface Threads {
  /**
   * Gives an order, and waits until every thread has answered; gives back how many steps the optimizer has taken.
   * `doing` is what is ordered, for messages.
   *
   * @throws {StageError} if a thread fails, or has failed before
   */
  tell(order: Order, doing: string): Promise<number>;
  /** Ends all threads, whatever they are doing. */
  close(): void;
}

/**
 * Starts a thread for each worker of a job, and waits until all are ready.
 *
 * @throws {StageError} if one does not start
 */
export async function startThreads(job: Omit<Job, "index">): Promise<Threads> {
  const { workers, memory } = job;
  const threads: Worker[] = [];
  let waiting: PromiseWithResolvers<number> | undefined;
  let missing = 0;
  let doing = "start";
  let failure: StageError | undefined;

  const close = () => {
    // A thread that is blocked there is not reached by `terminate`, and would keep the process alive.
    breakBarrier(memory.barrier);
    threads.forEach((thread) => thread.terminate());
  };
  const fail = (index: number, text: string) => {
    close();
    // The first failure counts: what the others say is most often its consequence.
    failure ??= new StageError({
      stage: "train",
      seen: `worker ${index + 1} of ${workers} ended with "${text}"`,
      expected: `all to ${doing}`,
      mend: "mend that, or see whether workers: 1 does it too; the last evaluation is in the checkpoint",
    });
    waiting?.reject(failure);
  };
  const start = (index: number) => {
    const thread = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    threads.push(thread);
    thread.onmessage = ({ data: answer }: MessageEvent<Answer>) => {
      if (answer.kind === "failed") return fail(index, answer.text);
      if (--missing === 0) waiting?.resolve(answer.optimizerStep);
    };
    thread.onerror = (event) => {
      event.preventDefault();
      fail(index, event.message.split("\n")[0]);
    };
  };
  const ask = (orderOf: (index: number) => Order, what: string): Promise<number> => {
    // Answers come in later turns of the event loop, so nobody is missed by counting from here.
    threads.forEach((thread, index) => thread.postMessage(orderOf(index)));
    doing = what;
    missing = workers;
    waiting = Promise.withResolvers();
    // A worker can also fail while nothing is asked of it.
    if (failure !== undefined) waiting.reject(failure);
    return waiting.promise;
  };

  try {
    for (let index = 0; index < workers; index++) start(index);
    await ask((index) => ({ kind: "begin", job: { ...job, index } }), "start");
  } catch (cause) {
    close();
    throw cause;
  }
  return { tell: (order, what) => ask(() => order, what), close };
}
