import { TrimtabError } from "../../shared/errors.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import { f32, type Tensor, tensor } from "../../shared/tensor.ts";
import type { Row } from "./packing.ts";
import { type PackingOptions, packUnits } from "./packing-units.ts";
import { type Block, blockLength, blocksOf } from "./shared-prompts.ts";
import type { StepPlan } from "./step-plan.ts";
import { hasParents, type Place, type UnitFeedOptions, unitFeeds } from "./unit-feeds.ts";
import { longestOf, type Unit, type UnitExample } from "./units.ts";

/**
 * The feeds of one micro-batch for the training graph. B rows of T tokens:
 * - `tokens` [B, T] i64, padding where a row ends early;
 * - `positions` [B, T] i64, counted from 0 in each example;
 * - `segments` [B, T] i32, the number of the segment within its row from 1, 0 for padding: tokens see their own segment. A segment
 *   is an example, a prompt that several share, or what is left of an example behind such a prompt;
 * - `targets` [B, T] i64, the id that follows, 0 where nothing is trained;
 * - `weights` [B, T] f32, 1 where the target is trained, 0 elsewhere;
 * - `total` [] f32, the trained tokens of the whole optimizer step.
 * For units of several examples besides, with the feeds of `unitFeeds`: `parents` [B, T] i32, the segment of the shared prompt,
 * which tokens see too, or their own.
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
  /** Trained tokens in this micro-batch. */
  readonly trainedTokens: number;
  /** Where each example lies, in the order of the units and of the examples within each. */
  readonly places: readonly Place[];
}

export interface RowOptions extends PackingOptions {
  readonly padId: number;
  /** For objectives that look at examples and units: the feeds of `unitFeeds` are added. */
  readonly units?: UnitFeedOptions;
}

/**
 * The micro-batches of each optimizer step, counted from 0. Every micro-group of the plan is laid out in rows, and the rows
 * in as many micro-batches as they need; `total` makes the losses of all of them add up to the step's mean.
 */
export function createBatches(
  units: readonly Unit[],
  plan: StepPlan,
  options: RowOptions,
): (step: number) => DataBatch[] {
  checkLengths(units, options);
  return (step) =>
    stepBatches(
      plan.groups(step).map((group) => group.map((index) => units[index]!)),
      options,
    );
}

/** The micro-batches of one step, given its micro-groups. */
export function stepBatches(groups: readonly (readonly Unit[])[], options: RowOptions): DataBatch[] {
  const totals = totalsOf(groups.flat());
  return groups.flatMap((group) => [...layOut(group, totals, options)]);
}

/** Every unit once, in order, with the totals of them all: the losses of these batches add up to the mean. */
export function evaluationBatches(units: readonly Unit[], options: RowOptions): Iterable<DataBatch> {
  checkLengths(units, options);
  const totals = totalsOf(units);
  const most = options.units?.capacity ?? units.length;
  return {
    *[Symbol.iterator]() {
      for (let at = 0; at < units.length; at += most) yield* layOut(units.slice(at, at + most), totals, options);
    },
  };
}

/** The divisors of a loss, over all micro-batches of a step. */
interface Totals {
  readonly tokens: number;
  readonly units: number;
}

function totalsOf(units: readonly Unit[]): Totals {
  const examples = units.flatMap((unit) => unit.examples);
  return { tokens: examples.reduce((sum, example) => sum + trainedTokensOf(example), 0), units: units.length };
}

/** No position predicts the first token of an example, so its label does not count. */
function trainedTokensOf({ labels }: UnitExample): number {
  return labels.reduce((count, label, at) => (at > 0 && label !== IGNORED_LABEL ? count + 1 : count), 0);
}

function* layOut(units: readonly Unit[], totals: Totals, options: RowOptions): Generator<DataBatch, void> {
  const ofUnits = unitBlocks(units, options);
  const blocks = ofUnits.flat();
  for (const rows of packUnits(
    ofUnits.map((own) => own.map(blockLength)),
    options,
  )) {
    const { feeds, parents, trainedTokens, places } = fill(blocks, rows, options);
    const { units: form, shape } = options;
    const added = {
      ...(form === undefined ? {} : unitFeeds(units, { places, shape, total: totals.units, ...form })),
      ...(form !== undefined && hasParents(form) ? { parents } : {}),
    };
    yield { feeds: { ...feeds, total: f32([], [totals.tokens]), ...added }, trainedTokens, places };
  }
}

/** Examples of a unit share their prompt where the graph can tell their parts apart, and rows hold more than one example. */
function unitBlocks(units: readonly Unit[], { shape, packing, units: form }: RowOptions): Block[][] {
  const limit = packing && form !== undefined && hasParents(form) ? shape.tokens : 0;
  let first = 0;
  return units.map((unit) => {
    const blocks = blocksOf(unit, { first, limit });
    first += unit.examples.length;
    return blocks;
  });
}

function checkLengths(units: readonly Unit[], { shape }: RowOptions): void {
  const longest = longestOf(units);
  if (longest > 0 && longest <= shape.tokens) return;
  const count = units.reduce((sum, { examples }) => sum + examples.length, 0);
  throw new TrimtabError(
    "internal_error",
    `cannot make batches of ${shape.tokens} tokens from ${count} examples, the longest of ${longest}`,
  );
}

/** Writes the rows' blocks into the tensors of one micro-batch; rows that are missing are padding. */
function fill(
  blocks: readonly Block[],
  rows: readonly Row[],
  { shape: { rows: batchRows, tokens: length }, padId }: RowOptions,
): { feeds: Omit<BatchFeeds, "total">; parents: Tensor<"i32">; trainedTokens: number; places: Place[] } {
  const shape = [batchRows, length];
  const size = batchRows * length;
  const tokens = new BigInt64Array(size).fill(BigInt(padId));
  const positions = new BigInt64Array(size);
  const segments = new Int32Array(size);
  const parents = new Int32Array(size);
  const targets = new BigInt64Array(size);
  const weights = new Float32Array(size);
  const places: Place[] = [];
  let trainedTokens = 0;
  /** Tokens `from` … `to` − 1 of an example, at one place of the batch after another. */
  function write(
    example: UnitExample,
    from: number,
    to: number,
    place: { at: number; segment: number; parent: number },
  ) {
    const { ids, labels } = example;
    for (let position = from; position < to; position++) {
      const at = place.at + position - from;
      tokens[at] = BigInt(ids[position]!);
      positions[at] = BigInt(position);
      segments[at] = place.segment;
      parents[at] = place.parent;
      // Position t predicts the next token; the last position of an example predicts nothing.
      const target = labels[position + 1] ?? IGNORED_LABEL;
      if (target === IGNORED_LABEL) continue;
      targets[at] = BigInt(target);
      weights[at] = 1;
      trainedTokens += 1;
    }
  }
  for (const [row, indices] of rows.entries()) {
    let at = row * length;
    let segment = 0;
    for (const { first, examples, shared } of indices.map((index) => blocks[index]!)) {
      if (shared > 0) segment += 1;
      const parent = segment;
      if (shared > 0) write(examples[0]!, 0, shared, { at, segment, parent });
      at += shared;
      for (const [k, example] of examples.entries()) {
        segment += 1;
        const { length: end } = example.ids;
        write(example, shared, end, { at, segment, parent: shared > 0 ? parent : segment });
        places.push({ index: first + k, start: at - shared, shared, length: end });
        at += end - shared;
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
    parents: tensor("i32", shape, parents),
    trainedTokens,
    places: places.sort((a, b) => a.index - b.index),
  };
}
