/**
 * Letting the event loop turn. Work on the CPU backends never waits, so without this no signal, key press or frame of a
 * page would be served until it ends.
 *
 * @module
 */

/** Waits until everything that is due has had its turn. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
