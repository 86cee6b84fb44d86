/**
 * Shares of a batch, or of anything that is numbered: which worker has which.
 *
 * @module
 */

import type { Rows } from "../batch.ts";

/**
 * Share `index` of `count` rows cut into `shares` runs whose lengths differ by one at most; some are empty if rows are few.
 */
export function shardOf(count: number, shares: number, index: number): Rows {
  return {
    start: Math.floor(count * index / shares),
    end: Math.floor(count * (index + 1) / shares),
  };
}
