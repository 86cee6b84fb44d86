/**
 * Who takes the optimizer steps: this thread, or a team of workers, behind one interface.
 *
 * @module
 */

import { startTeam } from "../parallel/team.ts";
import { foldIn } from "../random.ts";
import { type StepState, trainStep } from "../train_step.ts";
import type { Setup } from "./setup.ts";
import { disposeState, paramsOf } from "./state.ts";
import type { TrainTurn } from "./turns.ts";
import { withBatch } from "./with_batch.ts";

/** Takes optimizer steps, one behind the other, and owns the tensors that they change. */
export interface Stepper {
  /** How many threads take part. */
  readonly workers: number;
  /** Takes a step; gives back the mean loss over its batch before it. */
  step(turn: TrainTurn): Promise<number>;
  /** The state after the last step. It stays the stepper's, and lives until the next step. */
  state(): Promise<StepState>;
  /** Ends whatever runs and frees the state. */
  dispose(): void;
}

/** Steps in this thread, from `state` on, which becomes the stepper's. */
export function stepHere(setup: Setup, state: StepState): Stepper {
  return {
    workers: 1,
    step: (turn) =>
      withBatch(setup, state, turn, async (batch) => {
        const key = foldIn(setup.keys.model, turn.step);
        const done = await trainStep(setup, state, batch, key, turn.rate);
        state = done.state;
        return done.loss;
      }),
    state: () => Promise.resolve(state),
    dispose: () => disposeState(state),
  };
}

/**
 * Steps by so many workers, at least 2, from `state` on, which becomes the stepper's once they have started.
 *
 * @throws {StageError} if the workers cannot be had
 */
export async function stepByTeam(setup: Setup, workers: number, state: StepState): Promise<Stepper> {
  const { architecture, model, loss, optimizer, clip, registryModule, data, plan, keys, backend } = setup;
  const team = await startTeam({
    workers,
    parts: { model: architecture, optimizer, loss },
    clip,
    model,
    registryModule,
    data,
    imagesPerEpoch: plan.imagesPerEpoch,
    keys: { batch: keys.batch, model: keys.model },
    backend,
    begin: { params: paramsOf(state), optimizer: state.optimizer },
  });
  let handedOver: Uint32Array | undefined;
  // What the steps change lies with the workers, and is fetched when somebody asks for it.
  let isFresh = true;
  return {
    workers,
    async step({ order, ...turn }) {
      if (order !== handedOver) team.setOrder(handedOver = order);
      isFresh = false;
      return await team.step(turn);
    },
    async state() {
      if (!isFresh) {
        const fresh = await team.read();
        disposeState(state);
        state = fresh;
        isFresh = true;
      }
      return state;
    },
    dispose() {
      team.close();
      disposeState(state);
    },
  };
}
