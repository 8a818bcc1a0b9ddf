/**
 * The protocol between a trainer and the Dispatcher. All of it is under `/v1/trainer`, with `authorization: Bearer
 * $TRAINER_TOKEN`. Every call about a job also carries the lease's `tenant` and `fence` as `x-trimtab-tenant` and
 * `x-trimtab-fence`; an outdated fence is rejected with 409 `stale_lease`, and the trainer drops the job.
 *
 *     POST leases                                    LeaseRequest → 200 Lease, or 204: nothing to do
 *     POST jobs/{job}/heartbeat                      Heartbeat → HeartbeatReply; extends the lease
 *     POST jobs/{job}/events                         EventBatch → EventBatchReply; an event is stored once per fence and seq
 *     GET  {BlobRef.path}                            the bytes of a file of the base or the parent, a dataset or a resume state
 *     POST jobs/{job}/ask                            ModelQuestion → ModelReply: a model of the tenant's answers a grader or a judge
 *     PUT  jobs/{job}/kept/{name}                    a file for the job's owner as the body, `x-trimtab-sha256` → KeptFileReply
 *     GET  jobs/{job}/base_artefacts/{name}          the bytes of a file kept beside the job's base; 404 if there is none
 *     PUT  jobs/{job}/base_artefacts/{name}          such a file as the body, `x-trimtab-sha256`; create-only → ArtefactReply
 *     PUT  jobs/{job}/checkpoints/{step}             resume state as the body, `x-trimtab-sha256` → CheckpointReply
 *     PUT  jobs/{job}/artefacts/{kind}/{digest}/{name}   one file of a result, `x-trimtab-sha256`; create-only → ArtefactReply
 *     POST jobs/{job}/checkpoints/{step}/publish     PublishCheckpoint → PublishReply; after its artefacts
 *     POST jobs/{job}/complete                       Completion → CompletionReply; after its artefacts; idempotent
 *     POST jobs/{job}/fail                           Failure → Acknowledged
 *     POST jobs/{job}/release                        Release → Acknowledged; hands the job back without a result
 *
 * `digest` is `folderDigest` of the result's files.
 */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { ARTEFACT_KIND_NAMES } from "./artefact-kinds/registry.ts";
import { StoredFile } from "./artefacts.ts";
import { Digest } from "./ids.ts";
import { Lane } from "./lanes.ts";
import { Executor, Method } from "./methods.ts";
import { MixtureSettings } from "./mixtures.ts";

export const TRAINER_HEADERS = {
  tenant: "x-trimtab-tenant",
  fence: "x-trimtab-fence",
  sha256: "x-trimtab-sha256",
} as const;

/** Something that can be fetched with the trainer's token: `path` is relative to the server's root. */
export const BlobRef = z
  .strictObject({ name: z.string(), bytes: z.int().min(0), sha256: Digest, path: z.string() })
  .meta({ id: "BlobRef" });
export type BlobRef = z.infer<typeof BlobRef>;

/** The kind of a dataset's lines, as detected at upload. */
export const DatasetRef = z
  .strictObject({
    ...BlobRef.shape,
    id: z.string(),
    format: z.string(),
    lines: z.int().min(1),
    said_format: z.string().optional().meta({ description: "The line format that the upload said its examples have" }),
  })
  .meta({ id: "DatasetRef" });
export type DatasetRef = z.infer<typeof DatasetRef>;

/** The files of a job that mixes several. */
export const MixtureRef = z
  .strictObject({
    ...MixtureSettings.shape,
    files: z
      .array(z.strictObject({ file: DatasetRef, weight: z.number(), max_examples: z.int().optional() }))
      .min(1)
      .max(LIMITS.mixedFiles),
  })
  .meta({ id: "MixtureRef" });
export type MixtureRef = z.infer<typeof MixtureRef>;

export const LeaseRequest = z
  .strictObject({
    trainer: z.string().min(1).max(64).meta({ description: "The process's name, new at every start" }),
    executors: z.array(Executor).min(1).max(8).meta({ description: "The executors that this trainer can run" }),
    lanes: z
      .array(Lane)
      .min(1)
      .max(8)
      .optional()
      .meta({ description: "The lanes to take a job from; `jobs` by default" }),
    lease_seconds: z.int().min(1).max(600).optional(),
  })
  .meta({ id: "LeaseRequest" });
export type LeaseRequest = z.infer<typeof LeaseRequest>;

export const ResumeState = z.strictObject({ ...BlobRef.shape, step: z.int().min(0) }).meta({ id: "ResumeState" });
export type ResumeState = z.infer<typeof ResumeState>;

