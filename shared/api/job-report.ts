/** The report that a job which learns from preferences or rewards ends with: `report.json`, and what `report.html` shows. */
import { z } from "zod";
import { MeasuredLines } from "./measured-lines.ts";

const Count = z.int().min(0);

/** A measured number with the interval that holds it with a probability of 95 %; null ends where too few were measured. */
export const ReportEstimate = z
  .strictObject({ value: z.number(), low: z.number().nullable(), high: z.number().nullable(), n: Count })
  .meta({ id: "ReportEstimate" });
export type ReportEstimate = z.infer<typeof ReportEstimate>;
const Estimate = ReportEstimate.nullable();

/** Before is the model that the job started from, after the tuned one; the change is that of the same items, in pairs. */
const compared = <T extends z.ZodType>(value: T) => z.strictObject({ before: value, after: value, change: Estimate });
export const ReportCompared = compared(Estimate).meta({ id: "ReportCompared" });
export type ReportCompared = z.infer<typeof ReportCompared>;

const Coefficient = z.strictObject({ coefficient: z.number(), standard_error: z.number() });

export const LengthControlled = z
  .strictObject({
    win_rate: z.number().nullable(),
    low: z.number().nullable(),
    high: z.number().nullable(),
    model: Coefficient.nullable().meta({ description: "θ: the log-odds of a win at equal lengths" }),
    length: Coefficient.nullable().meta({ description: "φ: of tanh(Δ characters / standard deviation)" }),
    n: Count,
    reason: z
      .string()
      .nullable()
      .meta({ description: "Why there is no win rate, or what was left out of the regression" }),
  })
  .meta({ id: "ReportLengthControlled" });
export type LengthControlled = z.infer<typeof LengthControlled>;

const WinRate = z.strictObject({
  judge: z.string(),
  own_reward: z.boolean().meta({ description: "Whether the judge is the reward that the job trained on" }),
  wins: Count,
  ties: Count,
  losses: Count,
  plain: Estimate.meta({ description: "The share of comparisons that the tuned model wins; ties count half" }),
  length_controlled: LengthControlled,
  score: ReportCompared,
  flawed: Count.meta({
    description: "Replies that the judge could not score, and their comparisons, which are left out",
  }),
});

const Divergence = z.strictObject({
  k1: ReportEstimate.meta({
    description: "Nats a reply: the mean of Σ log π − log ref over the tuned model's samples",
  }),
  k3: ReportEstimate.meta({ description: "Nats a reply: the mean of Σ e^(−d) − 1 + d" }),
  per_token: z.number(),
});

const PreferenceAccuracy = z.strictObject({
  pairs: Count,
  summed: ReportCompared.meta({
    description: "The share of pairs whose better completion is the likelier, by sums of log-probabilities",
  }),
  per_token: ReportCompared.meta({ description: "The same by means over tokens" }),
  implicit: Estimate.meta({
    description:
      "The share of pairs whose better completion gained more log-probability in training than the worse one",
  }),
  longer: Estimate.meta({
    description: "The share of pairs whose better completion is the longer: what length alone predicts",
  }),
});

const Completions = z.strictObject({
  desirable: ReportCompared.meta({ description: "log p of the completions with the label true, in nats a completion" }),
  undesirable: ReportCompared.meta({ description: "The same of those with the label false" }),
});

const FidelityScores = z.strictObject({
  prompt_strict: Estimate,
  prompt_loose: Estimate,
  instruction_strict: Estimate,
  instruction_loose: Estimate,
  kinds: z.record(z.string(), z.strictObject({ followed: Count, n: Count })),
});
export type FidelityScores = z.infer<typeof FidelityScores>;
const Fidelity = z.strictObject({
  prompts: z.enum(["base", "built-in"]).meta({ description: "Where the prompts come from" }),
  before: FidelityScores,
  after: FidelityScores,
});

const Answers = ReportCompared.extend({
  groups: z.array(z.strictObject({ name: z.string(), n: Count, before: Count, after: Count })),
}).meta({ id: "ReportAnswers" });
export type ReportAnswers = z.infer<typeof Answers>;

