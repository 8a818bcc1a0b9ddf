import type { EditSettings } from "../../../../shared/api/edit-settings.ts";
import type { EditSummary } from "../../../../shared/api/edits.ts";
import type { Deleted, ListOf, Page } from "../../../../shared/api/lists.ts";
import type { MethodOf } from "../../../../shared/api/methods.ts";
import { EDIT_REPORT_FILE } from "../../../../shared/edits/report.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import type { BlobSource } from "../../../blobs/blob-source.ts";
import { type Idempotency, settleCreation } from "../../idempotency.ts";
import { tenantModule } from "../context.ts";
import { dropPendingFile, type FileRow, finishFile, requireFile } from "../files.ts";
import { tellDispatcher } from "../job-notices.ts";
import { requireNoJobOn } from "../job-parent.ts";
import { baseOf, findJob, isTerminal, requireJob, specOf } from "../job-rows.ts";
import { ownedModel, type RequestedDelta } from "../resolve.ts";
import { type EditContext, editContext } from "./edit-context.ts";
import { type NewEditJob, type StoredFacts, startEditJob, stopEditJobs } from "./edit-jobs.ts";
import {
  addEdit,
  dropEdit,
  dropReports,
  EDIT_TABLES,
  type EditRow,
  editOfJob,
  editsWithDeltas,
  editWithFile,
  editWithModel,
  editWithReport,
  listEdits,
  requireEdit,
  stackedOn,
} from "./edit-rows.ts";
import { changedMeanwhile, requireRoom, requireSolved } from "./requirements.ts";
import { shownEdit, statusOf } from "./shown-edit.ts";

/** An edit, and where what it consists of lies. */
export interface FoundEdit {
  readonly edit: EditSummary;
  /** The facts as they were sent; of merged edits, their reports. */
  readonly facts: BlobSource | null;
  /** What its job reports; null while there is none. */
  readonly report: BlobSource | null;
  /** The edits on which it was solved, by their deltas. */
  readonly beneath: Readonly<Record<string, string>>;
}

/** What is kept of a request that takes a fact out: the edit, and the job that solves the others. */
export interface RemovedFact {
  readonly id: string;
  readonly job: string;
}

