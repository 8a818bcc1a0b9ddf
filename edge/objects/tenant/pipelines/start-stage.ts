import type { ArtefactKindRow } from "../../../../shared/api/artefact-kinds/kind.ts";
import { ARTEFACT_KINDS } from "../../../../shared/api/artefact-kinds/registry.ts";
import { withModels } from "../../../../shared/api/pipeline-references.ts";
import type { Stage } from "../../../../shared/api/pipelines.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { findArtefact, findModel, folderOf } from "../artefact-rows.ts";
import type { TenantContext } from "../context.ts";
import { say } from "../job-course.ts";
import type { JobParent } from "../job-parent.ts";
import { addJob, baseOf, type JobRow, specOf } from "../job-rows.ts";
import { happen, stagesOf } from "./apply.ts";
import { dueOf } from "./course.ts";
import { courseOf } from "./pipeline-rows.ts";

/**
 * Creates the job of the stage whose turn it is, and records it in the pipeline's course, in the caller's transaction. Does nothing
 * where the stage is no longer due. The caller hands the job to the Dispatcher.
 *
 * @throws TrimtabError what the creation of a job throws.
 */
export function startStage(context: TenantContext, pipeline: JobRow): void {
  const { db } = context;
  const course = courseOf(db, pipeline.id);
  const due = course === undefined ? null : dueOf(course);
  if (due === null || !("start" in due)) return;
  const stages = stagesOf(context, pipeline.id);
  const stage = stages[due.start]!;
  const made = (name: string): string => {
    const index = stages.findIndex((one) => one.name === name);
    const model = course?.stages[index]?.model;
    if (model != null) return model;
    throw new TrimtabError("internal_error", `The stage ${name} has no result yet.`);
  };
  const spec = specOf(pipeline);
  const method = withModels(stage.method, made);
  const parent = typeof stage.model === "object" ? stageParent(context, stage, made(stage.model.stage)) : spec.parent;
  const { training, validation } = filesOf(stage, spec);
  const suffix = [spec.suffix, stage.name].filter((part) => part !== null).join("-");
  const request = {
    ...{ model: parent?.model ?? baseOf(pipeline).id, training_file: training, suffix },
    ...(validation === null ? {} : { validation_file: validation }),
    ...(spec.executor === null ? {} : { executor: spec.executor }),
  };
  const id = context.newId("job");
  const place = { job: pipeline.id, stage: stage.name };
  const seed = stage.seed ?? spec.seed;
  addJob(db, { id, request, method, seed, base: baseOf(pipeline), parent, pipeline: place }, context.now());
  say(context, id, {
    level: "info",
    message: `Created fine-tuning job: ${id}, the stage ${stage.name} of ${pipeline.id}`,
  });
  happen(context, pipeline.id, { type: "started", job: id });
}

/** The files of a stage: its own, or those of the job. */
export function filesOf(
  stage: Pick<Stage, "training_file" | "validation_file">,
  job: { readonly training_file: string; readonly validation_file?: string | null | undefined },
): { readonly training: string; readonly validation: string | null } {
  const { training_file: own } = stage;
  const inherited = own === undefined ? (job.validation_file ?? null) : null;
  return { training: own ?? job.training_file, validation: stage.validation_file ?? inherited };
}

/** An earlier stage's result, as what a job continues from. */
function stageParent({ db }: TenantContext, stage: Stage, model: string): JobParent {
  const row = findModel(db, model);
  const artefact = row && findArtefact(db, row.artefact);
  if (artefact === undefined) {
    throw new TrimtabError("model_not_found", `The model ${model} of an earlier stage was deleted.`, {
      param: "model",
    });
  }
  const serves: ArtefactKindRow["serves"] = ARTEFACT_KINDS[artefact.kind].serves;
  return {
    ...folderOf(artefact),
    ...{ model, artefact: artefact.id, kind: serves === "delta" ? "delta" : "model" },
    ...(stage.continue_with === "adapter" ? { continue_with: "adapter" as const } : {}),
  };
}
