/**
 * What the main thread and its workers say to each other.
 *
 * Images, parameters and gradients lie in shared memory; messages say what is to be done and that it is done.
 *
 * @module
 */

import type { ImageShape } from "../../datasets/dataset.ts";
import type { BackendName } from "../../models/backend/select.ts";
import type { JsonObject } from "../json.ts";
import type { ClipRule } from "../../models/optimizers/clip_gradients.ts";
import type { Normalization } from "../normalize.ts";
import type { Key } from "../random.ts";
import type { SharedMemory } from "./shared_memory.ts";
import type { StateLayout } from "./shared_state.ts";

/** Everything a worker begins with, and how the state of training lies in the shared memory. */
export interface Job extends StateLayout {
  /** Which worker this is, from 0. */
  readonly index: number;
  /** How many there are. */
  readonly workers: number;
  /** What its tensors live on. */
  readonly backend: BackendName;
  /** Configurations of model, optimizer, loss, tokenizer and augmentations. */
  readonly parts: JsonObject;
  /** Address of the module with the registry that makes parts of them; absent for that of Polyphase. */
  readonly registryModule?: string;
  /** Shape of an image. */
  readonly image: ImageShape;
  /** Class names by label. */
  readonly classes: readonly string[];
  /** Bytes of the training images, `[images, height, width, channels]`. */
  readonly pixels: Uint8Array<SharedArrayBuffer>;
  /** Class of each training image, `[images]`. */
  readonly labels: Uint8Array<SharedArrayBuffer>;
  /** What makes numbers of bytes. */
  readonly normalization?: Normalization;
  /** How the mean gradient is clipped. */
  readonly clip?: ClipRule;
  /** Keys that a step's number is folded into. */
  readonly keys: { readonly batch: Key; readonly model: Key };
  /** Steps that the optimizer has taken. */
  readonly optimizerStep: number;
  /** The shared memory. */
  readonly memory: SharedMemory;
}

/** A batch, by where it stands. */
export interface Turn {
  /** Number of the optimizer step, from 0. */
  readonly step: number;
  /** Place of the batch in the epoch's order. */
  readonly place: number;
  /** Images in the batch. */
  readonly count: number;
  /** Factor of the learning rate. */
  readonly rate: number;
}

/** What a worker is told. The first message is its job; each is answered before the next. */
export type Order =
  /** Begin. */
  | { readonly kind: "begin"; readonly job: Job }
  /** Take an optimizer step, together with all other workers. */
  | { readonly kind: "step"; readonly turn: Turn }
  /** Write parameters and optimizer memory to {@linkcode SharedMemory.state}. */
  | { readonly kind: "publish" };

/** What a worker answers. */
export type Answer =
  /** It is ready, or has done what it was told. */
  | { readonly kind: "done"; readonly optimizerStep: number }
  /** It cannot go on. `text` is one line. */
  | { readonly kind: "failed"; readonly text: string };
