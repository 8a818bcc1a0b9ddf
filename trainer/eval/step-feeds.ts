import { f32, i64, type Tensor } from "../../shared/tensor.ts";
import type { NamedTensors } from "../engines/executor.ts";

/** Added to the score of a position that must not be seen; its softmax is then exactly 0 in float32. */
const UNSEEN = -1e9;
/** Rows are padded to a multiple of this, so that a row's sums are added in the same order whatever its neighbours' lengths. */
const STEP = 32;

/** Which cached positions a row can see. */
export interface Past {
  /** How many positions the cache has. The first ones hold the method's prefix and do not count as positions of the text. */
  readonly capacity: number;
  readonly prefixTokens: number;
}

/** One token for each of `rows`, which have `length` positions in the cache: a generation graph's feeds, except its caches. */
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

/** Tokens of several rows at once, each after `length` cached positions; the logits are those after each row's last token. */
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
    // Padding stays at position 0: positions after the longest row may be more than the model has.
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

/** How many tokens rows are padded to if the longest of them has `longest`. */
export function paddedLength(longest: number): number {
  return STEP * Math.ceil(longest / STEP);
}

/** [batch, 1, 1, 1, capacity]: 0 for the first `lengths[row]` positions, `UNSEEN` for the rest. */
function pastBias(lengths: readonly number[], capacity: number): Tensor<"f32"> {
  const bias = new Float32Array(lengths.length * capacity).fill(UNSEEN);
  for (const [row, length] of lengths.entries()) bias.fill(0, row * capacity, row * capacity + length);
  return f32([lengths.length, 1, 1, 1, capacity], bias);
}

/** [T, T]: 0 if the column is not after the row, else `UNSEEN`, so that no token sees the padding after it. */
function causalBias(length: number): Tensor<"f32"> {
  const bias = new Float32Array(length * length);
  for (let row = 0; row < length; row++) bias.fill(UNSEEN, row * length + row + 1, (row + 1) * length);
  return f32([length, length], bias);
}
