/** What reinforcement makes more likely: rewards by name. */
import { z } from "zod";
import { checkGrader, Grader, modelsOf } from "../graders/registry.ts";
import { RewardAggregateRequest } from "./reward-aggregate.ts";

const modelName = z.string().min(1).max(300);

const KINDS = {
  reward_model: z.strictObject({
    type: z.literal("reward_model"),
    model: modelName.meta({ description: "The name of a reward model of yours, on the job's base" }),
  }),
  ensemble: z.strictObject({
    type: z.literal("ensemble"),
    models: z
      .array(modelName)
      .min(2)
      .max(8)
      .refine((names) => new Set(names).size === names.length, "must not name a model twice")
      .meta({ description: "The names of reward models of yours, on the job's base" }),
    aggregate: RewardAggregateRequest.default({ type: "mean" }).meta({
      description: "How their rewards become one",
    }),
  }),
  classifier: z.strictObject({
    type: z.literal("classifier"),
    model: modelName.meta({ description: "The name of a classifier of yours, on the job's base" }),
    label: z.string().min(1).max(256),
    as: z.enum(["log_probability", "probability"]).default("log_probability").meta({
      description: "The reward is the logarithm of the label's probability, or the probability",
    }),
  }),
  grader: z.strictObject({ type: z.literal("grader"), grader: Grader }),
};

const [first, ...others] = Object.values(KINDS);
/** One reward. */
export const SingleReward = z.discriminatedUnion("type", [first!, ...others]).meta({ id: "SingleReward" });
export type SingleReward = z.infer<typeof SingleReward>;

const weight = z.number().min(-1000).max(1000).default(1);
const WeightedReward = z
  .discriminatedUnion("type", [first!.extend({ weight }), ...others.map((kind) => kind.extend({ weight }))] as never)
  .meta({ id: "WeightedReward" }) as unknown as z.ZodType<SingleReward & { weight: number }>;

/** One reward, or a list of them that are added, each times its weight. */
export const Reward = z.union([SingleReward, z.array(WeightedReward).min(1).max(8)]).meta({ id: "RewardSettings" });
export type Reward = z.infer<typeof Reward>;

export interface RewardPart {
  readonly reward: SingleReward;
  readonly weight: number;
  /** Its field below the type's settings: `reward` or `reward[1]`. */
  readonly param: string;
}

/** The rewards of a setting named `field`, with their weights. */
export function rewardParts(reward: Reward, field: string): RewardPart[] {
  if (!Array.isArray(reward)) return [{ reward: reward as SingleReward, weight: 1, param: field }];
  return reward.map(({ weight: own, ...one }, i) => ({
    reward: one as SingleReward,
    weight: own,
    param: `${field}[${i}]`,
  }));
}

/** The deltas that a reward names, each with its field. */
export function modelsOfReward(parts: readonly RewardPart[]) {
  return parts.flatMap(({ reward, param }) => {
    if (reward.type === "grader") return [];
    const scorer = reward.type === "classifier" ? ("classifier" as const) : ("reward" as const);
    if (reward.type === "ensemble") {
      return reward.models.map((name, i) => ({ name, param: `${param}.models[${i}]`, scorer }));
    }
    return [{ name: reward.model, param: `${param}.model`, scorer }];
  });
}

/** The models that graders ask, each with its field. */
export function modelsAskedForReward(parts: readonly RewardPart[]) {
  return parts.flatMap(({ reward, param }) =>
    reward.type === "grader"
      ? modelsOf(reward.grader, `${param}.grader`).map(({ model, param: at }) => ({ name: model, param: at }))
      : [],
  );
}

/** Throws `invalid_request`, with a field under `path`, for graders that can grade nothing. */
export function checkReward(parts: readonly RewardPart[], path: string): void {
  for (const { reward, param } of parts) {
    if (reward.type === "grader") checkGrader(reward.grader, `${path}.${param}.grader`);
  }
}
