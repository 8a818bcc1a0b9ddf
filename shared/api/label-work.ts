/** What happens in a labelling project: texts are sampled, tasks handed out, labels given, judged, compared and exported. */
import { z } from "zod";
import { DEFAULTS, LIMITS } from "../limits.ts";
import { AgreementSummary, PairAgreement, Proportion } from "./agreement.ts";
import { EXPORT_FORMATS, RaterName, RatingScale } from "./feedback.ts";
import { AnswerMessage, KeptPrompt } from "./kept-completions.ts";
import { LabelAnswer, modelName, SELECTIONS, TASK_TYPES } from "./labeling.ts";
import { listSchema, pageQuery } from "./lists.ts";

export const MakeSamples = z
  .strictObject({
    prompts: z
      .int()
      .min(1)
      .max(LIMITS.labelStepPrompts)
      .optional()
      .meta({ description: `${DEFAULTS.labelStepPrompts} by default` }),
  })
  .meta({ id: "MakeLabelSamples" });

export const SkippedPrompt = z.strictObject({
  prompt: z.int().meta({ description: "Its place among the prompts, from 0" }),
  reason: z.string(),
});

export const SampleStep = z
  .strictObject({
    object: z.literal("labeling.samples"),
    prompts: z.int().meta({ description: "Prompts that texts were sampled for in this step" }),
    tasks: z.int(),
    skipped: z.array(SkippedPrompt),
    duplicates: z.int().meta({ description: "Texts that were the same as another of their prompt" }),
    waiting: z.int().meta({ description: "Prompts that are left; call again while there are any" }),
    usage: z.strictObject({ prompt_tokens: z.int(), completion_tokens: z.int() }),
  })
  .meta({ id: "LabelSampleStep" });
export type SampleStep = z.infer<typeof SampleStep>;

const SELECTED_BY = [...SELECTIONS, "gold"] as const;
export type SelectedBy = (typeof SELECTED_BY)[number];

export const NextQuery = z.strictObject({ rater: RaterName });

export const HandedOut = z
  .strictObject({
    id: z.string(),
    type: z.enum(TASK_TYPES),
    prompt: KeptPrompt,
    texts: z
      .array(z.strictObject({ index: z.int(), message: AnswerMessage }))
      .meta({ description: "In the order in which this rater should see them; answers name them by `index`" }),
    rating_scale: RatingScale.nullable(),
    selected_by: z
      .enum(SELECTIONS)
      .meta({ description: "A gold item says random, so that the rater does not know it" }),
    lease_expires_at: z.int(),
  })
  .meta({ id: "LabelTask" });
export type HandedOut = z.infer<typeof HandedOut>;

export const NextTask = z
  .strictObject({
    object: z.literal("labeling.next"),
    task: HandedOut.nullable(),
    status: z.enum(["task", "waiting", "done"]).meta({
      description:
        "Without a task: `waiting` where others hold or have yet to make what is left, `done` where nothing is",
    }),
    guidelines: z.string(),
    progress: z.strictObject({ labelled: z.int().meta({ description: "By this rater" }), left: z.int() }),
  })
  .meta({ id: "NextLabelTask" });
export type NextTask = z.infer<typeof NextTask>;

export const CreateLabel = z
  .strictObject({
    task_id: z.string().min(1).max(64),
    rater: RaterName,
    answer: LabelAnswer.optional(),
    skip: z
      .strictObject({ reason: z.string().min(1).max(LIMITS.skipReason) })
      .optional()
      .meta({ description: "Instead of an answer: the rater can't say, and why" }),
  })
  .refine(({ answer, skip }) => (answer === undefined) !== (skip === undefined), {
    path: ["answer"],
    message: "is required, or `skip`, and not both",
  })
  .meta({ id: "CreateLabel" });
export type CreateLabel = z.infer<typeof CreateLabel>;

