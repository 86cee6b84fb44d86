/**
 * What the main thread and the worker that fits support vectors say to each other.
 *
 * @module
 */

import type { Svc, SvcSettings } from "./svc.ts";

/** What a worker is told to do: one thing at a time. */
export type SvcOrder =
  | {
    /** Fit a classifier. */
    readonly kind: "fit";
    /** `[rows, dims]`. */
    readonly features: Float32Array;
    /** `[rows]`. */
    readonly labels: Int32Array;
    /** How to fit. */
    readonly settings: SvcSettings;
  }
  | {
    /** Predict with a fitted classifier. */
    readonly kind: "predict";
    /** The classifier. */
    readonly svc: Svc;
    /** `[rows, dims]`. */
    readonly features: Float32Array;
  };

/** What a worker answers. */
export type SvcAnswer =
  | {
    /** Its modules are loaded. */
    readonly kind: "ready";
  }
  | {
    /** It has come so far. */
    readonly kind: "progress";
    /** Units done. */
    readonly done: number;
    /** Units in all. */
    readonly total: number;
  }
  | {
    /** A classifier is fitted. */
    readonly kind: "fitted";
    /** The classifier. */
    readonly svc: Svc;
  }
  | {
    /** Rows are predicted. */
    readonly kind: "predicted";
    /** Their labels, `[rows]`. */
    readonly labels: Int32Array;
  }
  | {
    /** It could not do what it was told. */
    readonly kind: "failed";
    /** The first line of the error. */
    readonly text: string;
    /** Whether the error was meant for a person, and says how to mend it. */
    readonly forPerson: boolean;
  };
