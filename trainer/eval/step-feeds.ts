import { f32, i64 } from "../../shared/tensor.ts";
import type { NamedTensors } from "../engines/executor.ts";

/** Added to the score of a position that must not be seen; its softmax is then exactly 0 in float32. */
const UNSEEN = -1e9;
/** Rows are padded to a multiple of this, so that a row's sums are added in the same order whatever its neighbours' lengths. */
const STEP = 32;

/** The cache that a step reads. */
export interface Cached {
  /** How many positions it has. The first ones hold the method's prefix and do not count as positions of the text. */
  readonly capacity: number;
  readonly prefixTokens: number;
}

/**
 * One token for each of `rows`, which have `length` positions in the cache before it: a generation graph's feeds, except its
 * caches.
 */
export function decodeFeeds(
  rows: readonly { readonly token: number; readonly length: number }[],
  { capacity, prefixTokens }: Cached,
): NamedTensors {
  const count = rows.length;
  const bias = new Float32Array(count * capacity).fill(UNSEEN);
  for (const [row, { length }] of rows.entries()) bias.fill(0, row * capacity, row * capacity + length + 1);
  return {
    tokens: i64(
      [count, 1],
      rows.map(({ token }) => token),
    ),
    positions: i64(
      [count, 1],
      rows.map(({ length }) => length - prefixTokens),
    ),
    bias: f32([count, 1, 1, 1, capacity], bias),
    pick: f32([count, 1, 1], new Float32Array(count).fill(1)),
  };
}

/**
 * Tokens of several rows at once, which fill the cached positions from `start` on, with padding up to `end`; the first pick is
 * each row's last token.
 */
export function prefillFeeds(
  rows: readonly (readonly number[])[],
  { start, end, capacity, prefixTokens }: Cached & { readonly start: number; readonly end: number },
): NamedTensors {
  const count = rows.length;
  const padded = end - start;
  const tokens = new Float64Array(count * padded);
  const positions = new Float64Array(count * padded);
  // A single row gets a second pick, of nothing, because kernels add up a single row's products in another order.
  const picks = count === 1 ? 2 : 1;
  const pick = new Float32Array(count * picks * padded);
  const bias = new Float32Array(count * padded * capacity).fill(UNSEEN);
  for (const [row, ids] of rows.entries()) {
    tokens.set(ids, row * padded);
    // Padding stays at position 0: positions after the longest row may be more than the model has.
    for (let at = 0; at < ids.length; at++) positions[row * padded + at] = start - prefixTokens + at;
    pick[row * picks * padded + ids.length - 1] = 1;
    for (let at = 0; at < padded; at++) {
      const from = (row * padded + at) * capacity;
      bias.fill(0, from, from + start + at + 1);
    }
  }
  return {
    tokens: i64([count, padded], tokens),
    positions: i64([count, padded], positions),
    bias: f32([count, 1, 1, padded, capacity], bias),
    pick: f32([count, picks, padded], pick),
  };
}

/** How many tokens rows are padded to if the longest of them has `longest`. */
export function paddedLength(longest: number): number {
  return STEP * Math.ceil(longest / STEP);
}
