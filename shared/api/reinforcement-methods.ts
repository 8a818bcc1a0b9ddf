/** The settings of jobs that learn from rewards for their own replies. */

import { z } from "zod";
import { checkGrader, Grader, modelsOf } from "../graders/registry.ts";
import { checkReport, modelsAskedForReport, modelsOfReport, reportField, type WithReport } from "./report-settings.ts";
import {
  checkReward,
  modelsAskedForReward,
  modelsOfReward,
  Reward,
  type RewardPart,
  rewardParts,
} from "./reward-settings.ts";
import { auto, HYPERPARAMETER_DEFAULTS, hyperparametersSchema, LORA_DEFAULTS, Peft } from "./training-settings.ts";

export const KL_ESTIMATORS = ["k1", "k2", "k3"] as const;
export type KlEstimator = (typeof KL_ESTIMATORS)[number];

const describe = (description: string) => ({ description });
const clip = (preset: number, description: string) =>
  z.number().positive().max(1000).default(preset).meta({ description });

/** What every algorithm has, under trl's names where trl has them. */
const common = {
  num_generations: auto(z.int().min(1).max(64)).default("auto").meta(describe("Replies to each prompt")),
  max_completion_length: auto(z.int().min(1).max(8192))
    .default("auto")
    .meta(
      describe(
        "Tokens of a reply; `auto` is an eighth of the longest text, at most 256. Each is computed in a row with room for as many",
      ),
    ),
  temperature: z.number().min(0.05).max(5).default(1).meta(describe("At which replies are drawn and trained on")),
  ppo_epochs: z.int().min(1).max(50).default(1).meta(describe("How often the replies of a phase are trained on")),
  minibatches: z.int().min(1).max(256).default(1).meta(describe("Optimizer steps of each of those epochs")),
  kl_estimator: z.enum(KL_ESTIMATORS),
  kl_in: z.enum(["reward", "loss"]),
  kl_target: z
    .number()
    .positive()
    .max(10_000)
    .optional()
    .meta(describe("Nats a reply that `beta` is adapted to hold; it is fixed without")),
  kl_horizon: z.int().min(1).max(100_000_000).optional().meta(describe("Replies in which `beta` follows `kl_target`")),
  entropy_coef: z
    .number()
    .min(0)
    .max(10)
    .default(0)
    .meta(describe("What a nat of entropy of a token's choice is worth")),
  missing_eos_penalty: z
    .number()
    .min(0)
    .max(1000)
    .optional()
    .meta(describe("Taken off the reward of a reply that does not end by itself")),
  epsilon: clip(0.2, "How far below 1 the ratio of new to old probability has a gradient"),
  epsilon_high: z.number().positive().max(1000).optional().meta(describe("How far above 1; `epsilon` by default")),
  eval_interval: auto(z.int().min(1).max(1_000_000)).default("auto").meta(describe("Steps between two measurements")),
  eval_samples: auto(z.int().min(1).max(64))
    .default("auto")
    .meta(describe("Replies to each prompt of the validation file")),
};

const coefficient = (preset: number) =>
  z.number().min(0).max(1000).default(preset).meta(describe("The weight of the divergence from the reference"));
const estimator = (preset: KlEstimator) =>
  z.enum(KL_ESTIMATORS).default(preset).meta(describe("Of d = log π − log reference: d, d²/2, or e^−d − 1 + d"));
const place = (preset: "reward" | "loss") =>
  z.enum(["reward", "loss"]).default(preset).meta(describe("Where the divergence is subtracted"));

const TARGET = {
  path: ["kl_horizon"],
  message: "is for a run with `kl_target` alone",
};
const hasTarget = ({ kl_target, kl_horizon }: Adaptive) => kl_horizon === undefined || kl_target !== undefined;
interface Adaptive {
  readonly kl_target?: number | undefined;
  readonly kl_horizon?: number | undefined;
  readonly beta: number;
}

