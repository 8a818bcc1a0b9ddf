/** The creation of pipelines, and their dry runs: every stage is treated as the job that it will be. */
import type { Context } from "hono";
import type { JobValidation } from "../../shared/api/job-validation.ts";
import type { CreateJob, Job } from "../../shared/api/jobs.ts";
import { completePipeline } from "../../shared/api/pipeline-presets.ts";
import { modelsAskedByJob } from "../../shared/api/pipeline-references.ts";
import { PIPELINE, type Pipeline, type PipelineSettings, type Stage } from "../../shared/api/pipelines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { heapLimitBytes } from "../env.ts";
import type { Idempotency } from "../objects/idempotency.ts";
import type { JobBase } from "../objects/tenant/job-base.ts";
import type { JobParent } from "../objects/tenant/job-parent.ts";
import { filesOf } from "../objects/tenant/pipelines/start-stage.ts";
import type { AppEnv } from "./app-env.ts";
import { tunedParent } from "./check-parent.ts";
import { type CheckedStage, checkPipeline, stageError } from "./check-pipeline.ts";
import { requireModel } from "./grader-models.ts";
import { withConstitution } from "./job-constitution.ts";
import { measured } from "./job-evals.ts";
import { checkTools, validateJob } from "./validate-job.ts";

export interface PipelineRequestParts {
  readonly c: Context<AppEnv>;
  readonly request: CreateJob;
  readonly settings: PipelineSettings;
  /** The request's body as it came. */
  readonly body: unknown;
}

interface Checked {
  readonly pipeline: Pipeline;
  readonly stages: readonly CheckedStage[];
  readonly base: JobBase;
  readonly parent: JobParent | undefined;
}

async function checked({ c, request, settings, body }: PipelineRequestParts): Promise<Checked> {
  if (request.continue_with !== undefined) {
    const message = "`continue_with` is of one method, and a pipeline has several. Set it in the stages.";
    throw new TrimtabError("invalid_request", message, { param: "continue_with" });
  }
  const pipeline = completePipeline(settings);
  const { base: found, parent } = await c.var.caller.object.models.start(request.model);
  const { config, ...base } = found;
  const heap = heapLimitBytes(c.env);
  const stages = await checkPipeline({
    pipeline,
    parent: parent === null ? null : await tunedParent(c.env.BLOBS, parent, parseModelConfig(config)),
    config,
    heapLimitBytes: heap,
    complete: (method) => withConstitution(method, c.var.caller.object),
    asksPeft: (stage) => namesPeft(body, stage),
  });
  const complete = { ...pipeline, stages: stages.map(({ stage }) => stage) };
  const method = { type: PIPELINE, pipeline: complete as PipelineSettings } as const;
  await c.var.caller.object.jobs.checkModels(method, base);
  for (const { name, param } of modelsAskedByJob(method)) await requireModel(c, { model: name, param });
  return { pipeline: complete, stages, base, parent: parent ?? undefined };
}

/** Creates the job of a pipeline. Throws what the creation of each stage's job would throw, with the stage's field. */
export async function createPipeline(parts: PipelineRequestParts, key: Idempotency | null): Promise<Job> {
  const { c, request } = parts;
  const tenant = c.var.caller.object;
  const { pipeline, stages, base, parent } = await checked(parts);
  for (const [index, { stage, maxLength }] of stages.entries()) {
    const job = { request: stageRequest(stage, request), method: stage.method, base, tenant, blobs: c.env.BLOBS };
    await ofStage(index, stage, () => checkTools({ ...job, maxLength }));
  }
  return measured(c, request, (evals) => tenant.pipelines.create({ request, pipeline, base, parent, evals }, key));
}

/** A dry run of every stage. */
export async function validatePipeline(
  parts: PipelineRequestParts & { readonly examples: number },
): Promise<JobValidation> {
  const { c, request, examples } = parts;
  const tenant = c.var.caller.object;
  const { stages, base } = await checked(parts);
  const runs: (JobValidation & { readonly name: string })[] = [];
  for (const [index, { stage, maxLength }] of stages.entries()) {
    const job = { request: stageRequest(stage, request), method: stage.method, base, tenant, blobs: c.env.BLOBS };
    const run = await ofStage(index, stage, () => validateJob({ ...job, maxLength, examples }));
    runs.push({ ...run, name: stage.name });
  }
  const first = runs[0]!;
  return {
    object: "fine_tuning.job.validation",
    model: request.model,
    valid: runs.every(({ valid }) => valid),
    training_file: first.training_file,
    validation_file: first.validation_file,
    stages: runs.map(({ name, valid, training_file, validation_file }) => ({
      name,
      valid,
      training_file,
      validation_file,
    })),
  };
}

function stageRequest(stage: Stage, request: CreateJob): CreateJob {
  const { training, validation } = filesOf(stage, request);
  const { validation_file: _, ...rest } = request;
  return { ...rest, training_file: training, ...(validation === null ? {} : { validation_file: validation }) };
}

/** Runs a check of a stage's files; its errors name the stage's field where the file is the stage's own. */
async function ofStage<T>(index: number, stage: Stage, check: () => Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    const { param } = error;
    const own = (param === "training_file" || param === "validation_file") && stage[param] !== undefined;
    if (own) throw stageError(index, error);
    const { code, data } = error;
    const details = { ...(param === undefined ? {} : { param }), data, cause: error };
    throw new TrimtabError(code, `${error.message} The stage ${stage.name} would use it.`, details);
  }
}

/** Whether the request names the methods that a stage trains; its schema fills in a default. */
function namesPeft(body: unknown, { name, method }: Stage): boolean {
  const stages = (body as { method?: { pipeline?: { stages?: unknown } } }).method?.pipeline?.stages;
  if (!Array.isArray(stages)) return false;
  const given = stages.find((stage) => stage?.name === name)?.method?.[method.type];
  return typeof given === "object" && given !== null && "peft" in given;
}
