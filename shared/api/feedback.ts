/** Verdicts of people on completions that were kept: what preference data is made of. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { FileObject } from "./files.ts";
import { Metadata } from "./jobs.ts";
import { AnswerMessage, KeptPrompt, Provenance } from "./kept-completions.ts";
import { listSchema, pageQuery } from "./lists.ts";

const completionId = z
  .string()
  .min(1)
  .max(64)
  .meta({ description: "The id of a chat completion, completion or response" });
const choiceIndex = z
  .int()
  .min(0)
  .max(LIMITS.prompts * LIMITS.choices);

/** A text: one of the choices of a completion. */
const TextRef = z
  .strictObject({
    completion_id: completionId.optional().meta({ description: "That of the whole request where left out" }),
    choice: choiceIndex.default(0).meta({ description: "The `index` of the choice" }),
  })
  .meta({ id: "TextReference" });

export const RaterName = z
  .string()
  .min(1)
  .max(LIMITS.raterName)
  .regex(/^\S(?:.*\S)?$/u, "must be one line that neither begins nor ends with a space")
  .meta({ description: "Who judged", example: "ada" });

const ratingValue = z.number().min(-LIMITS.rating).max(LIMITS.rating);

export const RatingScale = z.strictObject({ min: ratingValue, max: ratingValue }).meta({ id: "RatingScale" });

const thumbs = { type: z.literal("thumbs"), value: z.enum(["up", "down"]) };
const rating = { type: z.literal("rating"), value: ratingValue, scale: RatingScale };
const several = <T extends z.ZodType>(ref: T) => z.array(ref).min(2).max(LIMITS.rankedTexts);

const verdictsOn = <T extends z.ZodType>(ref: T) =>
  z.discriminatedUnion("type", [
    z.strictObject(thumbs),
    z.strictObject(rating),
    z.strictObject({ type: z.literal("preference"), better: ref, worse: ref }),
    z.strictObject({ type: z.literal("ranking"), order: several(ref).meta({ description: "Best first" }) }),
    z.strictObject({
      type: z.literal("tie"),
      texts: several(ref).meta({ description: "Texts that are equally good" }),
    }),
  ]);

export const VERDICT_TYPES = ["thumbs", "rating", "preference", "ranking", "tie"] as const;
export type VerdictType = (typeof VERDICT_TYPES)[number];

export const CreateFeedback = z
  .strictObject({
    completion_id: completionId.optional(),
    choice: choiceIndex
      .optional()
      .meta({ description: "Of `thumbs` and `rating`: the choice that is judged; 0 by default" }),
    verdict: verdictsOn(TextRef),
    rater: RaterName.optional(),
    comment: z.string().max(LIMITS.comment).optional(),
    metadata: Metadata.optional(),
  })
  .superRefine((request, context) => {
    const problem = feedbackProblem(request);
    if (problem !== undefined) context.addIssue({ code: "custom", ...problem, path: [...problem.path] });
  })
  .meta({ id: "CreateFeedback" });
export type CreateFeedback = z.infer<typeof CreateFeedback>;

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

type Asked = Pick<CreateFeedback, "completion_id" | "choice" | "verdict">;

function feedbackProblem({ completion_id: whole, choice, verdict }: Asked): Problem | undefined {
  if (verdict.type === "rating") {
    const { value, scale } = verdict;
    if (scale.min >= scale.max) return { path: ["verdict", "scale", "max"], message: "must be above `min`" };
    if (value < scale.min || value > scale.max) {
      return { path: ["verdict", "value"], message: `must be from ${scale.min} to ${scale.max}, as the scale says` };
    }
  }
  if (verdict.type === "thumbs" || verdict.type === "rating") {
    return whole === undefined ? { path: ["completion_id"], message: "is required" } : undefined;
  }
  if (choice !== undefined)
    return { path: ["choice"], message: `must be left out: \`verdict\` names the texts of a ${verdict.type}` };
  const texts = namedTexts(verdict);
  const bare = texts.find(({ ref }) => ref.completion_id === undefined);
  if (whole === undefined && bare !== undefined) {
    const message = "is required, here or as `completion_id` of the request";
    return { path: [...bare.path, "completion_id"], message };
  }
  const seen = new Set<string>();
  for (const { ref, path } of texts) {
    const key = `${ref.completion_id ?? whole} ${ref.choice}`;
    if (seen.has(key)) return { path, message: "must name another text: this one is named already" };
    seen.add(key);
  }
  return undefined;
}