const ADAPTED = {
  path: ["kl_target"],
  message: "needs a `beta` above 0 to start from",
};
const canAdapt = ({ kl_target, beta }: Adaptive) => kl_target === undefined || beta > 0;

const GROUPED = {
  path: ["num_generations"],
  message: "must be at least 2, since replies to one prompt are compared with each other",
};
const isGrouped = ({ num_generations }: { readonly num_generations: number | "auto" }) => num_generations !== 1;

export const PpoHyperparameters = hyperparametersSchema("PpoHyperparameters", {
  ...common,
  ppo_epochs: common.ppo_epochs.default(4),
  beta: coefficient(0.05),
  kl_estimator: estimator("k1"),
  kl_in: place("reward"),
  cliprange_value: clip(0.2, "How far a value may move from the one at sampling and still have a gradient"),
  vf_coef: z.number().min(0).max(1000).default(0.1).meta(describe("The weight of the values' loss")),
  gamma: z.number().min(0).max(1).default(1).meta(describe("What a reward is worth a token earlier")),
  lam: z.number().min(0).max(1).default(0.95).meta(describe("Of generalised advantage estimation")),
  whiten_rewards: z.boolean().default(false).meta(describe("Scales a phase's rewards to unit variance")),
})
  .refine(hasTarget, TARGET)
  .refine(canAdapt, ADAPTED);

export const RlooHyperparameters = hyperparametersSchema("RlooHyperparameters", {
  ...common,
  beta: coefficient(0.05),
  kl_estimator: estimator("k1"),
  kl_in: place("reward"),
  normalize_advantages: z.boolean().default(false).meta(describe("Scales a phase's advantages to unit variance")),
  reward_clip_range: z
    .tuple([z.number(), z.number()])
    .refine(([low, high]) => low < high, "must be [low, high]")
    .optional()
    .meta(describe("Rewards are clipped to this range")),
})
  .refine(hasTarget, TARGET)
  .refine(canAdapt, ADAPTED)
  .refine(isGrouped, GROUPED);

export const GRPO_LOSSES = ["grpo", "dr_grpo", "dapo", "cispo"] as const;
export type GrpoLoss = (typeof GRPO_LOSSES)[number];

const grpo = {
  ...common,
  beta: coefficient(0),
  kl_estimator: estimator("k3"),
  kl_in: place("loss"),
  loss_type: z.enum(GRPO_LOSSES).default("dapo").meta(describe("How ratios are clipped and tokens are averaged")),
  scale_rewards: z
    .enum(["group", "batch", "none"])
    .default("group")
    .meta(describe("Advantages are divided by the rewards' deviation in the group, in the phase, or not")),
};
export const GrpoHyperparameters = hyperparametersSchema("GrpoHyperparameters", grpo)
  .refine(hasTarget, TARGET)
  .refine(canAdapt, ADAPTED)
  .refine(isGrouped, GROUPED);

export const ReinforcePpHyperparameters = hyperparametersSchema("ReinforcePpHyperparameters", {
  ...common,
  beta: coefficient(0.01),
  kl_estimator: estimator("k1"),
  kl_in: place("reward"),
  gamma: z.number().min(0).max(1).default(1).meta(describe("What a reward is worth a token earlier")),
  baseline: z
    .enum(["none", "group"])
    .default("none")
    .meta(describe("What is taken off a reward first: nothing, or the mean of its prompt's replies")),
})
  .refine(hasTarget, TARGET)
  .refine(canAdapt, ADAPTED)
  .refine(({ baseline, num_generations }) => baseline === "none" || num_generations !== 1, GROUPED);

const gold = Reward.optional().meta(
  describe("Another reward that is measured on the validation file beside the one that is trained on"),
);
const stop = z
  .strictObject({
    kl: z.number().positive().max(10_000).meta(describe("Nats a reply between the model and the reference")),
  })
  .optional()
  .meta(describe("The run ends once a phase is beyond"));

