/** Labelling projects: prompts whose texts are sampled from the tenant's models and judged by people. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { ChatMessage } from "./chat.ts";
import { RaterName, RatingScale } from "./feedback.ts";
import { deltaField } from "./generate.ts";
import type { AnswerMessage, Provenance } from "./kept-completions.ts";
import { listSchema, pageQuery } from "./lists.ts";
import { SteeringField } from "./steering.ts";

export const TASK_TYPES = ["pairwise", "ranking", "rating"] as const;
export type TaskType = (typeof TASK_TYPES)[number];

export const modelName = z.string().min(1).max(300);

const LabelPrompt = z.union([
  z.string().min(1).max(LIMITS.graderText).meta({ description: "A user's turn" }),
  z.strictObject({ messages: z.array(ChatMessage).min(1).max(LIMITS.messages) }),
  z.strictObject({ text: z.string().min(1).max(LIMITS.graderText).meta({ description: "A text to continue" }) }),
]);
export type LabelPrompt = z.infer<typeof LabelPrompt>;

const Source = z
  .strictObject({ model: modelName, deltas: deltaField, steering: SteeringField.optional() })
  .meta({ id: "LabelSource", description: "What makes texts: a model, with deltas and steering" });

const Sampling = z
  .strictObject({
    sources: z.array(Source).min(1).max(LIMITS.labelSources),
    n: z.int().min(1).max(LIMITS.choices).default(2).meta({ description: "Texts of each source for each prompt" }),
    temperature: z.number().min(0).max(2).default(1),
    top_p: z.number().gt(0).max(1).optional(),
    max_tokens: z.int().min(1).max(LIMITS.labelTextTokens).default(256),
  })
  .refine(({ sources, n }) => sources.length * n <= LIMITS.labelTexts, {
    path: ["n"],
    message: `must be smaller: \`n\` times the sources is at most ${LIMITS.labelTexts}`,
  })
  .meta({ id: "LabelSampling" });

const textIndex = z
  .int()
  .min(0)
  .max(LIMITS.rankedTexts - 1)
  .meta({ description: "The `index` of a text of the task" });

/** What a rater says of a task's texts. */
export const LabelAnswer = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("best"), index: textIndex }),
    z.strictObject({ type: z.literal("tie") }),
    z.strictObject({
      type: z.literal("order"),
      order: z
        .array(z.union([textIndex, z.array(textIndex).min(2).max(LIMITS.rankedTexts)]))
        .min(1)
        .max(LIMITS.rankedTexts)
        .meta({ description: "Every text, best first; texts that are equally good stand in a list of their own" }),
    }),
    z.strictObject({ type: z.literal("rating"), value: z.number() }),
  ])
  .meta({ id: "LabelAnswer" });
export type LabelAnswer = z.infer<typeof LabelAnswer>;

const GoldItem = z
  .strictObject({
    prompt: LabelPrompt,
    texts: z.array(z.string().min(1).max(LIMITS.graderText)).min(1).max(LIMITS.rankedTexts),
    answer: LabelAnswer.meta({ description: "The right one; its indices are places in `texts`" }),
  })
  .meta({ id: "GoldItem" });

export const SELECTIONS = ["least_margin", "ensemble_variance", "log_probability", "random"] as const;
export type SelectionName = (typeof SELECTIONS)[number];

const Selection = z
  .strictObject({
    by: z.enum(SELECTIONS).default("log_probability").meta({
      description:
        "Which task comes next: where the reward models see the least margin; where they differ most; where the texts are about equally likely to the models that made them; any",
    }),
    reward_models: z.array(modelName).max(LIMITS.rewardModels).default([]),
    random_share: z
      .number()
      .min(0)
      .max(1)
      .default(0.2)
      .meta({ description: "The share of tasks that are drawn at random, as a control" }),
  })
  .superRefine(({ by, reward_models: models }, context) => {
    const needed = by === "least_margin" ? 1 : by === "ensemble_variance" ? 2 : 0;
    if (models.length < needed) {
      const message = `must name at least ${needed} for \`by\` ${JSON.stringify(by)}; without any, use "log_probability" or "random"`;
      context.addIssue({ code: "custom", path: ["reward_models"], message });
    }
    if (needed === 0 && models.length > 0) {
      const message = `must be empty for \`by\` ${JSON.stringify(by)}, which asks none`;
      context.addIssue({ code: "custom", path: ["reward_models"], message });
    }
  })
  .meta({ id: "LabelSelection" });