export const Label = z
  .strictObject({
    id: z.string(),
    object: z.literal("labeling.label"),
    created_at: z.int(),
    task_id: z.string(),
    rater: z.string(),
    judge: z.boolean().meta({ description: "Whether the rater is a model" }),
    answer: LabelAnswer.nullable(),
    skip: z.strictObject({ reason: z.string() }).nullable(),
    shown: z.array(z.int()).meta({ description: "The indices of the texts in the order in which they were shown" }),
    selected_by: z
      .enum(SELECTED_BY)
      .meta({ description: "`gold` of gold items in lists; whoever labels one is told random" }),
    superseded_by: z.string().nullable(),
  })
  .meta({ id: "Label" });
export type Label = z.infer<typeof Label>;

export const LabelList = listSchema(Label).meta({ id: "LabelList" });
export const LabelQuery = pageQuery().extend({
  rater: z.string().max(400).optional(),
  task_id: z.string().max(64).optional(),
});

export const RunJudge = z
  .strictObject({
    model: modelName,
    tasks: z.int().min(1).max(LIMITS.judgedTasks).default(8).meta({ description: "Tasks of this step" }),
  })
  .meta({ id: "RunLabelJudge" });

export const JudgeStep = z
  .strictObject({
    object: z.literal("labeling.judge"),
    judge: z.string().meta({ description: "The name under which its labels stand" }),
    labelled: z.int(),
    failed: z.array(z.strictObject({ task_id: z.string(), reason: z.string() })),
    left: z.int().meta({
      description:
        "Tasks that it has not labelled, failed ones included; call again while there are any and a step labels some",
    }),
  })
  .meta({ id: "LabelJudgeStep" });
export type JudgeStep = z.infer<typeof JudgeStep>;

export const LabelAgreement = z
  .strictObject({
    object: z.literal("labeling.agreement"),
    unit: z
      .enum(["task", "pair_of_texts"])
      .meta({ description: "What a label is about; a ranking is one of every pair" }),
    humans: AgreementSummary,
    coverage: z
      .strictObject({
        labels: z.int().meta({ description: "The newest labels, of which all numbers are" }),
        older_labels: z.int().meta({
          description: `Left out: the numbers are of labels of at most ${LIMITS.summedUnits} units`,
        }),
        unlisted_raters: z.int().meta({
          description: `Raters and judges without an entry: the ${LIMITS.raters} of each with the most labels have one`,
        }),
      })
      .meta({ description: "What the numbers are of" }),
    judges: z
      .array(
        z.strictObject({
          judge: z.string(),
          with_majority: PairAgreement.meta({
            description: "Against the label that most people gave; units without one are left out",
          }),
          with_raters: z.array(PairAgreement),
          gold: Proportion,
          first_shown: Proportion,
        }),
      )
      .meta({ description: "How far each model agrees with people" }),
    raters: z.array(
      z.strictObject({
        rater: z.string(),
        labels: z.int(),
        skips: z.int(),
        ties: z.int(),
        gold: Proportion.meta({ description: "Accuracy on gold items, by the first answer to each" }),
        first_shown: Proportion.meta({
          description: "How often the text that was shown first wins, of what is no tie",
        }),
      }),
    ),
    first_shown: Proportion.meta({ description: "Position bias of all people: ½ where there is none" }),
    skip_reasons: z.record(z.string(), z.int()),
  })
  .meta({ id: "LabelAgreement" });
export type LabelAgreement = z.infer<typeof LabelAgreement>;

const exporting = {
  format: z.enum(EXPORT_FORMATS),
  labels: z.enum(["each", "combined"]).default("each").meta({
    description: "A line for each rater's label, or for what a task's labels come to together: mean ranks or ratings",
  }),
  judge: modelName.optional().meta({ description: "The labels of this judge instead of people's" }),
};

export const ExportLabels = z
  .strictObject({ ...exporting, filename: z.string().min(1).max(LIMITS.fileName).optional() })
  .meta({ id: "ExportLabels" });
export const ExportQuery = z.strictObject(exporting);
export type LabelExport = z.infer<typeof ExportQuery>;