export const Lease = z
  .strictObject({
    job: z.string(),
    tenant: z.string(),
    lane: Lane,
    fence: z.int().min(1).meta({ description: "Grows with every lease of any job" }),
    lease_seconds: z.int().min(1),
    attempt: z.int().min(1).meta({ description: "Leases since the last new checkpoint, this one included" }),
    created_at: z.int(),
    model: z.string(),
    suffix: z.string().nullable(),
    seed: z.int().min(0),
    method: Method,
    executor: Executor.nullable(),
    base: z.strictObject({ id: z.string(), digest: Digest, files: z.array(BlobRef) }),
    parent: z
      .strictObject({
        model: z.string(),
        kind: z.enum(["delta", "model"]),
        digest: Digest,
        continue_with: z
          .enum(["merged_weights", "adapter"])
          .optional()
          .meta({ description: "`adapter`: train the delta's own numbers further; merged_weights by default" }),
        files: z.array(BlobRef).meta({
          description:
            "A delta's manifest and serving form, or all files of a model; all files of a delta whose adapters are trained further",
        }),
      })
      .nullish()
      .meta({ description: "The tuned model to continue from; null to start from the base" }),
    models: z
      .array(z.strictObject({ name: z.string(), digest: Digest, files: z.array(BlobRef) }))
      .default([])
      .meta({
        description:
          "The deltas that the method names, such as reward models: manifests and serving forms, and an edit's keys",
      }),
    training_file: DatasetRef,
    validation_file: DatasetRef.nullable(),
    rehearsal_file: DatasetRef.optional().meta({ description: "The uploaded file that the method rehearses" }),
    mixture: MixtureRef.optional().meta({ description: "All files to train on, where there are several" }),
    validation_files: z
      .array(DatasetRef)
      .min(1)
      .max(LIMITS.mixedFiles)
      .optional()
      .meta({ description: "All files to measure, where there are several" }),
    checkpoint: ResumeState.nullable().meta({ description: "The state to resume from; null to start at step 0" }),
    pause_at: z.int().min(1).optional().meta({
      description:
        "The step at which to measure the validation file, store the state and release the job with the reason `rung`",
    }),
  })
  .meta({ id: "Lease" });
export type Lease = z.infer<typeof Lease>;

export const Heartbeat = z
  .strictObject({
    step: z.int().min(0).optional(),
    total_steps: z.int().min(0).optional(),
    trained_tokens: z.int().min(0).optional(),
    estimated_finish: z.int().min(0).nullable().optional().meta({ description: "Unix seconds" }),
  })
  .meta({ id: "Heartbeat" });
export type Heartbeat = z.infer<typeof Heartbeat>;

export const HeartbeatReply = z
  .strictObject({
    cancel: z.boolean().meta({ description: "Stop now, keep nothing, then release" }),
    pause: z.boolean().meta({ description: "Checkpoint, then release" }),
    lease_seconds: z.int(),
  })
  .meta({ id: "HeartbeatReply" });
export type HeartbeatReply = z.infer<typeof HeartbeatReply>;

/**
 * Data of a `metrics` event always has `step`, `total_steps`, `loss`, `learning_rate`, `grad_norm`, `tokens_per_second`
 * and `trained_tokens`, then the metrics of the job's type by name (`rewards/margin`), and the same with the prefix
 * `valid_` if the validation file was measured. Besides, `rehearsal_loss` and `ewc_penalty` where the job asks for them, and after some
 * steps `forgetting/…` and `memorisation/…`. Each type defines its loss; in supervised training it is the mean over
 * trained tokens, in nats. Each step has one such event: a second one counts as a repeat by a restarted run.
 */
export const TrainerEvent = z
  .strictObject({
    seq: z.int().min(0).meta({ description: "Counts the events of one lease" }),
    level: z.enum(["info", "warn", "error"]),
    message: z.string().max(LIMITS.eventMessage),
    type: z.enum(["message", "metrics"]),
    data: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: "TrainerEvent" });
export type TrainerEvent = z.infer<typeof TrainerEvent>;

export const EventBatch = z
  .strictObject({ events: z.array(TrainerEvent).min(1).max(LIMITS.eventBatch) })
  .meta({ id: "EventBatch" });
export type EventBatch = z.infer<typeof EventBatch>;
export const EventBatchReply = z
  .strictObject({ accepted: z.int(), duplicates: z.int() })
  .meta({ id: "EventBatchReply" });
export type EventBatchReply = z.infer<typeof EventBatchReply>;

