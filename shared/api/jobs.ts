import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { Suffix } from "./ids.ts";
import { JobEval, RequestedEvals } from "./job-evals.ts";
import { JobStatus } from "./job-status.ts";
import { listSchema, type Page, pageQuery } from "./lists.ts";
import { Executor } from "./methods.ts";
import { type JobFiles, jobFiles, MixtureSettings, ShownFiles, TrainingFiles, ValidationFiles } from "./mixtures.ts";
import { JobMethod, PipelinePlace, ShownStage } from "./pipelines.ts";
import { BestTrial, ShownTrial, SweepPlace } from "./sweeps.ts";

export { JobStatus, TERMINAL_STATUSES } from "./job-status.ts";

export const Metadata = z
  .record(z.string().min(1).max(LIMITS.metadataKey), z.string().max(LIMITS.metadataValue))
  .refine(
    (pairs) => Object.keys(pairs).length <= LIMITS.metadataPairs,
    `must have at most ${LIMITS.metadataPairs} pairs`,
  )
  .meta({ id: "Metadata" });

const hyperparameterValue = z.union([z.number(), z.string(), z.boolean()]);

const autoOrNumber = z.union([z.literal("auto"), z.number()]).optional();

/**
 * OpenAI's old hyperparameters, and those that a finished job reports. Their values are checked with the method,
 * because a job also reports derived numbers that no request could set, such as 200 epochs for `max_steps`.
 */
const GivenHyperparameters = z
  .object({ n_epochs: autoOrNumber, batch_size: autoOrNumber, learning_rate_multiplier: autoOrNumber })
  .catchall(hyperparameterValue)
  .meta({ id: "Hyperparameters" });

export const CreateJob = z
  .strictObject({
    model: z.string().min(1).max(300).meta({
      description:
        "A base model's id, the name of one of the tenant's own models to continue from, or an alias of either",
      example: "trimtab-base",
    }),
    continue_with: z.enum(["merged_weights", "adapter"]).optional().meta({
      description:
        "How to continue from one of your own models: `merged_weights`, the default, trains on the base with its delta folded in, and the result contains both; `adapter` trains the model's own adapter further, and the result replaces it. `adapter` takes the adapter's method and settings where `peft` is left out",
    }),
    training_file: TrainingFiles,
    validation_file: ValidationFiles.optional(),
    mixture: MixtureSettings.optional().meta({ description: "How the files of a list are mixed" }),
    suffix: Suffix.optional(),
    seed: z.int().min(0).max(2_147_483_647).optional(),
    metadata: Metadata.optional(),
    method: JobMethod.optional(),
    executor: Executor.optional(),
    hyperparameters: GivenHyperparameters.optional().meta({ deprecated: true, description: "Use `method`" }),
    evals: RequestedEvals.optional(),
    integrations: z.array(z.unknown()).max(0, "must be empty: no integration is supported").optional(),
  })
  .meta({ id: "CreateFineTuningJob" });
/** A request whose files are told apart; `jobRequest` makes it. */
export type CreateJob = Omit<z.infer<typeof CreateJob>, keyof JobFiles> & JobFiles;

/** Throws `invalid_request`, with the field, for files that cannot be used together. */
export function jobRequest(body: z.infer<typeof CreateJob>): CreateJob {
  const { training_file, validation_file, mixture, ...others } = body;
  return { ...others, ...jobFiles({ training_file, validation_file, mixture }) };
}