const settings = {
  name: z.string().min(1).max(LIMITS.description),
  guidelines: z.string().max(LIMITS.labelGuidelines).default(""),
  task: z.enum(TASK_TYPES),
  sampling: Sampling,
  texts_per_task: z.int().min(2).max(LIMITS.rankedTexts).default(4).meta({ description: "Of `ranking`" }),
  tasks_per_prompt: z.int().min(1).max(LIMITS.tasksPerPrompt).default(1),
  rating_scale: RatingScale.default({ min: 1, max: 5 }).meta({
    description: "Of `rating`; whole numbers of it are given",
  }),
  raters: z.array(RaterName).max(LIMITS.raters).default([]).meta({ description: "Empty: whoever names themselves" }),
  labels_per_task: z
    .int()
    .min(1)
    .max(LIMITS.raters)
    .default(1)
    .meta({ description: "Of different raters; skips do not count" }),
  lease_seconds: z
    .int()
    .min(30)
    .max(3600)
    .default(600)
    .meta({ description: "How long a task that was handed out is kept for its rater" }),
  gold_rate: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.1)
    .meta({ description: "The share of gold items among what a rater gets" }),
  selection: Selection.prefault({}),
  seed: z.int().min(0).max(2_147_483_647).default(0),
};

export const CreateLabelProject = z
  .strictObject({
    ...settings,
    prompts: z.array(LabelPrompt).min(1).max(LIMITS.labelPrompts).optional(),
    prompts_file: z.string().max(64).optional().meta({
      description:
        "A file of yours, whose lines have `prompt`, or `messages`, of which those before the last answer count",
    }),
    gold: z.array(GoldItem).max(LIMITS.goldItems).default([]),
  })
  .superRefine((project, context) => {
    const refuse = (path: (string | number)[], message: string) => context.addIssue({ code: "custom", path, message });
    if ((project.prompts === undefined) === (project.prompts_file === undefined)) {
      refuse(["prompts"], "is required, or `prompts_file`, and not both");
    }
    const { rating_scale: scale, raters, labels_per_task: wanted } = project;
    if (
      !Number.isInteger(scale.min) ||
      !Number.isInteger(scale.max) ||
      scale.min >= scale.max ||
      scale.max - scale.min > 100
    ) {
      refuse(["rating_scale"], "must have whole numbers, `min` below `max` and at most 100 apart");
    }
    if (new Set(raters).size !== raters.length) refuse(["raters"], "must not name a rater twice");
    if (raters.length > 0 && wanted > raters.length) {
      refuse(["labels_per_task"], `must be at most ${raters.length}, the number of raters`);
    }
  })
  .meta({ id: "CreateLabelProject" });
export type CreateLabelProject = z.infer<typeof CreateLabelProject>;

/** What of a project never changes. */
export type ProjectSettings = Omit<CreateLabelProject, "prompts" | "prompts_file" | "gold">;

const counted = z.int();

export const LabelProject = z
  .strictObject({
    id: z.string(),
    object: z.literal("labeling.project"),
    created_at: z.int(),
    ...settings,
    counts: z.strictObject({
      prompts: z.strictObject({
        waiting: counted.meta({ description: "No texts were sampled for them yet" }),
        made: counted,
        skipped: counted.meta({
          description: "They made no task: all texts were the same or empty, or sampling them was refused",
        }),
      }),
      tasks: counted.meta({ description: "Without gold items" }),
      done: counted.meta({ description: "Tasks with the wanted number of labels" }),
      gold: counted,
      labels: counted.meta({ description: "Of people, without skips and superseded ones" }),
      skips: counted,
    }),
  })
  .meta({ id: "LabelProject" });
export type LabelProject = z.infer<typeof LabelProject>;

export const LabelProjectList = listSchema(LabelProject).meta({ id: "LabelProjectList" });
export const LabelProjectQuery = pageQuery();

/** A text of a task, and what made it; null of a gold item's. */
export interface TaskText {
  readonly message: AnswerMessage;
  readonly made: Provenance | null;
}
