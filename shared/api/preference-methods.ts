/** The settings of jobs that learn from preferences, under OpenAI's names where OpenAI has them, trl's elsewhere. */
import { z } from "zod";
import { REPORTED, reportField } from "./report-settings.ts";
import { auto, HYPERPARAMETER_DEFAULTS, hyperparametersSchema, LORA_DEFAULTS, Peft } from "./training-settings.ts";

const OPENAI_HYPERPARAMETERS = ["beta", "n_epochs", "batch_size", "learning_rate_multiplier"] as const;

const beta = (preset: number, description: string) =>
  auto(z.number().positive().max(1000))
    .default("auto")
    .meta({ description: `${description}; \`auto\` is ${preset}` });

const labelSmoothing = z
  .number()
  .min(0)
  .lt(0.5)
  .default(0)
  .meta({ description: "The share of labels that are thought to be wrong" });

/** What `auto` stands for: of the papers. */
export const AUTO_BETA = { dpo: 0.1, ipo: 0.1, orpo: 0.1, simpo: 2, kto: 0.1 } as const;

/** How DPO turns the margin between two rewards into a loss. */
export const DPO_LOSSES = ["sigmoid", "hinge", "robust"] as const;
export type DpoLoss = (typeof DPO_LOSSES)[number];
const DpoLossType = z.enum(DPO_LOSSES);

const DpoHyperparameters = hyperparametersSchema("DpoHyperparameters", {
  beta: beta(AUTO_BETA.dpo, "How closely the model is held to the one it starts from"),
  label_smoothing: labelSmoothing,
  loss_type: z
    .union([
      DpoLossType,
      z
        .array(DpoLossType)
        .min(1)
        .refine((types) => new Set(types).size === types.length, "must not name a loss twice"),
    ])
    .default("sigmoid")
    .meta({ description: "A loss, or several that are added" }),
  loss_weights: z
    .array(z.number().positive().max(1000))
    .min(1)
    .optional()
    .meta({ description: "A weight for each loss of a list; 1 by default" }),
}).superRefine(({ loss_type, loss_weights, label_smoothing }, context) => {
  const types = [loss_type].flat();
  if (loss_weights !== undefined && loss_weights.length !== types.length) {
    const message = `must have a weight for each of the ${types.length} losses, but has ${loss_weights.length}`;
    context.addIssue({ code: "custom", path: ["loss_weights"], message });
  }
  if (label_smoothing > 0 && types.every((type) => type === "hinge")) {
    const message = "must be 0 for hinge, which does not use it; choose sigmoid or robust";
    context.addIssue({ code: "custom", path: ["label_smoothing"], message });
  }
});

const IpoHyperparameters = hyperparametersSchema("IpoHyperparameters", {
  beta: beta(AUTO_BETA.ipo, "The margin to reach is 1 / (2 · beta)"),
  length_normalization: z
    .enum(["average", "sum"])
    .default("average")
    .meta({ description: "Log-probabilities are averaged over the tokens of a completion, or summed" }),
});

const OrpoHyperparameters = hyperparametersSchema("OrpoHyperparameters", {
  beta: beta(AUTO_BETA.orpo, "The weight of the odds ratio beside the likelihood of the chosen completion"),
});

const SimpoHyperparameters = hyperparametersSchema("SimpoHyperparameters", {
  beta: beta(AUTO_BETA.simpo, "What a nat per token is worth"),
  gamma: z.number().min(0).max(1000).default(1).meta({ description: "The margin between the rewards to reach" }),
  label_smoothing: labelSmoothing,
});

const weight = (label: string) =>
  z
    .number()
    .positive()
    .max(1000)
    .default(1)
    .meta({ description: `Of lines whose label is ${label}; raise the rarer one's` });

const KtoHyperparameters = hyperparametersSchema("KtoHyperparameters", {
  beta: beta(AUTO_BETA.kto, "How closely the model is held to the one it starts from"),
  desirable_weight: weight("true"),
  undesirable_weight: weight("false"),
}).superRefine(({ batch_size, gradient_accumulation_steps = 1 }, context) => {
  if (batch_size !== 1 || gradient_accumulation_steps > 1) return;
  const message = "must be at least 2, since the divergence from the reference is estimated over a step";
  context.addIssue({ code: "custom", path: ["batch_size"], message });
});

const AUTO = { ...HYPERPARAMETER_DEFAULTS, beta: "auto" } as const;

/** Rows of `JOB_TYPES`. */
export const PREFERENCE_TYPES = {
  dpo: {
    settings: z.strictObject({
      hyperparameters: DpoHyperparameters.default({ ...AUTO, label_smoothing: 0, loss_type: "sigmoid" }),
      peft: Peft.default(LORA_DEFAULTS),
      report: reportField,
    }),
    ...REPORTED,
    dataset: "preference_pairs",
    mixes: true,
    openAiHyperparameters: OPENAI_HYPERPARAMETERS,
  },
  ipo: {
    settings: z.strictObject({
      hyperparameters: IpoHyperparameters.default({ ...AUTO, length_normalization: "average" }),
      peft: Peft.default(LORA_DEFAULTS),
      report: reportField,
    }),
    ...REPORTED,
    dataset: "preference_pairs",
    mixes: true,
    openAiHyperparameters: [],
  },
  orpo: {
    settings: z.strictObject({
      hyperparameters: OrpoHyperparameters.default(AUTO),
      peft: Peft.default(LORA_DEFAULTS),
      report: reportField,
    }),
    ...REPORTED,
    dataset: "preference_pairs",
    mixes: true,
    openAiHyperparameters: [],
  },
  simpo: {
    settings: z.strictObject({
      hyperparameters: SimpoHyperparameters.default({ ...AUTO, gamma: 1, label_smoothing: 0 }),
      peft: Peft.default(LORA_DEFAULTS),
      report: reportField,
    }),
    ...REPORTED,
    dataset: "preference_pairs",
    mixes: true,
    openAiHyperparameters: [],
  },
  kto: {
    settings: z.strictObject({
      hyperparameters: KtoHyperparameters.default({ ...AUTO, desirable_weight: 1, undesirable_weight: 1 }),
      peft: Peft.default(LORA_DEFAULTS),
      report: reportField,
    }),
    ...REPORTED,
    dataset: "unpaired_preferences",
    mixes: true,
    openAiHyperparameters: [],
  },
} as const;
