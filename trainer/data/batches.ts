import { TrimtabError } from "../../shared/errors.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import type { BatchShape } from "../../shared/model/training-forward.ts";
import { f32, type Tensor, tensor } from "../../shared/tensor.ts";
import type { TokenizedExample } from "./examples.ts";
import { packBestFit, type Row, unpacked } from "./packing.ts";
import type { StepPlan } from "./step-plan.ts";

/**
 * What one micro-batch feeds to the training graph. B rows of T tokens:
 * - `tokens` [B, T] i64, padding where a row ends early;
 * - `positions` [B, T] i64, counted from 0 in each example;
 * - `segments` [B, T] i32, the number of the example within its row from 1, 0 for padding: tokens see their own segment;
 * - `targets` [B, T] i64, the id that follows, 0 where nothing is learnt;
 * - `weights` [B, T] f32, 1 where the target is learnt, 0 elsewhere;
 * - `total` [] f32, the learnt tokens of the whole optimizer step.
 */
export interface BatchFeeds {
  readonly tokens: Tensor<"i64">;
  readonly positions: Tensor<"i64">;
  readonly segments: Tensor<"i32">;
  readonly targets: Tensor<"i64">;
  readonly weights: Tensor<"f32">;
  readonly total: Tensor<"f32">;
}

export interface DataBatch {
  readonly feeds: BatchFeeds & Readonly<Record<string, Tensor>>;
  /** Learnt tokens in this micro-batch. */
  readonly trainedTokens: number;
}

export interface RowOptions {
  /** B rows of T tokens; no example is longer than a row. */
  readonly shape: BatchShape;
  /** Several examples may share a row. Changes the speed, not what is computed. */
  readonly packing: boolean;
  readonly padId: number;
}

/**
 * The micro-batches of each optimizer step, counted from 0. Every micro-group of the plan is laid out in rows, and the rows
 * in as many micro-batches as they need; `total` makes the losses of all of them add up to the step's mean.
 */
export function createBatches(
  examples: readonly TokenizedExample[],
  plan: StepPlan,
  options: RowOptions,
): (step: number) => DataBatch[] {
  checkLengths(examples, options);
  return (step) => {
    const groups = plan.groups(step);
    const total = learntTokens(groups.flat().map((index) => examples[index]!));
    return groups.flatMap((group) => [
      ...layOut(
        group.map((index) => examples[index]!),
        total,
        options,
      ),
    ]);
  };
}

/** Every example once, in order, with `total` that of them all: the losses of these batches add up to the mean. */
export function evaluationBatches(examples: readonly TokenizedExample[], options: RowOptions): Iterable<DataBatch> {
  checkLengths(examples, options);
  return { [Symbol.iterator]: () => layOut(examples, learntTokens(examples), options) };
}

function* layOut(
  examples: readonly TokenizedExample[],
  total: number,
  options: RowOptions,
): Generator<DataBatch, void> {
  const lengths = examples.map(({ ids }) => ids.length);
  const rows = options.packing ? packBestFit(lengths, options.shape.tokens) : unpacked(lengths);
  for (let at = 0; at < rows.length; at += options.shape.rows) {
    const { feeds, trainedTokens } = fill(examples, rows.slice(at, at + options.shape.rows), options);
    yield { feeds: { ...feeds, total: f32([], [total]) }, trainedTokens };
  }
}

function checkLengths(examples: readonly TokenizedExample[], { shape }: RowOptions): void {
  const longest = examples.reduce((length, { ids }) => Math.max(length, ids.length), 0);
  if (longest > 0 && longest <= shape.tokens) return;
  throw new TrimtabError(
    "internal_error",
    `cannot make batches of ${shape.tokens} tokens from ${examples.length} examples, the longest of ${longest}`,
  );
}

/** The first token of an example is predicted by nothing, so its label does not count. */
function learntTokens(examples: readonly TokenizedExample[]): number {
  const ofOne = ({ labels }: TokenizedExample) =>
    labels.reduce((count, label, at) => (at > 0 && label !== IGNORED_LABEL ? count + 1 : count), 0);
  return examples.reduce((sum, example) => sum + ofOne(example), 0);
}

/** Writes the rows' examples into the tensors of one micro-batch; rows that are missing are padding. */
function fill(
  examples: readonly TokenizedExample[],
  rows: readonly Row[],
  { shape: { rows: batchRows, tokens: length }, padId }: RowOptions,
): { feeds: Omit<BatchFeeds, "total">; trainedTokens: number } {
  const shape = [batchRows, length];
  const size = batchRows * length;
  const tokens = new BigInt64Array(size).fill(BigInt(padId));
  const positions = new BigInt64Array(size);
  const segments = new Int32Array(size);
  const targets = new BigInt64Array(size);
  const weights = new Float32Array(size);
  let trainedTokens = 0;
  for (const [row, indices] of rows.entries()) {
    let at = row * length;
    for (const [segment, index] of indices.entries()) {
      const { ids, labels } = examples[index]!;
      for (let position = 0; position < ids.length; position++, at++) {
        tokens[at] = BigInt(ids[position]!);
        positions[at] = BigInt(position);
        segments[at] = segment + 1;
        // What position t predicts is the token after it; the last one of an example predicts nothing.
        const target = labels[position + 1] ?? IGNORED_LABEL;
        if (target === IGNORED_LABEL) continue;
        targets[at] = BigInt(target);
        weights[at] = 1;
        trainedTokens += 1;
      }
    }
  }
  return {
    feeds: {
      tokens: tensor("i64", shape, tokens),
      positions: tensor("i64", shape, positions),
      segments: tensor("i32", shape, segments),
      targets: tensor("i64", shape, targets),
      weights: tensor("f32", shape, weights),
    },
    trainedTokens,
  };
}