const StyleShift = z.strictObject({
  name: z.string(),
  high: z.string(),
  low: z.string(),
  probes: ReportCompared.nullable().meta({
    description: "The share of `high` among continuations of the base's probes",
  }),
  replies: ReportCompared.nullable().meta({ description: "The same among replies to the job's prompts" }),
  undecided: Count.meta({ description: "Continuations without any word that the classifier knows; they count half" }),
});

export const TextFacts = z.strictObject({
  replies: Count,
  tokens: Estimate,
  characters: Estimate,
  ended: Estimate.meta({ description: "The share of replies that ended by themselves" }),
  distinct_1: z.number().nullable(),
  distinct_2: z.number().nullable(),
  distinct_3: z.number().nullable(),
  repetition: z.number().nullable().meta({ description: "The share of a reply's 4-grams that it has had before" }),
});
export type TextFacts = z.infer<typeof TextFacts>;

/** A bin of a reliability diagram; without any comparison in it, both shares are 0. */
const Bin = z.strictObject({ predicted: z.number(), observed: z.number(), n: Count });
const Calibration = z.strictObject({
  pairs: Count,
  accuracy: Estimate.meta({ description: "The share of pairs whose better completion gets the greater reward" }),
  longer: Estimate.meta({ description: "The share whose better completion is the longer: what length alone predicts" }),
  calibrated_on: MeasuredLines,
  ece_before: z.number().nullable(),
  ece_after: z.number().nullable(),
  temperature: z.number().nullable(),
  bins: z.array(Bin),
});

const Steps = z.strictObject({
  steps: z.array(Count),
  series: z
    .record(z.string(), z.array(z.number().nullable()))
    .meta({ description: "By metric, a number for each of the steps" }),
  frontier: z
    .strictObject({ divergence: z.string(), reward: z.string() })
    .nullable()
    .meta({ description: "The series that the reward–KL frontier is drawn from" }),
  hacking: z
    .strictObject({
      proxy: z.string(),
      gold: z.string().nullable(),
      length: z.string().nullable(),
      repetition: z.string().nullable(),
    })
    .nullable()
    .meta({ description: "The series that show whether the reward rises where what it stands for does not" }),
});
export type ReportSteps = z.infer<typeof Steps>;

const Sample = z.strictObject({
  prompt: z.string(),
  before: z.string(),
  after: z.string(),
  score_before: z.number().nullable(),
  score_after: z.number().nullable(),
});

export const JobReport = z
  .strictObject({
    object: z.literal("fine_tuning.job.report"),
    version: z.literal(1),
    type: z.string().meta({ description: "The type of the job's method" }),
    base: z.string(),
    created_at: z.int().meta({ description: "When the job was created" }),
    seed: z.int(),
    training_file: z.string(),
    validation_file: z.string().nullable(),
    steps_trained: Count,
    continues: z.boolean().meta({ description: "Whether the model before is itself a tuned one" }),
    budget: z
      .strictObject({
        prompts: Count,
        samples: Count,
        max_tokens: Count,
        held_out: z
          .boolean()
          .meta({ description: "Whether the prompts are the validation file's, or those trained on" }),
      })
      .nullable()
      .meta({ description: "null for a model that is asked nothing, such as a reward model" }),
    preference_accuracy: PreferenceAccuracy.nullable(),
    completions: Completions.nullable().meta({ description: "Of jobs whose lines are single completions with labels" }),
    win_rate: WinRate.nullable(),
    divergence: Divergence.nullable(),
    fidelity: Fidelity.nullable(),
    facts: Answers.nullable(),
    tasks: Answers.nullable(),
    base_loss: ReportCompared.nullable().meta({
      description: "Mean −log p of a token of the base's held-out texts, in nats; the interval is of the texts' means",
    }),
    styles: z.array(StyleShift),
    texts: z.strictObject({ before: TextFacts, after: TextFacts }).nullable(),
    validation: z.record(z.string(), z.number()).meta({
      description:
        "What the job measured of its validation file, or of lines held out, such as `base_loss` and `tuned_loss`",
    }),
    calibration: Calibration.nullable(),
    steps: Steps.nullable(),
    samples: z.array(Sample),
    missing: z
      .array(z.strictObject({ part: z.string(), reason: z.string() }))
      .meta({ description: "What was not measured, and why" }),
  })
  .meta({ id: "JobReport" });
export type JobReport = z.infer<typeof JobReport>;

export const REPORT_JSON = "report.json";
export const REPORT_HTML = "report.html";