export const Job = z
  .strictObject({
    id: z.string(),
    object: z.literal("fine_tuning.job"),
    model: z.string(),
    created_at: z.int(),
    finished_at: z.int().nullable(),
    fine_tuned_model: z.string().nullable(),
    organization_id: z.string(),
    result_files: z.array(z.string()),
    status: JobStatus,
    training_file: z.string(),
    validation_file: z.string().nullable(),
    ...ShownFiles,
    hyperparameters: z.record(z.string(), hyperparameterValue),
    method: JobMethod,
    executor: Executor.nullable(),
    trained_tokens: z.int().nullable(),
    seed: z.int(),
    suffix: z.string().nullable(),
    estimated_finish: z.int().nullable(),
    integrations: z.array(z.unknown()).max(0),
    metadata: Metadata.nullable(),
    error: z.strictObject({ code: z.string(), message: z.string(), param: z.string().nullable() }).nullable(),
    stages: z.array(ShownStage).optional().meta({ description: "Of a pipeline: how far each of its stages is" }),
    stopped: z
      .strictObject({ stage: z.string(), reason: z.string() })
      .optional()
      .meta({ description: "Of a pipeline that a gate has ended: the stage whose gate it was, and why" }),
    evals: z.array(JobEval).optional().meta({ description: "Of a job that evals are run before and after" }),
    pipeline: PipelinePlace.optional().meta({ description: "Of a pipeline's stage: the pipeline that runs it" }),
    trials: z.array(ShownTrial).optional().meta({ description: "Of a sweep: its trials" }),
    best: BestTrial.nullable().optional().meta({
      description: "Of a sweep: the best of the trials that have succeeded so far; null before the first",
    }),
    sweep: SweepPlace.optional().meta({ description: "Of a sweep's trial: the sweep that runs it" }),
  })
  .meta({ id: "FineTuningJob" });
export type Job = z.infer<typeof Job>;

export const JobList = listSchema(Job).meta({ id: "FineTuningJobList" });
const METADATA_FILTER = /^metadata\[(.{1,64})\]$/;

/** `metadata[key]=value` for each pair that a job must have, and OpenAI's `metadata=null` for jobs without any. */
export const JobListQuery = pageQuery()
  .extend({
    // A deep object in the document, whose pairs arrive as fields of their own; only OpenAI's null arrives by this name.
    metadata: z
      .literal("null", "must be null, or be written as metadata[key]=value")
      .optional()
      .meta({
        description:
          "Pairs that a job must have, each as `metadata[key]=value`; `metadata=null` lists jobs without any",
        type: "object",
        additionalProperties: { type: "string", maxLength: LIMITS.metadataValue },
        param: { style: "deepObject", explode: true },
      }),
  })
  .catchall(z.string().max(LIMITS.metadataValue))
  .superRefine((query, context) => {
    const refuse = (message: string, path: string) => context.addIssue({ code: "custom", message, path: [path] });
    for (const name of Object.keys(query).filter((field) => !["after", "limit", "metadata"].includes(field))) {
      if (!METADATA_FILTER.test(name)) refuse("is an unknown field; remove it or correct its name", name);
      else if (query.metadata !== undefined) refuse("asks for a pair, and metadata=null for jobs without any", name);
    }
  });

/** The jobs to list. */
export interface JobFilter extends Page {
  /** Pairs that a job must have; null: jobs without metadata; undefined: all jobs. */
  readonly metadata?: Readonly<Record<string, string>> | null | undefined;
}

export function jobFilter({ after, limit, metadata: none, ...others }: z.infer<typeof JobListQuery>): JobFilter {
  const pairs = Object.entries(others).flatMap(([name, value]): [string, string][] => {
    const key = METADATA_FILTER.exec(name)?.[1];
    return key === undefined ? [] : [[key, String(value)]];
  });
  const metadata = none !== undefined ? null : pairs.length === 0 ? undefined : Object.fromEntries(pairs);
  return { after, limit, metadata };
}

export const JobEvent = z
  .strictObject({
    object: z.literal("fine_tuning.job.event"),
    id: z.string(),
    created_at: z.int(),
    level: z.enum(["info", "warn", "error"]),
    message: z.string(),
    type: z.enum(["message", "metrics"]),
    data: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: "FineTuningJobEvent" });
export type JobEvent = z.infer<typeof JobEvent>;

export const JobEventList = listSchema(JobEvent).meta({ id: "FineTuningJobEventList" });
export const JobEventQuery = pageQuery().extend({
  stream: z
    .enum(["true", "false"])
    .optional()
    .meta({ description: "Server-sent events, oldest first, until the job has ended" }),
});

export const Checkpoint = z
  .strictObject({
    object: z.literal("fine_tuning.job.checkpoint"),
    id: z.string(),
    created_at: z.int(),
    step_number: z.int(),
    fine_tuned_model_checkpoint: z.string(),
    fine_tuning_job_id: z.string(),
    metrics: z.record(z.string(), z.number()),
  })
  .meta({ id: "FineTuningJobCheckpoint" });
export type Checkpoint = z.infer<typeof Checkpoint>;

export const CheckpointList = listSchema(Checkpoint).meta({ id: "FineTuningJobCheckpointList" });
