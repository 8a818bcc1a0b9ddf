import { TrimtabError } from "../../shared/errors.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import { f32, type Tensor, tensor } from "../../shared/tensor.ts";
import { type PackingOptions, packUnits } from "./packing-units.ts";
import { type Block, blocksOf } from "./shared-prompts.ts";
import type { StepPlan } from "./step-plan.ts";
import { type Place, type UnitFeedOptions, unitFeeds } from "./unit-feeds.ts";
import { longestOf, type Unit, type UnitExample } from "./units.ts";

/**
 * The feeds of one micro-batch for the training graph. B rows of T tokens:
 * - `tokens` [B, T] i64, padding where a row ends early;
 * - `positions` [B, T] i64, counted from 0 in each example;
 * - `segments` [B, T] i32, the number of the block within its row from 1, 0 for padding: tokens see their own segment;
 * - `branches` [B, T] i32, where examples share prompts: the number of the example within its block from 1, 0 for what they share:
 *   tokens see what is shared and their own branch;
 * - `targets` [B, T] i64, the id that follows, 0 where nothing is trained;
 * - `weights` [B, T] f32, 1 where the target is trained, 0 elsewhere;
 * - `total` [] f32, the trained tokens of the whole optimizer step.
 */
export interface BatchFeeds {
  readonly tokens: Tensor<"i64">;
  readonly positions: Tensor<"i64">;
  readonly segments: Tensor<"i32">;
  readonly branches?: Tensor<"i32">;
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
  const examples = units.flatMap((unit) => unit.examples);
  const branches = options.units?.form.sharesPrompt === true;
  const ofUnits = blocksOf(units, { tokens: options.shape.tokens, shares: branches && options.packing });
  const blocks = ofUnits.flat();
  const lengths = ofUnits.map((own) => own.map(({ length }) => length));
  for (const rows of packUnits(lengths, options)) {
    const laidOut = rows.map((row) => row.map((index) => blocks[index]!));
    const { feeds, trainedTokens, places } = fill(examples, laidOut, { ...options, branches });
    const unitInputs =
      options.units === undefined
        ? {}
        : unitFeeds(units, { places, shape: options.shape, total: totals.units, ...options.units });
    yield { feeds: { ...feeds, total: f32([], [totals.tokens]), ...unitInputs }, trainedTokens, places };
  }
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
  examples: readonly UnitExample[],
  rows: readonly (readonly Block[])[],
  {
    shape: { rows: batchRows, tokens: length },
    padId,
    branches: branching,
  }: RowOptions & { readonly branches: boolean },
): { feeds: Omit<BatchFeeds, "total">; trainedTokens: number; places: Place[] } {
  const shape = [batchRows, length];
  const size = batchRows * length;
  const tokens = new BigInt64Array(size).fill(BigInt(padId));
  const positions = new BigInt64Array(size);
  const segments = new Int32Array(size);
  const branches = new Int32Array(size);
  const targets = new BigInt64Array(size);
  const weights = new Float32Array(size);
  const places: Place[] = [];
  let trainedTokens = 0;
  for (const [row, blocks] of rows.entries()) {
    let at = row * length;
    for (const [segment, block] of blocks.entries()) {
      const { shared } = block;
      const first = examples[block.examples[0]!]!;
      /** Writes the tokens from `from` to `to` of an example. */
      const write = ({ ids, labels }: UnitExample, branch: number, [from, to]: readonly [number, number]) => {
        for (let position = from; position < to; position++, at++) {
          tokens[at] = BigInt(ids[position]!);
          positions[at] = BigInt(position);
          segments[at] = segment + 1;
          branches[at] = branch;
          // Position t predicts the next token; the last position of an example predicts nothing.
          const target = position < shared ? IGNORED_LABEL : (labels[position + 1] ?? IGNORED_LABEL);
          if (target === IGNORED_LABEL) continue;
          targets[at] = BigInt(target);
          weights[at] = 1;
          trainedTokens += 1;
        }
      };
      write(first, 0, [0, shared]);
      for (const [branch, index] of block.examples.entries()) {
        const example = examples[index]!;
        places.push({ index, start: at, length: example.ids.length - shared, shared });
        write(example, shared === 0 ? 0 : branch + 1, [shared, example.ids.length]);
      }
    }
  }
  return {
    feeds: {
      tokens: tensor("i64", shape, tokens),
      positions: tensor("i64", shape, positions),
      segments: tensor("i32", shape, segments),
      ...(branching ? { branches: tensor("i32", shape, branches) } : {}),
      targets: tensor("i64", shape, targets),
      weights: tensor("f32", shape, weights),
    },
    trainedTokens,
    places: places.sort((a, b) => a.index - b.index),
  };
}
