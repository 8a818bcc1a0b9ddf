import type { BatchShape } from "../../../shared/model/training-forward.ts";
import { i64, type Tensor, tensor } from "../../../shared/tensor.ts";

/** A text in a batch of rows: where its first token lies among all. */
export interface PlacedText<T> {
  readonly text: T;
  readonly start: number;
}

/**
 * Lays texts out in rows, each in the first row with room. `rest`: those for which there was none, from the first such text on, so that
 * texts keep their turn.
 */
export function layOut<T extends { readonly ids: Int32Array }>(
  texts: readonly T[],
  { rows, tokens }: BatchShape,
): { readonly placed: PlacedText<T>[]; readonly rest: readonly T[] } {
  const used = new Array<number>(rows).fill(0);
  const placed: PlacedText<T>[] = [];
  for (const [index, text] of texts.entries()) {
    const row = used.findIndex((length) => length + text.ids.length <= tokens);
    if (row < 0) return { placed, rest: texts.slice(index) };
    placed.push({ text, start: row * tokens + used[row]! });
    used[row]! += text.ids.length;
  }
  return { placed, rest: [] };
}

/** The inputs of `trainingForward` for texts that are laid out. */
export function textFeeds(
  placed: readonly PlacedText<{ readonly ids: Int32Array }>[],
  { rows, tokens: length }: BatchShape,
  padId: number,
): { tokens: Tensor; positions: Tensor; segments: Tensor } {
  const size = rows * length;
  const tokens = new Int32Array(size).fill(padId);
  const positions = new Int32Array(size);
  // Padding has the segment 0.
  const segments = new Int32Array(size);
  for (const [index, { text, start }] of placed.entries()) {
    tokens.set(text.ids, start);
    segments.fill(index + 1, start, start + text.ids.length);
    for (let at = 0; at < text.ids.length; at++) positions[start + at] = at;
  }
  const shape = [rows, length];
  return { tokens: i64(shape, tokens), positions: i64(shape, positions), segments: tensor("i32", shape, segments) };
}
