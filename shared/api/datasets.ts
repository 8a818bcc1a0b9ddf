/** Looking at datasets, showing them as a model reads them, and cleaning them. */
import { z } from "zod";
import { FIX_RULE_NAMES } from "../data/fix/registry.ts";
import { KEEPS } from "../data/fix/rule.ts";
import { OVERLAP_KINDS } from "../data/inspect/copies.ts";
import type { InspectionReport } from "../data/inspect/inspection.ts";
import { PII_KIND_NAMES } from "../data/inspect/pii/registry.ts";
import { REFUSAL_PATTERNS } from "../data/inspect/refusals.ts";
import { ROLE_PROBLEM_NAMES } from "../data/inspect/roles.ts";
import { LIMITS } from "../limits.ts";
import { ValidatedFile } from "./job-validation.ts";

const fileId = z.string().min(1).max(64);
const model = z.string().min(1).max(256);
const maxLength = z.int().min(1).max(LIMITS.maxTokens);

/** Files that lines are compared with, and how alike two are that count as copies. */
const compared = {
  validation_file: fileId.optional().meta({ description: "Held out of training: no line of it should be in the file" }),
  evaluation_files: z
    .array(fileId)
    .max(LIMITS.inspectedFiles)
    .optional()
    .meta({ description: "Held out too, such as test sets; of uploads with any purpose" }),
  similarity: z
    .number()
    .min(0.5)
    .max(1)
    .default(0.7)
    .meta({ description: "The Jaccard similarity of runs of three words from which two lines are near copies" }),
  max_length: maxLength.optional().meta({ description: "Of the job, in tokens; the model's context by default" }),
};

export const InspectDataset = z
  .strictObject({
    file: fileId.optional(),
    files: z
      .array(fileId)
      .min(1)
      .max(LIMITS.inspectedFiles)
      .optional()
      .meta({ description: "Several files that one job trains on, looked at together" }),
    model: model
      .optional()
      .meta({ description: "The base or tuned model whose tokenizer and template read the lines" }),
    ...compared,
    examples: z
      .int()
      .min(0)
      .max(LIMITS.inspectedExamples)
      .default(20)
      .meta({ description: "Findings of each kind that are named by line" }),
  })
  .refine(({ file, files }) => (file === undefined) !== (files === undefined), {
    path: ["file"],
    message: "is required, or `files`, and not both",
  })
  .meta({ id: "InspectDataset" });
export type InspectDataset = z.infer<typeof InspectDataset>;

const Line = { line: z.int(), file: z.string().optional().meta({ description: "Where several are looked at" }) };
const Place = z.strictObject(Line);
const Pair = { ...Line, earlier: Place };

const LengthFigures = z
  .strictObject({
    count: z.int(),
    total: z.int(),
    min: z.int(),
    mean: z.number(),
    p50: z.int(),
    p95: z.int(),
    max: z.int(),
    histogram: z.array(z.strictObject({ from: z.int(), to: z.int(), count: z.int() })),
  })
  .meta({ id: "LengthFigures" });

const TokenFigures = z.strictObject({
  max_length: z.int(),
  encoded_lines: z.int().meta({ description: "Lines that were encoded: all, or of a large file evenly spread ones" }),
  lengths: LengthFigures.nullable(),
  kept: z.int(),
  truncated: z.int(),
  truncated_lines: z.array(Place),
  dropped: z.int(),
  dropped_for: z.record(z.string(), z.int()),
  dropped_lines: z.array(z.strictObject({ ...Line, reason: z.string() })),
  tokens: z.int().meta({ description: "Of the lines that were encoded and would be kept" }),
  trained_tokens: z.int(),
  trained_share: z.number().nullable(),
  tokens_per_epoch: z.int().meta({ description: "What one epoch over all lines reads" }),
});

const RoleFigures = z.strictObject({
  turns: z.int(),
  multi_turn_lines: z.int(),
  problems: z.array(z.strictObject({ problem: z.enum(ROLE_PROBLEM_NAMES), lines: z.int(), examples: z.array(Place) })),
  system_prompts: z.strictObject({
    lines: z.int(),
    distinct: z.int(),
    more: z.boolean(),
    most_common: z.array(z.strictObject({ text: z.string(), lines: z.int(), first: Place })),
  }),
});

const Duplicates = z.strictObject({
  exact: z.strictObject({ lines: z.int(), examples: z.array(z.strictObject(Pair)) }),
  near: z.strictObject({
    similarity: z.number(),
    compared_lines: z.int(),
    lines: z.int().meta({ description: "Lines that would go if one of each cluster stayed" }),
    clusters: z.int(),
    largest_clusters: z.array(z.strictObject({ size: z.int(), lines: z.array(Place) })),
    examples: z.array(z.strictObject({ ...Pair, similarity: z.number() })),
  }),
  same_prompt: z.strictObject({ lines: z.int(), examples: z.array(z.strictObject(Pair)) }),
  complete: z.boolean().meta({ description: "false where memory ran out before all lines were compared" }),
});

const Contamination = z.strictObject({
  file: z.string(),
  lines: z.int(),
  training_lines: z.int().meta({ description: "Lines of the inspected files that overlap with this one" }),
  held_out_lines: z.int().meta({ description: "Its lines that they overlap with" }),
  kinds: z.record(z.enum(OVERLAP_KINDS), z.int()),
  examples: z.array(
    z.strictObject({ ...Line, other_line: z.int(), kind: z.enum(OVERLAP_KINDS), similarity: z.number() }),
  ),
});

const Lexical = z.strictObject({
  texts: z.int(),
  words: z.int(),
  distinct: z.array(z.number()).length(3),
  moving_ttr: z.number().nullable(),
  mtld: z.number().nullable(),
  compression_ratio: z.number().nullable(),
  self_bleu: z.number().nullable(),
});

