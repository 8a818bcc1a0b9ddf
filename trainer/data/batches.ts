import { TrimtabError } from "../../shared/errors.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import { createRandom } from "../../shared/random.ts";
import { f32, type Tensor, tensor } from "../../shared/tensor.ts";
import type { TokenizedExample } from "./examples.ts";
import { packBestFit, type Row, unpacked } from "./packing.ts";

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

export interface BatchOptions {
  /** B. */
  readonly rows: number;
  /** T; no example is longer. */
  readonly tokens: number;
  /** Micro-batches in an optimizer step. */
  readonly accumulation: number;
  readonly packing: boolean;
  readonly padId: number;
  readonly seed: number;
}

export interface Batches {
  /** Rows that the examples fill. */
  readonly rowCount: number;
  readonly stepsPerEpoch: number;
  /**
   * The micro-batches of an optimizer step, counted from 0 over all epochs. A pure function of the options and the step:
   * a resumed run needs to remember nothing but its step. The last step of an epoch may hold fewer, or padding rows.
   */
  readonly step: (step: number) => DataBatch[];
  /** Every row once, unshuffled, with `total` that of them all: the losses of these batches add up to the mean. */
  readonly evaluation: () => DataBatch[];
}

/** Lays examples out in rows, shuffled anew in each epoch. `examples` must not be empty. */
export function createBatches(examples: readonly TokenizedExample[], options: BatchOptions): Batches {
  const { rows: batchRows, accumulation, packing, seed } = options;
  const lengths = examples.map((example) => example.ids.length);
  const tooLong = lengths.find((length) => length > options.tokens);
  if (tooLong !== undefined || examples.length === 0) {
    throw new TrimtabError(
      "internal_error",
      `cannot make batches of ${options.tokens} tokens from ${examples.length} examples, the longest of ${tooLong ?? 0}`,
    );
  }
  const rows = packing ? packBestFit(lengths, options.tokens) : unpacked(lengths);
  const rowsPerStep = batchRows * accumulation;
  const stepsPerEpoch = Math.ceil(rows.length / rowsPerStep);
  let shuffled: { epoch: number; order: Uint32Array } | undefined;

  function order(epoch: number): Uint32Array {
    if (shuffled?.epoch !== epoch) {
      shuffled = { epoch, order: createRandom(seed, "rows", epoch).permutation(rows.length) };
    }
    return shuffled.order;
  }

  function batchesOf(chosen: readonly Row[]): DataBatch[] {
    const groups: Row[][] = [];
    for (let at = 0; at < chosen.length; at += batchRows) groups.push(chosen.slice(at, at + batchRows));
    const filled = groups.map((group) => fill(examples, group, options));
    const total = filled.reduce((sum, { trainedTokens }) => sum + trainedTokens, 0);
    return filled.map(({ feeds, trainedTokens }) => ({ feeds: { ...feeds, total: f32([], [total]) }, trainedTokens }));
  }

  return {
    rowCount: rows.length,
    stepsPerEpoch,
    step(step) {
      const start = (step % stepsPerEpoch) * rowsPerStep;
      const chosen = order(Math.floor(step / stepsPerEpoch)).subarray(start, start + rowsPerStep);
      return batchesOf(Array.from(chosen, (row) => rows[row]!));
    },
    evaluation: () => batchesOf(rows),
  };
}

/** Writes the rows' examples into the tensors of one micro-batch; rows that are missing are padding. */
function fill(
  examples: readonly TokenizedExample[],
  rows: readonly Row[],
  { rows: batchRows, tokens: length, padId }: BatchOptions,
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
