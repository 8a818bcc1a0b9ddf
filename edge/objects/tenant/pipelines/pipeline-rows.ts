/** Rows of pipelines: the course of each, beside the row of its job. */
import type { JobStatus } from "../../../../shared/api/job-status.ts";
import type { Pipeline, PipelinePlace, ShownStage } from "../../../../shared/api/pipelines.ts";
import type { Database } from "../../database.ts";
import type { Course } from "./course.ts";

export interface PipelineRow {
  readonly job: string;
  /** JSON of a `Course`. */
  readonly course: string;
  /** 1 while the Dispatcher is known to keep the base. */
  readonly base_held: 0 | 1;
}

export const PIPELINE_TABLES = [
  `CREATE TABLE IF NOT EXISTS pipelines (
    n INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL UNIQUE, course TEXT NOT NULL, base_held INTEGER NOT NULL DEFAULT 0)`,
];

const ENDED = "('succeeded', 'failed', 'cancelled')";

export function addPipeline(db: Database, job: string, course: Course): void {
  db.run("INSERT INTO pipelines (job, course) VALUES (?, ?)", job, JSON.stringify(course));
}

/** The course of a pipeline; undefined if the job is none. */
export function courseOf(db: Database, job: string): Course | undefined {
  const row = db.get<PipelineRow>("SELECT * FROM pipelines WHERE job = ?", job);
  return row && (JSON.parse(row.course) as Course);
}

export function keepCourse(db: Database, job: string, course: Course): void {
  db.run("UPDATE pipelines SET course = ? WHERE job = ?", JSON.stringify(course), job);
  db.run(`UPDATE jobs SET status = ? WHERE id = ? AND status NOT IN ${ENDED}`, course.status, job);
}

/** The pipelines that have not ended, oldest first. */
export function livePipelines(db: Database): string[] {
  return db
    .all<{ job: string }>(
      `SELECT pipelines.job FROM pipelines JOIN jobs ON jobs.id = pipelines.job WHERE jobs.status NOT IN ${ENDED} ORDER BY pipelines.n`,
    )
    .map(({ job }) => job);
}

/** A pipeline that has not ended and has a stage with a file of its own. */
export function pipelineNeedingFile(db: Database, file: string): string | undefined {
  return db.get<{ id: string }>(
    `SELECT jobs.id FROM jobs, json_each(jobs.spec, '$.method.pipeline.stages') AS stage
     WHERE jobs.status NOT IN ${ENDED} AND json_extract(jobs.spec, '$.method.type') = 'pipeline'
     AND (json_extract(stage.value, '$.training_file') = ?1 OR json_extract(stage.value, '$.validation_file') = ?1
       OR EXISTS (SELECT 1 FROM json_tree(stage.value, '$.method') WHERE key = 'rehearsal_file' AND value = ?1))`,
    file,
  )?.id;
}

/** A pipeline that has not ended and has a stage with that result. */
export function pipelineWithResult(db: Database, artefact: string): string | undefined {
  return db.get<{ id: string }>(
    `SELECT parent.id FROM jobs AS stage
     JOIN models ON models.id = stage.fine_tuned_model
     JOIN jobs AS parent ON parent.id = json_extract(stage.spec, '$.pipeline.job')
     WHERE models.artefact = ? AND parent.status NOT IN ${ENDED}`,
    artefact,
  )?.id;
}

/** What the reply for a pipeline's job has beside that of any job. */
export function shownCourse(
  db: Database,
  job: string,
  { stages }: Pipeline,
): { stages: ShownStage[]; stopped?: { stage: string; reason: string } } {
  const course = courseOf(db, job);
  const over = course !== undefined && ["succeeded", "failed", "cancelled"].includes(course.status);
  const shown = stages.map(({ name, method }, index): ShownStage => {
    const { job: child = null, model = null, metrics = null, gate = null } = course?.stages[index] ?? {};
    const status = child === null ? undefined : statusOf(db, child);
    return {
      name,
      type: method.type,
      status: status ?? (over ? "skipped" : "waiting"),
      job: child,
      fine_tuned_model: model,
      metrics: metrics === null ? null : { ...metrics },
      gate,
    };
  });
  return { stages: shown, ...(course?.stopped == null ? {} : { stopped: course.stopped }) };
}

function statusOf(db: Database, job: string): JobStatus | undefined {
  return db.get<{ status: JobStatus }>("SELECT status FROM jobs WHERE id = ?", job)?.status;
}

/** The place of a stage whose pipeline has not ended; undefined for any other job. */
export function liveStage(db: Database, job: string): PipelinePlace | undefined {
  return db.get<PipelinePlace>(
    `SELECT json_extract(stage.spec, '$.pipeline.job') AS job, json_extract(stage.spec, '$.pipeline.stage') AS stage
     FROM jobs AS stage JOIN jobs AS parent ON parent.id = json_extract(stage.spec, '$.pipeline.job')
     WHERE stage.id = ? AND parent.status NOT IN ${ENDED}`,
    job,
  );
}