type Comparison = Extract<CreateFeedback["verdict"], { type: "preference" | "ranking" | "tie" }>;

/** The texts of a comparison in the verdict's order, and where it names each. */
export function namedTexts(verdict: Comparison): { ref: z.infer<typeof TextRef>; path: (string | number)[] }[] {
  if (verdict.type === "preference") {
    return [
      { ref: verdict.better, path: ["verdict", "better"] },
      { ref: verdict.worse, path: ["verdict", "worse"] },
    ];
  }
  const field = verdict.type === "ranking" ? "order" : "texts";
  const refs = verdict.type === "ranking" ? verdict.order : verdict.texts;
  return refs.map((ref, index) => ({ ref, path: ["verdict", field, index] }));
}

const KnownRef = z.strictObject({ completion_id: z.string(), choice: z.int() });

export const JudgedAnswer = z
  .strictObject({ ...KnownRef.shape, message: AnswerMessage, made: Provenance })
  .meta({ id: "JudgedAnswer" });
export type JudgedAnswer = z.infer<typeof JudgedAnswer>;

export const Feedback = z
  .strictObject({
    id: z.string(),
    object: z.literal("feedback"),
    created_at: z.int(),
    verdict: verdictsOn(KnownRef),
    rater: z.string().nullable(),
    comment: z.string().nullable(),
    metadata: Metadata,
    superseded_by: z
      .string()
      .nullable()
      .meta({ description: "The same rater's later verdict on the same texts, which counts instead" }),
    prompt: KeptPrompt,
    answers: z.array(JudgedAnswer).meta({ description: "The texts in the order of the verdict, the best first" }),
  })
  .meta({ id: "Feedback" });
export type Feedback = z.infer<typeof Feedback>;

export const FeedbackList = listSchema(Feedback).meta({ id: "FeedbackList" });

const filters = {
  completion_id: completionId.optional(),
  rater: RaterName.optional(),
  verdict: z.enum(VERDICT_TYPES).optional(),
  model: z.string().max(300).optional().meta({ description: "A name that made one of the texts" }),
};

export const FeedbackQuery = pageQuery().extend(filters);

const seconds = z.int().min(0).meta({ description: "Unix seconds" });

/** Which verdicts to export. Superseded ones never are. */
export const FeedbackFilter = z
  .strictObject({
    ...filters,
    created_after: seconds.optional(),
    created_before: seconds.optional(),
    scale: RatingScale.optional().meta({ description: "Ratings on this scale alone; all others are left out" }),
  })
  .meta({ id: "FeedbackFilter" });
export type FeedbackFilter = z.infer<typeof FeedbackFilter>;

export const EXPORT_FORMATS = ["pairs", "unpaired", "rankings", "ratings"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const ExportFeedback = z
  .strictObject({
    format: z.enum(EXPORT_FORMATS).meta({
      description:
        "`pairs` for dpo, ipo, orpo, simpo and reward_model; `unpaired` for kto; `rankings` and `ratings` for reward_model",
    }),
    filters: FeedbackFilter.optional(),
    filename: z.string().min(1).max(LIMITS.fileName).optional(),
  })
  .meta({ id: "ExportFeedback" });
export type ExportFeedback = z.infer<typeof ExportFeedback>;

/** What came of an export. */
export const ExportReport = z
  .strictObject({
    format: z.enum(EXPORT_FORMATS),
    judgements: z.int().meta({ description: "Verdicts or labels that were looked at" }),
    lines: z.int(),
    skipped: z.record(z.string(), z.int()).meta({ description: "How many made no line, by the reason" }),
  })
  .meta({ id: "PreferenceExportReport" });
export type ExportReport = z.infer<typeof ExportReport>;

export const ExportedFile = FileObject.extend({ export: ExportReport }).meta({ id: "ExportedPreferenceFile" });
