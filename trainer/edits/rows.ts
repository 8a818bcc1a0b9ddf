import { i64 } from "../../shared/tensor.ts";
import type { NamedTensors } from "../engines/executor.ts";

/** A text as ids, and a place in it that something is read at or added to: the subject's last token. */
export interface EncodedRow {
  readonly ids: Int32Array;
  readonly at: number;
}

/** The feeds of `rowGraph` for these rows; rows that are missing repeat the first. */
export function rowFeeds(
  rows: readonly EncodedRow[],
  { rows: count, tokens: length }: { readonly rows: number; readonly tokens: number },
): NamedTensors {
  const tokens = new Int32Array(count * length);
  const positions = new Int32Array(count * length);
  const at = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const { ids, at: place } = rows[row] ?? rows[0]!;
    tokens.set(ids, row * length);
    for (let position = 0; position < length; position++) positions[row * length + position] = position;
    at[row] = row * length + place;
  }
  return { tokens: i64([count, length], tokens), positions: i64([count, length], positions), at: i64([count], at) };
}