/** What the types that name their reward take besides hyperparameters. */
const settings = <T extends z.ZodType>(hyperparameters: T) =>
  z.strictObject({
    reward: Reward,
    gold,
    stop,
    hyperparameters,
    peft: Peft.default(LORA_DEFAULTS),
    report: reportField,
  });

const defaults = <T extends z.ZodType>(schema: T) => schema.default(schema.parse(HYPERPARAMETER_DEFAULTS) as never);

interface Rewarded extends WithReport {
  readonly reward: Reward;
  readonly gold?: Reward | undefined;
}
const partsOf = ({ reward, gold }: Rewarded): RewardPart[] => [
  ...rewardParts(reward, "reward"),
  ...(gold === undefined ? [] : rewardParts(gold, "gold")),
];

const row = <T extends z.ZodType>(schema: T) =>
  ({
    settings: schema,
    dataset: "prompts",
    openAiHyperparameters: [],
    models: (given: Rewarded) => [...modelsOfReward(partsOf(given)), ...modelsOfReport(given)],
    asks: (given: Rewarded) => [...modelsAskedForReward(partsOf(given)), ...modelsAskedForReport(given)],
    check: (given: Rewarded, _: unknown, path: string) => {
      checkReward(partsOf(given), path);
      checkReport(given, path);
    },
  }) as const;

/** OpenAI's hyperparameters of reinforcement, beside those of GRPO, which it runs as. */
export const ReinforcementHyperparameters = hyperparametersSchema("ReinforcementHyperparameters", {
  ...grpo,
  compute_multiplier: auto(z.number().min(0.25).max(8))
    .default("auto")
    .meta(describe("Scales `num_generations` where that is `auto`; `auto` is 1")),
  reasoning_effort: z
    .literal(
      "default",
      'is not supported by this server, whose models have no levels of reasoning; send "default" or remove it',
    )
    .default("default"),
})
  .refine(hasTarget, TARGET)
  .refine(canAdapt, ADAPTED)
  .refine(isGrouped, GROUPED);

const openAiHyperparameters = [
  "batch_size",
  "compute_multiplier",
  "eval_interval",
  "eval_samples",
  "learning_rate_multiplier",
  "n_epochs",
  "reasoning_effort",
] as const;

const ReinforcementSettings = z.strictObject({
  grader: Grader,
  response_format: z
    .strictObject({
      type: z.literal("text", 'must be "text": replies are sampled freely; let the grader reward those that are JSON'),
    })
    .optional(),
  gold,
  stop,
  hyperparameters: defaults(ReinforcementHyperparameters),
  peft: Peft.default(LORA_DEFAULTS),
  report: reportField,
});
type ReinforcementSettings = z.infer<typeof ReinforcementSettings>;

const goldParts = ({ gold: given }: Pick<Rewarded, "gold">) => (given === undefined ? [] : rewardParts(given, "gold"));

/** Rows of `JOB_TYPES`. */
export const REINFORCEMENT_TYPES = {
  ppo: row(settings(defaults(PpoHyperparameters))),
  rloo: row(settings(defaults(RlooHyperparameters))),
  grpo: row(settings(defaults(GrpoHyperparameters))),
  reinforce_pp: row(settings(defaults(ReinforcePpHyperparameters))),
  reinforcement: {
    settings: ReinforcementSettings,
    dataset: "prompts",
    openAiHyperparameters,
    models: (given: ReinforcementSettings) => [...modelsOfReward(goldParts(given)), ...modelsOfReport(given)],
    asks: (given: ReinforcementSettings) => [
      ...modelsOf(given.grader, "grader").map(({ model, param }) => ({ name: model, param })),
      ...modelsAskedForReward(goldParts(given)),
      ...modelsAskedForReport(given),
    ],
    check: (given: ReinforcementSettings, _: unknown, path: string) => {
      checkGrader(given.grader, `${path}.grader`);
      checkReward(goldParts(given), path);
      checkReport(given, path);
    },
  },
} as const;
