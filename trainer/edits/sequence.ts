import { type DenseMatrix, gram, matrix, sizes, transpose } from "../../shared/linalg/matrix.ts";
import { chunks } from "./buckets.ts";
import type { EditModel, Factors } from "./edit-model.ts";
import type { EncodedFact } from "./encoded-fact.ts";
import { type FoundValue, findValues, lengthOf, type ValueOptions } from "./find-values.ts";
import { type ScaledDelta, scaleValue } from "./solve/norm-scaling.ts";
import type { SolveReport } from "./solve/positive-solve.ts";
import { type LayerSolve, type SolveMethod, solveBatch, type ValuedFact, worse } from "./solve-batch.ts";

export interface SequenceOptions extends SolveMethod {
  readonly values: ValueOptions;
  /** Facts that are solved together. */
  readonly batchSize: number;
  /** The most times that a batch is solved, the first included; 1, as published, by default. */
  readonly rounds?: number;
  /** Whether each of some facts holds on the model as it is now; asked between rounds. */
  readonly holds?: (facts: readonly EncodedFact[]) => Promise<readonly boolean[]>;
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

/** What became of one fact: in the first round in which it was solved, or else in the last. */
export interface SolvedFact {
  readonly fact: EncodedFact;
  /** How many rounds solved it. */
  readonly rounds: number;
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
 *
 * With several rounds, the facts of a batch that do not hold after its solve are found again on the changed weights and solved again,
 * while the keys of those that hold are held. Values are found on the unchanged model, and a solve of many facts falls short of some
 * and moves others: what it leaves is small, so a larger λ with more rounds disturbs the rest less than one exact solve. This is our
 * addition; the published methods solve once.
 */
export async function solveSequence(
  model: EditModel,
  facts: readonly EncodedFact[],
  options: SequenceOptions,
): Promise<SequenceResult> {
  const { batchSize, rounds = 1, holds, onBatch } = options;
  const parts: Parts = new Map();
  const known: Known = new Map();
  const previous = new Map(options.previous);
  const batches = chunks(facts, batchSize);
  const seconds = { values: 0, solve: 0 };
  let done = 0;
  for (const [batch, own] of batches.entries()) {
    let open: readonly EncodedFact[] = own;
    for (let round = 1; open.length > 0; round++) {
      const held = withKeys(previous, known, without(own, open));
      await solveRound(model, open, { options: { ...options, previous: held }, parts, known, seconds });
      if (round >= rounds || holds === undefined) break;
      const now = await holds(own);
      // A value that is too long is left out for good.
      open = own.filter((fact, i) => !now[i] && known.get(fact)!.result.outcome !== "too_long");
    }
    for (const [layer, sum] of withKeys(previous, known, own)) if (options.method !== "rome") previous.set(layer, sum);
    done += own.length;
    onBatch?.({ batch: batch + 1, batches: batches.length, facts: done, of: facts.length });
  }
  const results = facts.map((fact) => known.get(fact)!);
  const layers = [...parts].map(([layer, of]): SequenceLayer => {
    return {
      layer,
      a: sideBySide(of.map(({ a }) => a)),
      b: stacked(of.map(({ b }) => b)),
      keys: rowsOf(results.flatMap(({ keys }) => keys.get(layer) ?? [])),
      solve: of.map(({ solve }) => solve).reduce(worse),
    };
  });
  return { facts: results.map(({ result }) => result), layers, seconds };
}

/** Layer → what the solves so far have changed there. */
type Parts = Map<number, LayerSolve[]>;

/** Facts that were looked at, each with its key [in] at every layer where it was solved last. */
type Known = Map<EncodedFact, { readonly result: SolvedFact; readonly keys: ReadonlyMap<number, Float64Array> }>;

interface RoundContext {
  readonly options: SequenceOptions;
  readonly parts: Parts;
  readonly known: Known;
  readonly seconds: { values: number; solve: number };
}

/** Finds and solves facts once. Adds to `parts`, `known` and `seconds`. */
async function solveRound(
  model: EditModel,
  facts: readonly EncodedFact[],
  { options, parts, known, seconds }: RoundContext,
): Promise<void> {
  const { values, now } = options;
  const start = now();
  const found = await findValues(model, facts, values);
  const between = now();
  const solved: ValuedFact[] = [];
  for (const [i, fact] of facts.entries()) {
    const { delta, ...result } = outcomeOf(found[i]!, options);
    if (result.outcome === "solved") solved.push({ fact, delta, start: found[i]!.start });
    const before = known.get(fact);
    const rounds = (before?.result.rounds ?? 0) + (result.outcome === "solved" ? 1 : 0);
    const first = before?.result.outcome === "solved" ? before.result : { fact, ...result };
    known.set(fact, { result: { ...first, rounds }, keys: before?.keys ?? new Map() });
  }
  if (solved.length > 0) {
    for (const one of await solveBatch(model, solved, options)) {
      parts.set(one.layer, [...(parts.get(one.layer) ?? []), one]);
      const width = sizes(one.keys)[1];
      for (const [row, { fact }] of solved.entries()) {
        const { result, keys } = known.get(fact)!;
        const key = one.keys.data.slice(row * width, (row + 1) * width);
        known.set(fact, { result, keys: new Map([...keys, [one.layer, key]]) });
      }
    }
  }
  seconds.values += (between - start) / 1000;
  seconds.solve += (now() - between) / 1000;
}

/** What is solved of a value that was found: δ, scaled where the options ask for it. */
function outcomeOf(value: FoundValue, options: SequenceOptions) {
  const { values, anchor, convergedBelow, keepUnconverged } = options;
  const scaled = anchor === undefined ? undefined : scaleValue({ value: value.start.mlp, delta: value.delta, anchor });
  const delta = scaled === undefined || scaled.skipped ? value.delta : scaled.delta;
  const norm = lengthOf(delta);
  const lost = value.loss > convergedBelow && !keepUnconverged;
  const outcome: SolvedFact["outcome"] = lost ? "not_converged" : scaled?.skipped === true ? "too_long" : "solved";
  return { value, delta, norm, relativeNorm: norm / lengthOf(value.start[values.measuredBy]), scaled, outcome };
}

function without(facts: readonly EncodedFact[], others: readonly EncodedFact[]): EncodedFact[] {
  const left = new Set(others);
  return facts.filter((fact) => !left.has(fact));
}

/** C_prev with the keys of these facts, for every layer where they have any. */
function withKeys(
  previous: ReadonlyMap<number, DenseMatrix>,
  known: Known,
  facts: readonly EncodedFact[],
): Map<number, DenseMatrix> {
  const sums = new Map(previous);
  const keys = new Map<number, Float64Array[]>();
  for (const fact of facts) {
    for (const [layer, key] of known.get(fact)?.keys ?? []) {
      const rows = keys.get(layer) ?? [];
      rows.push(key);
      keys.set(layer, rows);
    }
  }
  for (const [layer, rows] of keys) sums.set(layer, added(previous.get(layer), rowsOf(rows)));
  return sums;
}

/** [n, in] of at least one row. */
function rowsOf(rows: readonly Float64Array[]): DenseMatrix {
  const width = rows[0]!.length;
  const result = matrix(rows.length, width);
  for (const [row, values] of rows.entries()) result.data.set(values, row * width);
  return result;
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
