import { TrimtabError } from "../../shared/errors.ts";
import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";
import type { trainingForward } from "../../shared/model/training-forward.ts";
import { columnInput, type UnitFeedOptions } from "../data/unit-feeds.ts";
import type { GraphMetrics } from "../loop/metrics.ts";
import { type Targets, targetInputs } from "../losses/cross-entropy.ts";
import { type Head, type TokenScores, tokenScores, type WantedScores } from "../losses/token-scores.ts";

/** The outputs that an objective adds to a graph. */
export interface LossGraph {
  /** A scalar. Training minimises and reports its sum over a step's micro-batches. */
  readonly loss: Value;
  readonly metrics?: GraphMetrics;
}

/**
 * One micro-batch's graph as an objective sees it: B rows of T tokens, U units of K examples. Inputs are added on first use,
 * and only those used are fed.
 */
export interface LossContext {
  readonly b: GraphBuilder;
  /** Everything the forward pass computes. */
  readonly forward: ReturnType<typeof trainingForward>;
  /** False in an evaluation graph. */
  readonly training: boolean;
  /** The training targets: `targets` [B, T] i64, `weights` [B, T] f32 and the step's `total` [] f32. */
  targets(): Targets;
  /** What the model predicts of the targets. Equal wishes give the same values; others compute the head again. */
  scores(wanted?: WantedScores): TokenScores;
  /** Mean cross-entropy over the step's trained tokens: this micro-batch's share. */
  crossEntropy(): Value;
  /** [B, T]: log p(target), 0 for tokens that are not trained. */
  logProbabilities(): Value;
  /** Σ x / N over the step's N trained tokens, for x [B, T] that is 0 elsewhere: this micro-batch's share. */
  meanOverTokens(x: Value): Value;
  /** A column of the unit's form: [B, T] (a token's value stands at the position that predicts it), [U, K] or [U]; all f32. */
  column(name: string): Value;
  /** Σ over the tokens of each example: [B, T] → [U, K] or [B, T, C] → [U, K, C], 0 where there is no example. */
  sumOverExamples(x: Value): Value;
  /** What x [B, T, C] is at the token that ends each example: [U, K, C]; where there is no example, it is some other token's. */
  atEnds(x: Value): Value;
  /** [U, K] f32: 1 where there is an example. */
  present(): Value;
  /** [U] f32: 1 where there is a unit. */
  presentUnits(): Value;
  /** [] f32: the number of units in the whole step. Sums over units divided by it add up to the step's mean. */
  totalUnits(): Value;
  /** One of the method's or the objective's parameters. */
  parameter(name: string): Value;
}

export type LossBuilder = (context: LossContext) => LossGraph;

/** Next-token cross-entropy, the default loss. */
export const nextTokenLoss: LossBuilder = (context) => ({ loss: context.crossEntropy() });

export interface LossContextOptions extends Pick<LossContext, "b" | "forward" | "training" | "parameter"> {
  /** Absent if the loss looks only at tokens. */
  readonly units?: UnitFeedOptions | undefined;
  readonly head: Head;
  /** N, the most labelled positions of a micro-batch, given as the input `labelled` [N] i64; absent: every position is scored. */
  readonly labelled?: number | undefined;
}

export function createLossContext(options: LossContextOptions): LossContext {
  const { b, forward, training, parameter, units, head, labelled } = options;
  const { rows, tokens } = forward.shape;
  const { form, capacity } = units ?? { form: { examples: 1 }, capacity: 0 };
  const perUnit = form.examples;
  const shapes = { token: [rows, tokens], example: [capacity, perUnit], unit: [capacity] };
  const made = new Map<string, Value>();
  const once = (name: string, make: () => Value): Value => {
    const value = made.get(name) ?? make();
    made.set(name, value);
    return value;
  };
  let shared: Targets | undefined;
  function targets(): Targets {
    shared ??= targetInputs(b, rows, tokens);
    return shared;
  }
  const scored = new Map<string, TokenScores>();
  const places = () =>
    labelled === undefined ? undefined : once("labelled", () => b.input("labelled", "i64", [labelled]));
  function scores(wanted: WantedScores = {}): TokenScores {
    const key = JSON.stringify([wanted.temperature ?? 1, wanted.hits ?? false, wanted.entropy ?? null]);
    const own = { head, training, wanted, targets: targets(), labelled: places() };
    const found = scored.get(key) ?? tokenScores(b, { hidden: forward.tap("final"), ...own });
    scored.set(key, found);
    return found;
  }
  const meanOverTokens = (x: Value) => b.div(b.reduceSum(x, [0, 1]), targets().total);
  const present = () => once("present", () => b.input("present", "f32", shapes.example));
  return {
    ...{ b, forward, training, parameter, targets, present, scores, meanOverTokens },
    crossEntropy: () => b.neg(meanOverTokens(scores().logProbabilities)),
    logProbabilities: () => scores().logProbabilities,
    column: (name) => {
      const kind = form.columns?.[name];
      if (kind === undefined) {
        const known = Object.keys(form.columns ?? {}).join(", ") || "none";
        throw new TrimtabError("invalid_graph", `the units have no column ${name}; their form declares ${known}`);
      }
      return once(columnInput(name), () => b.input(columnInput(name), "f32", shapes[kind]));
    },
    sumOverExamples: (x) => {
      const slots = once("slots", () => b.input("slots", "i64", shapes.token));
      const own = x.shape.slice(2);
      const updates = b.reshape(x, [rows, tokens, own[0] ?? 1]);
      // Padding adds to an extra last slot, which is cut off.
      const sums = b.scatterAddRows(slots, updates, capacity * perUnit + 1);
      return b.reshape(b.slice(sums, 0, 0, capacity * perUnit), [...shapes.example, ...own]);
    },
    atEnds: (x) => {
      const width = x.shape[2]!;
      const ends = once("ends", () => b.input("ends", "i64", shapes.example));
      return b.gather(b.reshape(x, [rows * tokens, width]), ends);
    },
    presentUnits: () => once("present units", () => b.reduceMax(present(), [1])),
    totalUnits: () => once("total units", () => b.input("total_units", "f32", [])),
  };
}

/** This micro-batch's share of the step's trained tokens; the shares add up to 1 over the step. */
export function shareOfStep({ b, targets }: Pick<LossContext, "b" | "targets">): Value {
  const { weights, total } = targets();
  return b.div(b.reduceSum(weights, [0, 1]), total);
}
