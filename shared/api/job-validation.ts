import { z } from "zod";
import type { DryRun } from "../data/dry-run.ts";
import { named } from "../data/encode-line.ts";
import { LIMITS } from "../limits.ts";

export const CreateJobQuery = z.strictObject({
  validate: z.enum(["true", "false", ""]).optional().meta({
    description: "A dry run: creates nothing, and shows what the job would train on",
  }),
  examples: z.coerce
    .number()
    .int()
    .min(0)
    .max(LIMITS.validatedExamples)
    .optional()
    .meta({ description: "Examples that a dry run shows of each file; 3 by default" }),
});

const Segment = z
  .strictObject({
    text: z.string(),
    trained: z.boolean().meta({ description: "Whether the model is trained to write this" }),
    tokens: z.array(z.int()),
  })
  .meta({ id: "MaskSegment" });

const ValidatedExample = z
  .strictObject({
    line: z.int(),
    dropped: z.string().nullable().meta({ description: "Why it would be left out" }),
    notes: z.array(z.string()).meta({ description: "Surprising treatment of its replies by the chat template" }),
    sequences: z.array(
      z.strictObject({
        tokens: z.int(),
        trained_tokens: z.int(),
        truncated: z.boolean().meta({ description: "Whether it was cut to `max_length`" }),
        segments: z.array(Segment).meta({ description: "Its first tokens as the model sees them" }),
      }),
    ),
  })
  .meta({ id: "ValidatedExample" });

export const ValidatedFile = z
  .strictObject({
    file: z.string(),
    lines: z.int().meta({ description: "Lines that were read" }),
    complete: z
      .boolean()
      .meta({ description: "Whether the file has no more lines; a dry run reads only the beginning" }),
    max_length: z.int(),
    kept: z.int(),
    truncated: z.int(),
    dropped: z.int(),
    dropped_for: z.record(z.string(), z.int()),
    sequences: z.int(),
    tokens: z.int(),
    trained_tokens: z.int(),
    turns: z.record(z.string(), z.int()).meta({ description: "Replies with surprising treatment, by kind" }),
    notes: z.array(z.string()),
    examples: z.array(ValidatedExample),
    error: z.strictObject({ code: z.string(), message: z.string(), param: z.string().nullable() }).nullable(),
  })
  .meta({ id: "ValidatedFile" });

export const JobValidation = z
  .strictObject({
    object: z.literal("fine_tuning.job.validation"),
    model: z.string(),
    valid: z.boolean().meta({ description: "Whether the dry run found no error that would end the job" }),
    training_file: ValidatedFile,
    validation_file: ValidatedFile.nullable(),
    training_files: z.array(ValidatedFile).optional().meta({ description: "All of them, where there is a list" }),
    validation_files: z.array(ValidatedFile).optional().meta({ description: "All of them, where there is a list" }),
    stages: z
      .array(
        z.strictObject({
          name: z.string(),
          valid: z.boolean(),
          training_file: ValidatedFile,
          validation_file: ValidatedFile.nullable(),
        }),
      )
      .optional()
      .meta({ description: "Of a pipeline; the files beside it are those of its first stage" }),
  })
  .meta({ id: "FineTuningJobValidation" });
export type JobValidation = z.infer<typeof JobValidation>;
export type ValidatedFile = z.infer<typeof ValidatedFile>;

export interface ValidatedFileFacts {
  readonly file: string;
  readonly param: "training_file" | "validation_file";
  readonly maxLength: number;
}

/** A dry run as the API shows it. */
export function validatedFile(run: DryRun, { file, param, maxLength }: ValidatedFileFacts): ValidatedFile {
  const { counts, error } = run;
  return {
    file,
    lines: run.lines,
    complete: run.complete,
    max_length: maxLength,
    kept: counts.kept,
    truncated: counts.truncated,
    dropped: counts.dropped,
    dropped_for: { ...counts.droppedFor },
    sequences: counts.sequences,
    tokens: counts.tokens,
    trained_tokens: counts.trainedTokens,
    turns: { ...counts.turns },
    notes: [...run.notes],
    examples: run.examples.map(({ line, dropped, sequences, findings }) => ({
      line,
      dropped: dropped?.detail ?? null,
      notes: findings.map((finding) => `${named(finding)}: ${finding.detail}`),
      sequences: sequences.map(({ tokens, trainedTokens, truncated, segments }) => ({
        tokens,
        trained_tokens: trainedTokens,
        truncated,
        segments: segments.map((segment) => ({ ...segment })),
      })),
    })),
    error: error === undefined ? null : { code: error.code, message: error.message, param },
  };
}