/** What a grader or a judge asks; the same as `Question` of `shared/graders/kind.ts`. */
export const ModelQuestion = z
  .strictObject({
    model: z.string().min(1).max(300),
    messages: z
      .array(
        z.strictObject({ role: z.enum(["system", "user", "assistant"]), content: z.string().max(LIMITS.graderText) }),
      )
      .min(1)
      .max(LIMITS.messages),
    sampling: z.strictObject({
      temperature: z.number().min(0).max(2),
      topP: z.number().gt(0).max(1).optional(),
      seed: z.int().optional(),
      maxTokens: z.int().min(1).max(LIMITS.maxTokens).optional(),
    }),
    rule: z
      .strictObject({
        spec: z.union([
          z.strictObject({ json_schema: z.unknown() }),
          z.strictObject({ choice: z.array(z.string()).min(1) }),
          z.strictObject({ regex: z.string() }),
        ]),
        param: z.string().max(256),
      })
      .optional(),
    at: z.string().max(256),
  })
  .meta({ id: "ModelQuestion" });
export type ModelQuestion = z.infer<typeof ModelQuestion>;

const TokenUsage = z.strictObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  cached_tokens: z.int(),
  total_tokens: z.int(),
});
export const ModelReply = z
  .union([
    z.strictObject({ text: z.string(), usage: TokenUsage }),
    z.strictObject({ failure: z.string(), usage: TokenUsage.optional() }),
  ])
  .meta({ id: "ModelReply" });
export type ModelReply = z.infer<typeof ModelReply>;

export const KeptFileReply = z
  .strictObject({ name: z.string(), bytes: z.int(), sha256: Digest })
  .meta({ id: "KeptFileReply" });
export type KeptFileReply = z.infer<typeof KeptFileReply>;

export const CheckpointReply = z
  .strictObject({ step: z.int(), bytes: z.int(), sha256: Digest })
  .meta({ id: "CheckpointReply" });
export type CheckpointReply = z.infer<typeof CheckpointReply>;

export const ArtefactReply = z
  .strictObject({
    name: z.string(),
    bytes: z.int(),
    created: z.boolean().meta({ description: "false: it was there already" }),
  })
  .meta({ id: "ArtefactReply" });
export type ArtefactReply = z.infer<typeof ArtefactReply>;

/** A finished folder: a delta (PEFT folder with manifest and serving form) or a whole model (Hugging Face folder). */
export const Result = z
  .strictObject({
    kind: z.enum(ARTEFACT_KIND_NAMES),
    digest: Digest,
    files: z.array(StoredFile).min(1).max(LIMITS.artefactFiles),
  })
  .meta({ id: "Result" });
export type Result = z.infer<typeof Result>;

const Metrics = z
  .record(z.string().max(64), z.number())
  .refine((metrics) => Object.keys(metrics).length <= LIMITS.metrics, {
    message: `has more than ${LIMITS.metrics} metrics`,
  });

export const PublishCheckpoint = z.strictObject({ result: Result, metrics: Metrics }).meta({ id: "PublishCheckpoint" });
export type PublishCheckpoint = z.infer<typeof PublishCheckpoint>;

export const Completion = z
  .strictObject({
    result: Result.nullable().meta({ description: "null: the job publishes nothing, which only some types may" }),
    metrics: Metrics,
    trained_tokens: z.int().min(0),
    hyperparameters: z
      .record(z.string().max(64), z.union([z.number(), z.string(), z.boolean()]))
      .optional()
      .meta({ description: "The value of every `auto`" }),
  })
  .meta({ id: "Completion" });
export type Completion = z.infer<typeof Completion>;

export const PublishReply = z.strictObject({ model: z.string() }).meta({ id: "PublishReply" });
export type PublishReply = z.infer<typeof PublishReply>;

export const CompletionReply = z
  .strictObject({ model: z.string().nullable().meta({ description: "null where nothing was published" }) })
  .meta({ id: "CompletionReply" });
export type CompletionReply = z.infer<typeof CompletionReply>;

export const Failure = z
  .strictObject({
    error: z.strictObject({
      code: z.string().min(1).max(64),
      message: z.string().min(1).max(4000),
      param: z.string().max(256).nullable(),
    }),
  })
  .meta({ id: "Failure" });
export type Failure = z.infer<typeof Failure>;

export const Release = z
  .strictObject({ reason: z.enum(["paused", "cancelled", "shutdown", "rung"]) })
  .meta({ id: "Release" });
export type Release = z.infer<typeof Release>;

export const Acknowledged = z.strictObject({ status: z.string() }).meta({ id: "Acknowledged" });
export type Acknowledged = z.infer<typeof Acknowledged>;
