/** The settings of jobs that train a reward model, under trl's names where trl has them. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { ChosenSettings, methodsOf } from "../peft/presets.ts";
import { HYPERPARAMETER_DEFAULTS, hyperparametersSchema, LORA_DEFAULTS } from "./training-settings.ts";

const RewardModelHyperparameters = hyperparametersSchema("RewardModelHyperparameters", {
  center_rewards_coefficient: z.number().min(0).max(1000).default(0).meta({
    description: "c of c · mean((r_chosen + r_rejected)²), which keeps rewards near 0; not for ratings by regression",
  }),
  rating_margin: z.number().min(0).max(1000).default(0).meta({
    description: "The margin for each point by which two ratings differ, for pairs without a `margin` of their own",
  }),
});

const PRESET = { ...HYPERPARAMETER_DEFAULTS, center_rewards_coefficient: 0, rating_margin: 0 } as const;

const RewardModelSettings = z
  .strictObject({
    hyperparameters: RewardModelHyperparameters.default(PRESET),
    peft: z
      .union([ChosenSettings, z.array(ChosenSettings).max(LIMITS.peftMethods)])
      .default(LORA_DEFAULTS)
      .meta({ description: "An empty list trains the head alone" }),
    ratings: z.enum(["regression", "pairs"]).default("regression").meta({
      description:
        "What a file of ratings teaches: the ratings themselves, or which of two completions of one prompt is rated higher. Of a prompt with n completions there are at most 8 n such pairs, drawn by the seed",
    }),
    report: z
      .strictObject({ enabled: z.boolean().default(true) })
      .optional()
      .meta({
        description: "The report that the job ends with, on its accuracy and calibration",
      }),
  })
  .superRefine(({ peft }, context) => {
    if (methodsOf(peft).every(({ settings }) => settings.type !== "full")) return;
    const message =
      "must not be full: a reward model is a delta; choose a method such as lora, or [] for the head alone";
    context.addIssue({ code: "custom", path: ["peft"], message });
  });
export type RewardModelSettings = z.infer<typeof RewardModelSettings>;

/** The most directions in which the states seen in training are described. */
export const SEEN_DIRECTIONS = 16;

/** A row of `JOB_TYPES`. */
export const REWARD_MODEL_TYPE = {
  settings: RewardModelSettings,
  dataset: ["preference_pairs", "rankings", "ratings"],
  openAiHyperparameters: [],
  /** The head, and the mean and directions of the states that it was trained on. */
  scorerNumbers: (_: RewardModelSettings, { hiddenSize }: { readonly hiddenSize: number }): number =>
    1 + hiddenSize * (2 + SEEN_DIRECTIONS),
} as const;