const VerbNoun = z.strictObject({
  instructions: z.int(),
  with_verb: z.int(),
  with_pair: z.int(),
  distinct_verbs: z.int(),
  distinct_pairs: z.int(),
  evenness: z.number().nullable(),
  verbs: z.array(
    z.strictObject({
      verb: z.string(),
      count: z.int(),
      nouns: z.array(z.strictObject({ noun: z.string(), count: z.int() })),
    }),
  ),
});

/** What the report says of the lines, whoever read them. */
export const InspectionFigures = z.strictObject({
  lines: z.int(),
  examples: z.int(),
  layouts: z.record(z.string(), z.int()),
  characters: z.strictObject({ prompts: LengthFigures.nullable(), replies: LengthFigures.nullable() }),
  tokens: TokenFigures.nullable().meta({ description: "null unless a model was named" }),
  roles: RoleFigures,
  duplicates: Duplicates,
  contamination: z.array(Contamination).meta({ description: "For each held-out file" }),
  languages: z.strictObject({
    sampled_lines: z.int(),
    mix: z.array(z.strictObject({ language: z.string(), lines: z.int(), share: z.number(), first: Place })),
  }),
  diversity: z.strictObject({ sampled_lines: z.int(), instructions: Lexical, replies: Lexical, verb_noun: VerbNoun }),
  negative: z.strictObject({ rejected_replies: z.int(), replies_not_trained: z.int(), undesirable: z.int() }),
  refusals: z.strictObject({
    replies: z.int(),
    refusing: z.int(),
    lines: z.int(),
    patterns: z.partialRecord(z.enum(REFUSAL_PATTERNS), z.int()),
    examples: z.array(z.strictObject({ ...Line, pattern: z.enum(REFUSAL_PATTERNS) })),
  }),
  personal_data: z.strictObject({
    lines: z.int(),
    kinds: z.array(
      z.strictObject({
        kind: z.enum(PII_KIND_NAMES),
        lines: z.int(),
        examples: z.array(z.strictObject({ ...Line, shown: z.string() })),
      }),
    ),
  }),
});
export type InspectionFigures = z.infer<typeof InspectionFigures>;

/** A report as the schema has it, which does not say that it is read only. */
export const inspectionFigures = (report: InspectionReport): InspectionFigures =>
  report as unknown as Writable<InspectionReport>;

type Writable<T> = T extends readonly (infer One)[]
  ? Writable<One>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Writable<T[Key]> }
    : T;

export const DatasetInspection = z
  .strictObject({
    object: z.literal("dataset.inspection"),
    files: z.array(z.string()),
    model: z.string().nullable(),
    ...InspectionFigures.shape,
  })
  .meta({ id: "DatasetInspection" });
export type DatasetInspection = z.infer<typeof DatasetInspection>;

export const PreviewDataset = z
  .strictObject({
    file: fileId,
    model,
    lines: z
      .union([
        z.int().min(1).max(LIMITS.validatedExamples),
        z.array(z.int().min(1)).min(1).max(LIMITS.validatedExamples),
      ])
      .default(3)
      .meta({ description: "How many of the first lines to show, or the numbers of lines" }),
    max_length: maxLength.optional(),
  })
  .meta({ id: "PreviewDataset" });
export type PreviewDataset = z.infer<typeof PreviewDataset>;

export const DatasetPreview = z
  .strictObject({
    object: z.literal("dataset.preview"),
    file: z.string(),
    model: z.string(),
    max_length: z.int(),
    examples: ValidatedFile.shape.examples,
  })
  .meta({ id: "DatasetPreview" });
export type DatasetPreview = z.infer<typeof DatasetPreview>;

const rules = z.array(z.enum(FIX_RULE_NAMES)).max(FIX_RULE_NAMES.length);

export const FixDataset = z
  .strictObject({
    file: fileId,
    drop: rules.default([]).meta({ description: "Lines that one of these rules finds are dropped" }),
    only: rules.default([]).meta({ description: "Lines that none of these rules finds are dropped" }),
    keep: z.enum(KEEPS).default("first").meta({ description: "Which line of a group of copies stays" }),
    model: model.optional().meta({ description: "What reads the lines for too-long and untrainable" }),
    ...compared,
    dry_run: z.boolean().default(false).meta({ description: "Only report; no file is made" }),
    filename: z.string().min(1).max(LIMITS.fileName).optional(),
    examples: z.int().min(0).max(LIMITS.fixedLines).default(100).meta({ description: "Dropped lines that are listed" }),
  })
  .refine(({ drop, only }) => drop.length + only.length > 0, { path: ["drop"], message: "is required, or `only`" })
  .meta({ id: "FixDataset" });
export type FixDataset = z.infer<typeof FixDataset>;

export const FixReport = {
  lines: z.int(),
  kept: z.int(),
  dropped: z.int(),
  rules: z.record(z.string(), z.int()).meta({ description: "Lines that were dropped by each rule" }),
  complete: z.boolean().meta({ description: "false where memory ran out before all lines were compared" }),
  dropped_lines: z.array(
    z.strictObject({
      line: z.int(),
      rule: z.enum([...FIX_RULE_NAMES, "only"]),
      reason: z.string(),
      other_line: z.int().nullable().meta({ description: "The line that stays in its place" }),
    }),
  ),
};

export const DatasetFix = z
  .strictObject({
    object: z.literal("dataset.fix"),
    file: z.string(),
    result: z.string().nullable().meta({ description: "The file of what stays; null of a dry run" }),
    ...FixReport,
  })
  .meta({ id: "DatasetFix" });
export type DatasetFix = z.infer<typeof DatasetFix>;
