import type { CreateJob, Job } from "../../../../shared/api/jobs.ts";
import { settingsPath } from "../../../../shared/api/methods.ts";
import type { Pipeline } from "../../../../shared/api/pipelines.ts";
import { stagePath } from "../../../../shared/api/pipelines.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { type Idempotency, settleCreation } from "../../idempotency.ts";
import { unknownModel } from "../../unknown-model.ts";
import { findArtefact } from "../artefact-rows.ts";
import { tenantModule } from "../context.ts";
import type { JobEvalTemplate } from "../evals/job-eval-rows.ts";
import { requireFile } from "../files.ts";
import type { JobBase } from "../job-base.ts";
import { attempt, say } from "../job-course.ts";
import { tellDispatcher } from "../job-notices.ts";
import type { JobParent } from "../job-parent.ts";
import { addJob, jobOf, requireDatasets } from "../job-rows.ts";
import { advance, dueSoon } from "./advance.ts";
import { begin } from "./course.ts";
import { addPipeline, livePipelines, PIPELINE_TABLES, pipelineNeedingFile } from "./pipeline-rows.ts";
import { filesOf } from "./start-stage.ts";

/** How often a pipeline is looked at although nothing is known to have happened. */
const SWEEP_MS = 30_000;

export interface PipelineRequest {
  readonly request: CreateJob;
  /** Complete, and checked against the base. */
  readonly pipeline: Pipeline;
  readonly base: JobBase;
  readonly parent?: JobParent | undefined;
  /** What it is measured by, before and after. */
  readonly evals?: readonly JobEvalTemplate[];
}

/** Jobs whose stages are jobs. */
export const pipelines = tenantModule({
  schema: PIPELINE_TABLES,

  needsFile(db, file) {
    const job = pipelineNeedingFile(db, file);
    return job && `The pipeline ${job} still needs this file. Cancel it or wait for its end.`;
  },

  open(context) {
    const { db, now } = context;
    const seed = () => new DataView(context.random(new Uint8Array(4)).buffer).getUint32(0) >>> 1;

    return {
      calls: {
        /** @throws TrimtabError what the creation of each stage's job would throw, with the stage's field. */
        async create(
          { request, pipeline, base, parent, evals }: PipelineRequest,
          key: Idempotency | null,
        ): Promise<Job> {
          const id = context.newId("job");
          const created = db.transaction(() => {
            requireFiles(pipeline, request);
            if (parent !== undefined && findArtefact(db, parent.artefact) === undefined)
              throw unknownModel(parent.model);
            const method = { type: "pipeline" as const, pipeline: pipeline as never };
            const row = addJob(db, { id, request, method, seed: request.seed ?? seed(), base, parent, evals }, now());
            addPipeline(db, id, begin(pipeline.stages.length));
            say(context, id, { level: "info", message: `Created fine-tuning job: ${id}` });
            const shown = jobOf(db, row);
            settleCreation(db, key, shown);
            return shown;
          });
          // Armed first: a crash after this leaves a pipeline that the alarm starts.
          await context.rearm();
          await tellDispatcher(context);
          await attempt("start a pipeline", advance(context, id));
          return created;
        },
      },

      duty: {
        async run() {
          // One that cannot be carried on does not hold up the others; the alarm's next run tries it again.
          const work = livePipelines(db).map((job) => advance(context, job));
          const failed = (await Promise.allSettled(work)).find(({ status }) => status === "rejected");
          if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
        },
        next() {
          const live = livePipelines(db);
          if (live.some((job) => dueSoon(db, job))) return 0;
          return live.length > 0 ? now() + SWEEP_MS : null;
        },
      },
    };

    function requireFiles({ stages }: Pipeline, request: CreateJob): void {
      for (const [index, stage] of stages.entries()) {
        const { training, validation } = filesOf(stage, request);
        const path = stagePath(index);
        const own = (field: "training_file" | "validation_file") =>
          stage[field] === undefined ? field : `${path}.${field}`;
        const at = {
          ...{ training: own("training_file"), validation: own("validation_file") },
          method: `${path}.${settingsPath(stage.method)}`,
        };
        requireDatasets(db, stage.method, { training, validation, at });
      }
      for (const field of ["training_file", "validation_file"] as const) {
        const id = request[field];
        if (id === undefined) continue;
        requireFile(db, id, field);
        const name = field === "training_file" ? "training" : "validation";
        if (stages.some((stage) => stage[field] === undefined && filesOf(stage, request)[name] === id)) continue;
        const message = `\`${field}\` is used by no stage: each has files of its own. Leave it out of a stage that is to use it.`;
        throw new TrimtabError("invalid_request", message, { param: field });
      }
    }
  },
});