/** Edits of facts, as jobs on the lane for them and as what these come to. */
export const edits = tenantModule({
  schema: EDIT_TABLES,

  needsFile(db, file) {
    const deletes = ({ id }: EditRow) => `the edit ${id}. DELETE /v1/edits/${id} deletes both.`;
    const ofFacts = editWithFile(db, file);
    if (ofFacts !== undefined) return `The file holds the facts of ${deletes(ofFacts)}`;
    const reported = editWithReport(db, file);
    return reported && `The file is the report of ${deletes(reported)}`;
  },

  needsModel(db, model) {
    const edit = editWithModel(db, model);
    return edit && `The model ${model} is the edit ${edit.id}. DELETE /v1/edits/${edit.id} undoes it.`;
  },

  open(context) {
    const { db, now, rearm, requireFileUnused, requireModelUnused } = context;

    const sourceOf = ({ blob, bytes, sha256 }: FileRow): BlobSource => ({ key: blob, bytes, sha256 });
    const reportOf = (job: string | null): BlobSource | null => {
      if (job === null) return null;
      const where = "job = ? AND filename = ? AND state = 'ready'";
      const row = db.get<FileRow>(`SELECT * FROM files WHERE ${where} ORDER BY n DESC LIMIT 1`, job, EDIT_REPORT_FILE);
      return row === undefined ? null : sourceOf(row);
    };
    const found = (row: EditRow): FoundEdit => {
      const beneath = editsWithDeltas(
        db,
        stackedOn(row).map(({ artefact }) => artefact),
      );
      return {
        edit: shownEdit(db, row),
        facts: row.file === null ? null : sourceOf(requireFile(db, row.file, "edit_id")),
        report: reportOf(row.job),
        beneath: Object.fromEntries(beneath.map(({ delta, id }) => [delta!, id])),
      };
    };

    return {
      calls: {
        /** What facts for a model are solved on. */
        async context(name: string, deltas: readonly RequestedDelta[]): Promise<EditContext> {
          const base = await context.readyBase(ownedModel(db, name).baseId);
          // Looked up again after the wait.
          const owned = ownedModel(db, name);
          return editContext(db, { tenant: context.tenant().id, owned, deltas }, base);
        },

        /** Creates an edit, or a job that checks facts or traces a model, whose facts are stored. Returns its id and its job's. */
        async create(asked: NewEditJob, key: Idempotency | null): Promise<{ id: string; job: string }> {
          const id = context.newId("edit");
          const job = db.transaction(() => {
            if (asked.kind === "edit") requireRoom(context);
            const row = startEditJob(context, asked, id);
            const { kind, model, stack, metadata, file } = asked;
            const parts = { kind, model, stack, metadata, base: asked.base.id, facts: file.facts.lines };
            addEdit(db, { ...parts, id, job: row.id, file: file.id }, now());
            settleCreation(db, key, { id });
            return row.id;
          });
          await tellDispatcher(context);
          return { id, job };
        },

        list: (page: Page & { readonly model?: string | undefined }): ListOf<EditSummary> =>
          listEdits(db, page, (row) => shownEdit(db, row)),

        get: (id: string): FoundEdit => found(requireEdit(db, id)),

        /** The edits whose deltas are among those. */
        withDeltas: (deltas: readonly string[]): FoundEdit[] => editsWithDeltas(db, deltas).map(found),

        /** Waits until a job has ended, `waitMs` at the longest; returns whether it has. */
        async awaitJob(job: string, waitMs: number): Promise<boolean> {
          const until = now() + waitMs;
          while (!isTerminal(requireJob(db, job).status) && now() < until) {
            await context.signals.next(job, until - now());
          }
          return isTerminal(requireJob(db, job).status);
        },

        /** The job that traces a base; null if there is none under way. */
        tracingJob(base: string): string | null {
          const where = "kind = 'tracing' AND base = ?";
          return db.get<EditRow>(`SELECT * FROM edits WHERE ${where}`, base)?.job ?? null;
        },

        /** The report of a job that checks, as far as it has one. */
        report: (job: string): BlobSource | null => reportOf(job),

        /** Deletes the report of a job that checked, once it is read or nobody waits for it any more. */
        async dropReport(job: string): Promise<void> {
          db.transaction(() => {
            if (editOfJob(db, job) === undefined) dropReports(db, job, now());
          });
          await rearm();
        },

        /** Ends the solve of an edit, or of the facts that are left of it. */
        async cancel(id: string): Promise<void> {
          db.transaction(() => {
            const row = requireEdit(db, id);
            const hasStopped = stopEditJobs(context, row);
            const status = statusOf(row, row.job === null ? undefined : findJob(db, row.job));
            if (hasStopped || status === "cancelled") return;
            const message = `The edit ${id} has ended (${status}) and cannot be cancelled. DELETE /v1/edits/${id} undoes it.`;
            throw new TrimtabError("conflict", message, { param: "edit_id" });
          });
          await tellDispatcher(context);
        },

        /**
         * Undoes an edit: its delta, its model, its facts. Models that were solved on it go on without it. Requests under way end with
         * what they began with.
         *
         * @throws TrimtabError conflict while an alias or a job needs it.
         */
        async delete(id: string, key: Idempotency | null): Promise<Deleted> {
          const deleted: Deleted = { id, object: "edit", deleted: true };
          db.transaction(() => {
            const row = requireEdit(db, id);
            stopEditJobs(context, row);
            if (row.delta !== null) requireNoJobOn(db, row.delta);
            dropEdit(db, requireEdit(db, id), now());
            if (row.model_name !== null) requireModelUnused(row.model_name);
            if (row.file !== null) requireFileUnused(row.file);
            settleCreation(db, key, deleted);
          });
          await tellDispatcher(context);
          return deleted;
        },

        /**
         * Takes a fact out: solves the others again. Until that has succeeded the edit serves as it was.
         *
         * @param file the facts that are left
         * @returns the job
         * @throws TrimtabError conflict for an edit that has not succeeded, was merged, or of which a fact is being taken out already.
         */
        async removeFact(
          id: string,
          { fact, file }: { readonly fact: number; readonly file: StoredFacts },
          key: Idempotency | null,
        ): Promise<string> {
          const job = db.transaction(() => {
            const row = requireEdit(db, id);
            const solved = requireSolved(context, row);
            if (file.facts.lines !== row.facts - 1) throw changedMeanwhile(id);
            requireNoJobOn(db, row.delta!);
            const spec = specOf(solved);
            const settings = (spec.method as MethodOf<"edit">).edit satisfies EditSettings;
            const on = stackedOn(row).map(({ artefact, weight }) => ({ id: artefact, weight }));
            const { suffix, seed, validation_file: statisticsFile } = spec;
            const again = startEditJob(
              context,
              {
                ...{
                  kind: "edit",
                  model: row.model,
                  base: baseOf(solved),
                  stack: stackedOn(row),
                  file,
                  statisticsFile,
                },
                ...{ suffix, seed, metadata: null, method: { type: "edit", edit: { ...settings, on } } },
              },
              id,
            );
            const removal = { fact, job: again.id, file: file.id, facts: file.facts.lines, failed: null };
            db.run("UPDATE edits SET removal = ? WHERE id = ?", JSON.stringify(removal), id);
            settleCreation(db, key, { id, job: again.id } satisfies RemovedFact);
            return again.id;
          });
          await tellDispatcher(context);
          return job;
        },

        /** Refuses what `removeFact` would, before the facts that are left are stored. */
        requireRemovable(id: string): void {
          requireSolved(context, requireEdit(db, id));
        },

        /** Refuses another edit where there are as many as there may be. */
        requireRoom: (): void => requireRoom(context),

        /**
         * Makes an edit of a delta that is the sum of others'. `file` has the reports of their facts. An equal sum is found as it is.
         */
        addMerged(
          merged: Pick<NewEditJob, "model" | "stack" | "metadata" | "file"> & {
            readonly base: string;
            readonly delta: string;
            readonly modelName: string;
            readonly from: readonly string[];
          },
          key: Idempotency | null,
        ): string {
          return db.transaction(() => {
            const { file, from, delta, modelName, ...parts } = merged;
            const before = editWithModel(db, modelName);
            if (before !== undefined) {
              dropPendingFile(db, file.id, now());
              settleCreation(db, key, { id: before.id });
              return before.id;
            }
            requireRoom(context);
            finishFile(db, file.id, { ...file.facts, purpose: "edit" }, now());
            const id = context.newId("edit");
            const facts = file.facts.lines;
            addEdit(db, { ...parts, id, kind: "edit", job: null, file: file.id, facts, mergedFrom: from }, now());
            db.run("UPDATE edits SET model_name = ?, delta = ? WHERE id = ?", modelName, delta, id);
            const stack = parts.stack.length === 0 ? null : JSON.stringify(parts.stack);
            db.run("UPDATE models SET on_top_of = ? WHERE id = ?", stack, modelName);
            settleCreation(db, key, { id });
            return id;
          });
        },
      },
    };
  },
});
