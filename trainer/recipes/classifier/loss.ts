/**
 * The loss of a classifier, a mean over texts. Legend: h_t the state after the last norm at token t of the text x_1 … x_n, with
 * h_0 at the last token before it; y the text's class, K classes.
 *
 *     L_head    mean over t ≥ 1 of −log softmax(h_t W + b)_y: every beginning of the text is judged
 *     L_values  mean over t < n of −log softmax_c(h_t W_c + b_c + (h_t A_c)·T_{x_{t+1}})_y
 *     ℓ_c       mean log-probability of the text's tokens in the row of class c
 *     L_g       −ℓ_y
 *     L_d       −log softmax_c(s ℓ_c + β_c)_y
 *
 * The total is L_head + L_values + λ L_g + (1 − λ) L_d, without the terms of ways that are not trained. The last two are GeDi's
 * (Krause et al., "GeDi: Generative Discriminator Guided Sequence Generation", 2021), with these differences: a class's control
 * text takes the place of its code token, and the scale s is learned as its logarithm.
 */
import type { ScorerMode } from "../../../shared/delta/scorer.ts";
import type { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { zeros } from "../../../shared/tensor.ts";
import type { GraphMetrics } from "../../loop/metrics.ts";
import type { LossContext, LossGraph } from "../loss-context.ts";
import { SCORER } from "./parameters.ts";

/** The unit column with the index of the text's class. */
export const CLASS = "class";

export interface ClassifierLoss {
  readonly classes: number;
  readonly modes: readonly ScorerMode[];
  /** λ */
  readonly lmWeight: number;
  /** The fewest tokens of a text that the head is trained to judge. */
  readonly minTokens: number;
}

/** The scores of every token's position, as graph values. B rows of T tokens, K classes. */
export interface PositionScores {
  /** [B, T, K]: the head's logits for the text up to this token. */
  readonly head: Value;
  /** [B, T, K]: those of the text with the token that follows, from the token's values. */
  readonly values?: Value;
}

export function positionScores(context: LossContext, { classes, modes }: ClassifierLoss): PositionScores {
  const { b, forward, parameter } = context;
  const final = forward.tap("final");
  const [rows, tokens, width] = final.shape as [number, number, number];
  const hidden = b.reshape(final, [rows * tokens, width]);
  const flat = b.add(b.matmul(hidden, parameter(SCORER.weight)), b.reshape(parameter(SCORER.bias), [1, classes]));
  const head = b.reshape(flat, [rows, tokens, classes]);
  if (!modes.includes("token_values")) return { head };
  const table = parameter(SCORER.t);
  const rank = table.shape[1]!;
  const reads = b.reshape(b.matmul(hidden, parameter(SCORER.a)), [rows * tokens, classes, rank]);
  const next = b.reshape(b.gather(table, context.targets().targets), [rows * tokens, 1, rank]);
  const added = b.reshape(b.reduceSum(b.mul(reads, next), [2]), [rows, tokens, classes]);
  return { head, values: b.add(head, added) };
}

export function classifierLoss(context: LossContext, options: ClassifierLoss): LossGraph {
  const { b } = context;
  const { classes, modes, lmWeight, minTokens } = options;
  const { head, values } = positionScores(context, options);
  const { weights } = context.targets();
  const truth = oneHot(b, context.column(CLASS), classes);
  const mean = (x: Value) => b.div(b.reduceSum(b.mul(x, context.presentUnits()), [0]), context.totalUnits());
  /** Σ_c truth · x for x [U, K]: [U]. */
  const ofTruth = (x: Value) => b.reduceSum(b.mul(x, truth), [1]);
  /** The mean over a text's weighted positions of x [B, T, K]: [U, K]. */
  const overText = (x: Value, at: Value) => {
    const [rows, tokens] = at.shape as [number, number];
    const weighted = b.mul(x, b.reshape(at, [rows, tokens, 1]));
    const sums = firstExample(b, context.sumOverExamples(weighted));
    return b.div(sums, b.max(firstExample(b, context.sumOverExamples(at)), 1));
  };
  const judged = judgedPositions(b, weights, minTokens);
  const logHead = b.logSoftmax(head);
  const losses: Record<string, Value> = { head_loss: mean(b.neg(ofTruth(overText(logHead, judged)))) };
  const best = b.cast(b.equal(logHead, b.reduceMax(logHead, [2], true)), "f32");
  // Classes that are equally good share the point.
  const points = b.div(best, b.reduceSum(best, [2], true));
  const accuracy = mean(ofTruth(overText(points, judged)));
  let loss = losses.head_loss!;
  if (values !== undefined) {
    losses.value_loss = mean(b.neg(ofTruth(overText(b.logSoftmax(values), weights))));
    loss = b.add(loss, losses.value_loss);
  }
  if (modes.includes("class_rows")) {
    const rows = (x: Value) => b.slice(context.sumOverExamples(x), 1, 1, classes + 1);
    const likelihood = b.div(rows(context.logProbabilities()), b.max(rows(weights), 1));
    const scaled = b.mul(likelihood, b.exp(b.reshape(context.parameter(SCORER.logScale), [1, 1])));
    const logits = b.add(scaled, b.reshape(context.parameter(SCORER.rowBias), [1, classes]));
    losses.lm_loss = mean(b.neg(ofTruth(likelihood)));
    losses.row_loss = mean(b.neg(ofTruth(b.logSoftmax(logits))));
    loss = b.add(loss, b.add(b.mul(losses.lm_loss, lmWeight), b.mul(losses.row_loss, 1 - lmWeight)));
  }
  return { loss, metrics: { ...sums(losses), accuracy: { value: accuracy, kind: "sum" } } };
}

/** The example without a control text: [U, E] → [U, 1], [U, E, K] → [U, K]. */
function firstExample(b: GraphBuilder, x: Value): Value {
  const [units, , classes = 1] = x.shape as [number, number, number?];
  return b.reshape(b.slice(x, 1, 0, 1), [units, classes]);
}

/**
 * [B, T]: 1 at the tokens of a text from its `minTokens`-th on. `weights` are 1 where the next token is the text's, and 0 at an
 * example's last token, so their shifts stay within the example.
 */
function judgedPositions(b: GraphBuilder, weights: Value, minTokens: number): Value {
  const [rows, tokens] = weights.shape as [number, number];
  const shifted = (by: number) => {
    const kept = Math.max(0, tokens - by);
    const before = b.constant(zeros([rows, tokens - kept]));
    return kept === 0 ? before : b.concat([before, b.slice(weights, 1, 0, kept)], 1);
  };
  let judged = shifted(1);
  for (let by = 2; by <= minTokens; by++) judged = b.mul(judged, shifted(by));
  return judged;
}

/** [U] indices → [U, K]. */
function oneHot(b: GraphBuilder, indices: Value, classes: number): Value {
  const numbers = b.constant({
    dtype: "f32",
    shape: [1, classes],
    data: Float32Array.from({ length: classes }, (_, c) => c),
  });
  return b.cast(b.equal(b.reshape(indices, [indices.shape[0]!, 1]), numbers), "f32");
}

function sums(values: Readonly<Record<string, Value>>): GraphMetrics {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, kind: "sum" }]));
}
