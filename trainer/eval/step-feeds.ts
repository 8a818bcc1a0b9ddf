import { f32, i64, type Tensor } from "../../shared/tensor.ts";
import type { NamedTensors } from "../engines/executor.ts";

/** Added to the score of a position that must not be seen: its share is exactly 0 in float32. */
const UNSEEN = -1e9;
/** Rows are padded to a multiple of this, so that a row's sums are added up in the same order whatever its neighbours' lengths. */
const STEP = 32;

/** Where a cached position can be seen. */
export interface Past {
  /** Positions of the cache; it begins with those of the method's prefix, which do not count as positions of the text. */
  readonly capacity: number;
  readonly prefixTokens: number;
}

/** One token of each of `rows`, which has `length` positions in the cache: the feeds of a generation graph but for its caches. */
export function decodeFeeds(
  rows: readonly { readonly token: number; readonly length: number }[],
  { capacity, prefixTokens }: Past,
): NamedTensors {
  const count = rows.length;
  return {
    tokens: i64(
      [count, 1],
      rows.map(({ token }) => token),
    ),
    positions: i64(
      [count, 1],
      rows.map(({ length }) => length - prefixTokens),
    ),
    past_bias: pastBias(
      rows.map(({ length }) => length),
      capacity,
    ),
    own_bias: f32([1, 1], [0]),
    pick: f32([count, 1, 1], new Float32Array(count).fill(1)),
  };
}

/** Tokens of several rows at once, each after `length` cached positions: the logits that they give are those of its last token. */
export function prefillFeeds(
  rows: readonly (readonly number[])[],
  { length, capacity, prefixTokens }: Past & { readonly length: number },
): NamedTensors {
  const count = rows.length;
  const padded = paddedLength(Math.max(...rows.map((ids) => ids.length)));
  const tokens = new Float64Array(count * padded);
  const positions = new Float64Array(count * padded);
  const pick = new Float32Array(count * padded);
  for (const [row, ids] of rows.entries()) {
    tokens.set(ids, row * padded);
    // Padding stays at position 0, for what comes behind the longest row may be beyond the model's positions.
    for (let at = 0; at < ids.length; at++) positions[row * padded + at] = length - prefixTokens + at;
    pick[row * padded + ids.length - 1] = 1;
  }
  return {
    tokens: i64([count, padded], tokens),
    positions: i64([count, padded], positions),
    past_bias: pastBias(
      rows.map(() => length),
      capacity,
    ),
    own_bias: causalBias(padded),
    pick: f32([count, 1, padded], pick),
  };
}

/** To how many tokens a row is padded whose longest neighbour, or which itself, has `longest`. */
export function paddedLength(longest: number): number {
  return STEP * Math.ceil(longest / STEP);
}

/** [batch, 1, 1, 1, capacity]: 0 for the first `lengths[row]` positions, `UNSEEN` for the rest. */
function pastBias(lengths: readonly number[], capacity: number): Tensor<"f32"> {
  const bias = new Float32Array(lengths.length * capacity).fill(UNSEEN);
  for (const [row, length] of lengths.entries()) bias.fill(0, row * capacity, row * capacity + length);
  return f32([lengths.length, 1, 1, 1, capacity], bias);
}

/** [T, T]: 0 where the column is not after the row, so that padding behind a row's tokens is seen by none of them. */
function causalBias(length: number): Tensor<"f32"> {
  const bias = new Float32Array(length * length);
  for (let row = 0; row < length; row++) bias.fill(UNSEEN, row * length + row + 1, (row + 1) * length);
  return f32([length, length], bias);
}
