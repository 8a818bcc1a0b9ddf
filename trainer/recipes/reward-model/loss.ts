/**
 * The losses of a reward model, means over units. Legend: r_k = h_k·w + b the reward of a unit's k-th completion, h_k the state
 * after the last norm at the token that ends the completion; the best completion comes first.
 *
 *     pairs     −log σ(r_1 − r_2 − m), m the pair's margin        (Bradley and Terry 1952; Touvron et al. 2023 for the margin)
 *     ranking   Σ_i logsumexp(r_i … r_K) − r_i                    (Plackett 1975; Luce 1959)
 *     rating    (r − y)², y the rating less the training ratings' mean, divided by their standard deviation
 *
 * Pairs and rankings add c · (2 · mean of the rewards)², which for a pair is c · (r_1 + r_2)² (Eisenstein et al., "Helping or
 * Herding? Reward Model Ensembles Mitigate but do not Eliminate Reward Hacking", 2024). They are blind to b, so it is not trained.
 */
import type { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { f32, zeros } from "../../../shared/tensor.ts";
import type { GraphMetrics } from "../../loop/metrics.ts";
import { logSigmoid } from "../../losses/log-sigmoid.ts";
import type { LossContext, LossGraph } from "../loss-context.ts";
import type { OwnParameters } from "../objective.ts";
import { meanOverUnits, unitMetric } from "../preferences/pair-unit.ts";
import type { RewardGoal, RewardScale } from "./data.ts";
import { MARGIN, RATING } from "./lines.ts";

/** The head's parameters, as training names them. */
export const REWARD_HEAD = { weight: "reward.weight", bias: "reward.bias" } as const;

/** A head that begins at 0, so that all rewards are equal at first. */
export function rewardParameters({ hiddenSize }: ModelConfig, goal: RewardGoal): OwnParameters {
  const bias = goal === "rating" ? [[REWARD_HEAD.bias, zeros([1]), false] as const] : [];
  const rows = [[REWARD_HEAD.weight, zeros([hiddenSize, 1]), true] as const, ...bias];
  return {
    parameters: rows.map(([name, { shape }, decay]) => ({ name, shape, decay })),
    initial: new Map(rows.map(([name, value]) => [name, value])),
  };
}

export interface RewardLoss {
  readonly goal: RewardGoal;
  /** c */
  readonly centring: number;
  readonly scale: RewardScale;
}

export function rewardLoss(context: LossContext, { goal, centring, scale }: RewardLoss): LossGraph {
  const { b } = context;
  const rewards = rewardsOf(context, goal);
  if (goal === "rating") {
    const error = b.sub(b.reshape(rewards, [rewards.shape[0]!]), standardRating(context, scale));
    return {
      loss: meanOverUnits(context, b.mul(error, error)),
      metrics: {
        mean_absolute_error: unitMetric(context, b.mul(b.abs(error), scale.deviation)),
        ...levelMetrics(context, b.add(b.mul(rewards, scale.deviation), scale.mean)),
      },
    };
  }
  const losses = goal === "pairs" ? bradleyTerry(context, rewards) : plackettLuce(context, rewards);
  const doubled = b.mul(meanOfUnit(context, rewards), 2);
  const centred = centring === 0 ? losses : b.add(losses, b.mul(b.mul(doubled, doubled), centring));
  return {
    loss: meanOverUnits(context, centred),
    metrics: { ...orderMetrics(context, rewards), ...levelMetrics(context, rewards) },
  };
}

/** [U, K] */
function rewardsOf(context: LossContext, goal: RewardGoal): Value {
  const { b } = context;
  const ends = context.atEnds(context.forward.tap("final"));
  const [units, perUnit, width] = ends.shape as [number, number, number];
  const values = b.matmul(b.reshape(ends, [units * perUnit, width]), context.parameter(REWARD_HEAD.weight));
  const biased = goal === "rating" ? b.add(values, b.reshape(context.parameter(REWARD_HEAD.bias), [1, 1])) : values;
  return b.reshape(biased, [units, perUnit]);
}

function standardRating(context: LossContext, { mean, deviation }: RewardScale): Value {
  const { b } = context;
  return b.div(b.sub(context.column(RATING), mean), deviation);
}

/** [U] */
function bradleyTerry(context: LossContext, rewards: Value): Value {
  const { b } = context;
  const units = rewards.shape[0]!;
  const side = (k: number) => b.reshape(b.slice(rewards, 1, k, k + 1), [units]);
  return b.neg(logSigmoid(b, b.sub(b.sub(side(0), side(1)), context.column(MARGIN))));
}

/** Far below any reward, so that a completion that is not there has no part in a sum of exponentials. */
const ABSENT = 1e9;

/** [U] */
function plackettLuce(context: LossContext, rewards: Value): Value {
  const { b } = context;
  const present = context.present();
  const [units, count] = rewards.shape as [number, number];
  const kept = b.sub(b.mul(rewards, present), b.mul(b.sub(1, present), ABSENT));
  const terms = Array.from({ length: count }, (_, i) => {
    const best = b.slice(b.logSoftmax(b.slice(kept, 1, i, count)), 1, 0, 1);
    return b.mul(best, b.slice(present, 1, i, i + 1));
  });
  return b.neg(b.reshape(terms.reduce(b.add), [units]));
}

/** The mean over a unit's completions of x [U, K]: [U]. */
function meanOfUnit(context: LossContext, x: Value): Value {
  const { b } = context;
  const present = context.present();
  return b.div(b.reduceSum(b.mul(x, present), [1]), b.max(b.reduceSum(present, [1]), 1));
}

/** The least, mean and greatest reward, under trl's names. */
function levelMetrics(context: LossContext, rewards: Value): GraphMetrics {
  const { b } = context;
  const present = context.present();
  const most = (x: Value) => {
    return b.reduceMax(b.sub(b.mul(x, present), b.mul(b.sub(1, present), 1e30)), [0, 1]);
  };
  return {
    min_reward: { value: b.neg(most(b.neg(rewards))), kind: "min" },
    mean_reward: unitMetric(context, meanOfUnit(context, rewards)),
    max_reward: { value: most(rewards), kind: "max" },
  };
}

/**
 * Means over a unit's pairs of a better and a worse completion: whether the better one has the greater reward, by how much, both
 * under trl's names, and whether it is the longer one, in tokens; equally long ones count half.
 */
function orderMetrics(context: LossContext, rewards: Value): GraphMetrics {
  const { b } = context;
  const present = context.present();
  const [units, count] = present.shape as [number, number];
  const lengths = context.sumOverExamples(context.targets().weights);
  const first = (x: Value) => b.reshape(x, [units, count, 1]);
  const second = (x: Value) => b.reshape(x, [units, 1, count]);
  const isPair = b.mul(b.mul(first(present), second(present)), before(b, count));
  const pairs = b.max(b.reduceSum(isPair, [1, 2]), 1);
  const mean = (x: Value) => unitMetric(context, b.div(b.reduceSum(b.mul(x, isPair), [1, 2]), pairs));
  const exceeds = (x: Value) => b.cast(b.greater(first(x), second(x)), "f32");
  const longer = b.add(exceeds(lengths), b.mul(b.cast(b.equal(first(lengths), second(lengths)), "f32"), 0.5));
  return {
    accuracy: mean(exceeds(rewards)),
    margin: mean(b.sub(first(rewards), second(rewards))),
    length_accuracy: mean(longer),
  };
}

/** [1, K, K]: 1 where the first place is before the second. */
function before(b: GraphBuilder, count: number): Value {
  const data = Float32Array.from({ length: count * count }, (_, at) => (Math.floor(at / count) < at % count ? 1 : 0));
  return b.constant(f32([1, count, count], data));
}
