/**
 * Moving a picture by hand: drags with mouse, pen or finger, and arrow keys, both in whole pixels.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Offset } from "../../../mod.ts";

/** What a pointer on a picture does. Places and distances are in pixels of the picture. */
export interface PointerUse {
  /** Rows and columns of the picture that fills the canvas. */
  readonly size: () => { readonly height: number; readonly width: number };
  /** The pointer went down on a pixel; gives back what its further way does. */
  readonly begin: (at: Offset) => (at: Offset, moved: Offset) => void;
}

/** Follows pointers that go down on a canvas until they are lifted. */
export function followPointer(canvas: HTMLCanvasElement, { size, begin }: PointerUse): void {
  canvas.addEventListener("pointerdown", (down) => {
    if (down.button !== 0 || !down.isPrimary) return;
    const { height, width } = size();
    const place = (event: PointerEvent) => {
      const box = canvas.getBoundingClientRect();
      return {
        y: (event.clientY - box.top) / box.height * height,
        x: (event.clientX - box.left) / box.width * width,
      };
    };
    const first = place(down);
    const proceed = begin({ dy: Math.floor(first.y), dx: Math.floor(first.x) });
    canvas.setPointerCapture(down.pointerId);
    canvas.classList.add("dragging");
    const follow = (event: PointerEvent) => {
      const { y, x } = place(event);
      proceed(
        { dy: Math.floor(y), dx: Math.floor(x) },
        { dy: Math.round(y - first.y), dx: Math.round(x - first.x) },
      );
    };
    const stop = () => {
      canvas.classList.remove("dragging");
      for (const [kind, listener] of listeners) canvas.removeEventListener(kind, listener);
    };
    const listeners = [["pointermove", follow], ["pointerup", stop], ["pointercancel", stop]] as const;
    for (const [kind, listener] of listeners) canvas.addEventListener(kind, listener);
  });
}

const STEPS: { readonly [key: string]: Offset } = {
  ArrowUp: { dy: -1, dx: 0 },
  ArrowDown: { dy: 1, dx: 0 },
  ArrowLeft: { dy: 0, dx: -1 },
  ArrowRight: { dy: 0, dx: 1 },
};

/** The step of an arrow key: a pixel, four with the shift key. Other keys have none. */
export function stepOf({ key, shiftKey }: Pick<KeyboardEvent, "key" | "shiftKey">): Offset | undefined {
  if (!Object.hasOwn(STEPS, key)) return undefined;
  const { dy, dx } = STEPS[key];
  return shiftKey ? { dy: 4 * dy, dx: 4 * dx } : { dy, dx };
}
