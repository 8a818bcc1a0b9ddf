/** The jobs that solve edits: how one starts, and how it is ended early. */
import type { MethodOf } from "../../../../shared/api/methods.ts";
import type { StackedDelta } from "../artefact-rows.ts";
import type { TenantContext } from "../context.ts";
import { type FileFacts, finishFile } from "../files.ts";
import type { JobBase } from "../job-base.ts";
import { end, say } from "../job-course.ts";
import { addJob, findJob, isTerminal, type JobRow, requireDatasets } from "../job-rows.ts";
import { type EditRow, removalOf } from "./edit-rows.ts";

/** A file whose bytes are stored, and what was found in it. */
export interface StoredFacts {
  readonly id: string;
  readonly facts: FileFacts;
}

export interface NewEditJob {
  readonly kind: EditRow["kind"];
  /** As the request names it. */
  readonly model: string;
  readonly base: JobBase;
  readonly stack: readonly StackedDelta[];
  readonly method: MethodOf<"edit"> | MethodOf<"causal_tracing">;
  readonly file: StoredFacts;
  readonly statisticsFile: string | null;
  readonly seed: number | null;
  readonly suffix: string | null;
  readonly metadata: Readonly<Record<string, string>> | null;
}

const STATISTICS = { validation: "statistics_file" };

/** Records a job and what it is for; within a transaction. The caller hands it to the Dispatcher afterwards. */
export function startEditJob(context: TenantContext, asked: NewEditJob, edit: string): JobRow {
  const { db, now } = context;
  const { base, method, file, statisticsFile: validation } = asked;
  finishFile(db, file.id, { ...file.facts, purpose: "edit" }, now());
  requireDatasets(db, method, { training: file.id, validation, at: STATISTICS });
  const request = {
    model: base.id,
    training_file: file.id,
    ...(validation === null ? {} : { validation_file: validation }),
    ...(asked.suffix === null ? {} : { suffix: asked.suffix }),
  };
  const id = context.newId("job");
  const row = addJob(db, { id, request, method, seed: asked.seed ?? newSeed(context), base }, now());
  say(context, id, { level: "info", message: `Created the job ${id} of the edit ${edit}` });
  return row;
}

const newSeed = ({ random }: TenantContext) => new DataView(random(new Uint8Array(4)).buffer).getUint32(0) >>> 1;

/** Ends the jobs of an edit that have not ended: its own and that of a removal; within a transaction. Returns whether there was one. */
export function stopEditJobs(context: TenantContext, edit: EditRow): boolean {
  const live = [edit.job, removalOf(edit)?.job ?? null].flatMap((job) => {
    const row = job === null ? undefined : findJob(context.db, job);
    return row === undefined || isTerminal(row.status) ? [] : [row.id];
  });
  for (const job of live) end(context, job, { status: "cancelled", message: "The edit was cancelled" });
  return live.length > 0;
}
