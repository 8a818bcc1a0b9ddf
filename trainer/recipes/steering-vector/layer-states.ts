import { conditionSpan } from "../../../shared/delta/condition.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { type DenseMatrix, matrix } from "../../../shared/linalg/matrix.ts";
import type { Executor } from "../../engines/executor.ts";
import { type ReadActivationsOptions, readActivations } from "../read-activations.ts";
import type { EncodedText } from "./contrast-texts.ts";
import { lengthOf } from "./directions.ts";

/** Which of a text's tokens a vector is read from; several are averaged. */
export type Position = "last" | "mean" | "completion";

/** One vector for each layer and each text, and the typical length of the stream. L layers, n texts, D its width. */
export interface LayerStates {
  /** n */
  readonly texts: number;
  /** D */
  readonly width: number;
  /** For each position [L][n · D]; empty for positions that were not asked for. */
  readonly at: Readonly<Record<Position, readonly Float32Array[]>>;
  /** For each layer the mean length of the residual stream over all tokens but the first of each text. */
  readonly streamNorms: readonly number[];
}

export interface LayerStatesOptions extends Omit<ReadActivationsOptions, "taps"> {
  readonly positions: readonly Position[];
  /** Called as texts are read. */
  readonly onRead: (texts: number) => void;
}

/** The numbers that are kept of all texts together: 1 GiB. */
const MOST_NUMBERS = 1 << 28;

/** The residual stream after each layer, for each text at each of the positions. Throws as `readActivations` does. */
export async function readLayerStates(
  executor: Executor,
  texts: readonly EncodedText[],
  options: LayerStatesOptions,
): Promise<LayerStates> {
  const { positions, onRead, ...reading } = options;
  const { layers, hiddenSize: width } = reading.config;
  requireRoom(texts.length, positions.length * layers * width);
  const taps = Array.from({ length: layers }, (_, layer) => `layers.${layer}`);
  const empty = (isRead: boolean) => taps.map(() => new Float32Array(isRead ? texts.length * width : 0));
  const at = {
    last: empty(positions.includes("last")),
    mean: empty(positions.includes("mean")),
    completion: empty(positions.includes("completion")),
  };
  const norms = taps.map(() => ({ sum: 0, count: 0 }));
  let read = 0;
  const ids = texts.map((text) => text.ids);
  for await (const { index, length, states } of readActivations(executor, ids, { ...reading, taps })) {
    for (const [layer, tap] of taps.entries()) {
      const state = states.get(tap)!;
      for (const position of positions) {
        at[position][layer]!.set(meanOfRows(state, spanOf(texts[index]!, position), width), index * width);
      }
      const { from } = conditionSpan("mean", length);
      const norm = norms[layer]!;
      for (let token = from; token < length; token++) {
        norm.sum += lengthOf(state.subarray(token * width, (token + 1) * width));
        norm.count += 1;
      }
    }
    read += 1;
    onRead(read);
  }
  return { texts: texts.length, width, at, streamNorms: norms.map(({ sum, count }) => sum / count) };
}

/** The texts of which `isTaken` is true, at one layer and position, in double precision: a row each. */
export function rowsOfTexts(
  { texts, width, at }: LayerStates,
  { position, layer }: { readonly position: Position; readonly layer: number },
  isTaken: (text: number) => boolean,
): DenseMatrix {
  const taken = Array.from({ length: texts }, (_, text) => text).filter(isTaken);
  const rows = matrix(taken.length, width);
  const states = at[position][layer]!;
  for (const [row, text] of taken.entries()) {
    rows.data.set(states.subarray(text * width, (text + 1) * width), row * width);
  }
  return rows;
}

/** The tokens [from, to) that a position stands for. */
function spanOf({ ids, completion }: EncodedText, position: Position): { readonly from: number; readonly to: number } {
  if (position !== "completion") return conditionSpan(position, ids.length);
  return { from: completion!, to: ids.length };
}

function meanOfRows(
  state: Float32Array,
  { from, to }: { readonly from: number; readonly to: number },
  width: number,
): Float64Array {
  const mean = new Float64Array(width);
  for (let token = from; token < to; token++) {
    for (let at = 0; at < width; at++) mean[at]! += state[token * width + at]! / (to - from);
  }
  return mean;
}

function requireRoom(texts: number, numbersPerText: number): void {
  const most = Math.floor(MOST_NUMBERS / numbersPerText);
  if (texts <= most) return;
  throw new TrimtabError(
    "invalid_dataset",
    `the files have ${texts} texts to compare, but at most ${most} of a model of this size are held at once; a few hundred pairs are usually enough`,
    { param: "training_file" },
  );
}
