import { type DenseMatrix, gram, matrix, sizes, transpose } from "../../shared/linalg/matrix.ts";
import { chunks } from "./buckets.ts";
import type { EditModel, Factors } from "./edit-model.ts";
import type { EncodedFact } from "./encoded-fact.ts";
import { type FoundValue, findValues, lengthOf, type ValueOptions } from "./find-values.ts";
import { type ScaledDelta, scaleValue } from "./solve/norm-scaling.ts";
import type { SolveReport } from "./solve/positive-solve.ts";
import { type SolveMethod, solveBatch, type ValuedFact, worse } from "./solve-batch.ts";

export interface SequenceOptions extends SolveMethod {
  readonly values: ValueOptions;
  /** Facts that are solved together. */
  readonly batchSize: number;
  /** The length that values are scaled to; absent: they stay as they were found. */
  readonly anchor?: number | undefined;
  /** Layer → C_prev of the edits that the model has already. */
  readonly previous: ReadonlyMap<number, DenseMatrix>;
  /** A value whose loss stays above it is not solved. */
  readonly convergedBelow: number;
  /** Solve those too. */
  readonly keepUnconverged: boolean;
  readonly onBatch?: (progress: BatchProgress) => void;
  /** Milliseconds, for the seconds that are reported. */
  readonly now: () => number;
}

export interface BatchProgress {
  /** Batches and facts that are done, of so many. */
  readonly batch: number;
  readonly batches: number;
  readonly facts: number;
  readonly of: number;
}

/** What became of one fact. */
export interface SolvedFact {
  readonly fact: EncodedFact;
  readonly value: FoundValue;
  /** ‖δ‖ as it was solved, and over the unedited value's length. */
  readonly norm: number;
  readonly relativeNorm: number;
  readonly scaled?: Pick<ScaledDelta, "scale" | "skipped" | "norm"> | undefined;
  readonly outcome: "solved" | "not_converged" | "too_long";
}

/** What one layer was changed by, over all batches. */
export interface SequenceLayer extends Factors {
  readonly layer: number;
  /** Keys [n, in] of the facts that were solved, in their order. */
  readonly keys: DenseMatrix;
  readonly solve: SolveReport;
}

export interface SequenceResult {
  readonly facts: readonly SolvedFact[];
  readonly layers: readonly SequenceLayer[];
  readonly seconds: { readonly values: number; readonly solve: number };
}

/**
 * Edits facts into the model, batch after batch: each batch is found and solved on the weights that the ones before it left, and
 * memit and alphaedit hold their keys. The model keeps the changes.
 */
export async function solveSequence(
  model: EditModel,
  facts: readonly EncodedFact[],
  options: SequenceOptions,
): Promise<SequenceResult> {
  const { values, batchSize, anchor, convergedBelow, keepUnconverged, onBatch, now } = options;
  const results: SolvedFact[] = [];
  const parts = new Map<number, { factors: Factors; keys: DenseMatrix; solve: SolveReport }[]>();
  const previous = new Map(options.previous);
  const batches = chunks(facts, batchSize);
  const seconds = { values: 0, solve: 0 };
  for (const [batch, own] of batches.entries()) {
    const start = now();
    const found = await findValues(model, own, values);
    const between = now();
    const solved: ValuedFact[] = [];
    for (const [i, fact] of own.entries()) {
      const value = found[i]!;
      const scaled =
        anchor === undefined ? undefined : scaleValue({ value: value.start.mlp, delta: value.delta, anchor });
      const delta = scaled === undefined || scaled.skipped ? value.delta : scaled.delta;
      const outcome =
        value.loss > convergedBelow && !keepUnconverged
          ? "not_converged"
          : scaled?.skipped === true
            ? "too_long"
            : "solved";
      if (outcome === "solved") solved.push({ fact, delta, start: value.start });
      const norm = lengthOf(delta);
      results.push({
        fact,
        value,
        norm,
        relativeNorm: norm / lengthOf(value.start[values.measuredBy]),
        scaled,
        outcome,
      });
    }
    if (solved.length > 0) {
      for (const { layer, a, b, keys, solve } of await solveBatch(model, solved, { ...options, previous })) {
        parts.set(layer, [...(parts.get(layer) ?? []), { factors: { a, b }, keys, solve }]);
        if (options.method !== "rome") previous.set(layer, added(previous.get(layer), keys));
      }
    }
    seconds.values += (between - start) / 1000;
    seconds.solve += (now() - between) / 1000;
    onBatch?.({ batch: batch + 1, batches: batches.length, facts: results.length, of: facts.length });
  }
  const layers = [...parts].map(([layer, of]): SequenceLayer => {
    return {
      layer,
      a: sideBySide(of.map(({ factors }) => factors.a)),
      b: stacked(of.map(({ factors }) => factors.b)),
      keys: stacked(of.map(({ keys }) => keys)),
      solve: of.map(({ solve }) => solve).reduce(worse),
    };
  });
  return { facts: results, layers, seconds };
}

/** C_prev + KᵀK */
export function added(previous: DenseMatrix | undefined, keys: DenseMatrix): DenseMatrix {
  const sum = gram(transpose(keys));
  if (previous !== undefined) for (let at = 0; at < sum.data.length; at++) sum.data[at]! += previous.data[at]!;
  return sum;
}

/** [in, n₁ + n₂ + …] */
function sideBySide(all: readonly DenseMatrix[]): DenseMatrix {
  const rows = sizes(all[0]!)[0];
  const columns = all.reduce((sum, one) => sum + sizes(one)[1], 0);
  const result = matrix(rows, columns);
  let at = 0;
  for (const one of all) {
    const width = sizes(one)[1];
    for (let row = 0; row < rows; row++) {
      result.data.set(one.data.subarray(row * width, (row + 1) * width), row * columns + at);
    }
    at += width;
  }
  return result;
}

/** [n₁ + n₂ + …, out] */
function stacked(all: readonly DenseMatrix[]): DenseMatrix {
  const columns = sizes(all[0]!)[1];
  const result = matrix(
    all.reduce((sum, one) => sum + sizes(one)[0], 0),
    columns,
  );
  let row = 0;
  for (const one of all) {
    result.data.set(one.data, row * columns);
    row += sizes(one)[0];
  }
  return result;
}
