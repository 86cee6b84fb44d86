/**
 * The two checkpoints of a training run: `last`, the whole state to go on from, and `best`, the model of the best
 * evaluation.
 *
 * @module
 */

import { tf } from "../../models/backend/tf.ts";
import type { Params } from "../../models/model.ts";
import {
  decodeModel,
  decodeTrainState,
  encodeModel,
  encodeTrainState,
  type TrainProgress,
} from "../checkpoint.ts";
import { PolyphaseError } from "../errors.ts";
import type { CheckpointStore } from "../pipe.ts";
import type { HistoryRow } from "../records.ts";
import type { StepState } from "../train_step.ts";
import type { Setup } from "./setup.ts";
import { disposeState, paramsOf, stateOf } from "./state.ts";

/** The state of a run at a moment. */
export interface Moment {
  /** How far it is. */
  readonly progress: TrainProgress;
  /** Its tensors. */
  readonly state: StepState;
}

/** The checkpoints of a run. */
export interface Checkpoints {
  /**
   * The moment of `last`, if there is one. The caller disposes of its state.
   *
   * @throws {PolyphaseError} if `last` cannot be read or is of another run, or `best` is needed and lost
   */
  resume(): Promise<Moment | undefined>;
  /** Keeps a moment as `last`, if there is a store. */
  keepLast(moment: Moment): Promise<void>;
  /** Keeps the parameters that had the evaluation of `row` as `best`. */
  keepBest(state: StepState, row: HistoryRow): Promise<void>;
  /**
   * The parameters to hand on when training is over, `state` being the last. The caller disposes of them and of `state`.
   *
   * @throws {PolyphaseError} if `best` cannot be read or is of another model
   */
  paramsToHandOn(state: StepState): Params;
}

/** The checkpoints in `store` of the run with that identity. Without a store `last` is kept nowhere, `best` in memory. */
export function checkpointsOf(
  { model, keep }: Setup,
  identity: string,
  store?: CheckpointStore,
): Checkpoints {
  let best: Uint8Array<ArrayBuffer> | undefined;
  return {
    async resume() {
      const last = await store?.load("last");
      if (last === undefined) return undefined;
      // Before there are tensors that an error would leave behind.
      if (keep === "best") best = await store?.load("best");
      const { params, optimizer, progress } = decodeTrainState(last, identity, "checkpoint last");
      const state = stateOf(params, optimizer);
      if (keep === "best" && best === undefined && progress.history.length > 0) {
        disposeState(state);
        throw new PolyphaseError(
          `There is a checkpoint last of ${progress.history.length} evaluations but no checkpoint best, ` +
            "which the run is to hand on: put best back beside last, or start anew",
        );
      }
      return { progress, state };
    },
    async keepLast({ progress, state }) {
      if (store === undefined) return;
      const whole = { params: paramsOf(state), optimizer: state.optimizer, progress };
      await store.save("last", await encodeTrainState(whole, identity, model));
    },
    async keepBest(state, row) {
      if (store === undefined && keep === "last") return;
      const bytes = await encodeModel(paramsOf(state), {
        model: JSON.stringify(model.config),
        val_loss: `${row.valLoss}`,
        val_acc: `${row.valAcc}`,
      });
      if (keep === "best") best = bytes;
      await store?.save("best", bytes);
    },
    paramsToHandOn(state) {
      if (best !== undefined) return decodeModel(best, "checkpoint best", paramsOf(state));
      return paramsOf({ names: state.names, leaves: state.leaves.map((leaf) => tf.clone(leaf)) });
    },
  };
}
