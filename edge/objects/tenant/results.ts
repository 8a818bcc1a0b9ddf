import type { ArtefactKind } from "../../../shared/api/artefact-kinds/registry.ts";
import { checkpointName, fineTunedName } from "../../../shared/api/ids.ts";
import { mayPublishNothing } from "../../../shared/api/methods.ts";
import type { Completion, PublishCheckpoint, Result } from "../../../shared/api/trainer.ts";
import type { Manifest } from "../../../shared/delta/manifest.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { dropReservation, reserveBlob } from "../blob-ledger.ts";
import type { Hold } from "../hold.ts";
import { artefactId, artefactPrefix, publish } from "./artefact-rows.ts";
import { addCheckpoint } from "./checkpoint-rows.ts";
import { tenantModule } from "./context.ts";
import { editOfJob, noteSolved } from "./edits/edit-rows.ts";
import { keptMeasurement } from "./edits/measured.ts";
import { requireFence, requireHold } from "./holds.ts";
import { end, say } from "./job-course.ts";
import { stackOfJob } from "./job-models.ts";
import { tellDispatcher } from "./job-notices.ts";
import { baseOf, type JobRow, keepResult, specOf } from "./job-rows.ts";
import { KEPT_DATASETS, KEPT_FILES_TABLE, type KeptFileRow, keepFile } from "./kept-files.ts";
import { addResultFiles, storeResultFiles } from "./result-files.ts";
import { addUsage } from "./usage.ts";
import { verifyStored } from "./verify-result.ts";

/** A file of a result, before it is stored. */
export interface ResultFile {
  readonly kind: ArtefactKind;
  readonly digest: string;
  readonly name: string;
}

/** What trainers publish for the jobs that they hold. Every write checks the fence in its own transaction. */
export const results = tenantModule({
  schema: [KEPT_FILES_TABLE, KEPT_DATASETS],
  open(context) {
    const { db, now, rearm, newId, tenant } = context;

    const nameFor = (row: JobRow): string =>
      fineTunedName({ base: baseOf(row).id, tenant: tenant().id, suffix: specOf(row).suffix, id: row.id });

    const publishFor = (row: JobRow, name: string, made: { result: Result; manifest: Manifest | null }): void =>
      publish(
        db,
        { ...made, tenant: tenant().id, name, base: baseOf(row), job: row.id, onTopOf: stackOfJob(specOf(row)) },
        now(),
      );

    const verify = (hold: Hold, result: Result): Promise<Manifest | null> =>
      verifyStored(context, result, baseOf(requireHold(db, hold)));

    /** What a job that has completed with that result was answered. */
    const completedBefore = (hold: Hold, result: Result | null): { readonly model: string | null } | undefined => {
      const row = requireFence(db, hold);
      const isSame = row.status === "succeeded" && row.result === (result?.digest ?? null);
      return isSame ? { model: row.fine_tuned_model } : undefined;
    };

    /** Within the transaction that completes a job. Returns the name that serves the result. */
    const publishResult = (row: JobRow, made: { result: Result; manifest: Manifest | null }): string => {
      // An edit that is solved again keeps its name.
      const model = editOfJob(db, row.id)?.model_name ?? nameFor(row);
      publishFor(row, model, made);
      say(context, row.id, { level: "info", message: `New fine-tuned model created: ${model}` });
      return model;
    };

    return {
      calls: {
        /** Records that a file of a result is about to be stored. Returns the key for its bytes. */
        async beginFile(hold: Hold, { kind, digest, name }: ResultFile): Promise<string> {
          requireHold(db, hold);
          const key = artefactPrefix(tenant().id, kind, digest) + name;
          reserveBlob(db, key, now());
          await rearm();
          return key;
        },

        /** Records that a file for the job's owner is about to be stored. Returns the key for its bytes. */
        async beginKept(hold: Hold, name: string): Promise<string> {
          requireHold(db, hold);
          const key = `tenants/${tenant().id}/jobs/${hold.job}/kept/${name}-${hold.fence}-${newId("file")}`;
          reserveBlob(db, key, now());
          await rearm();
          return key;
        },

        /** Keeps a file whose bytes are stored. */
        async keep(hold: Hold, file: Omit<KeptFileRow, "job">): Promise<void> {
          db.transaction(() => {
            requireHold(db, hold);
            keepFile(db, { ...file, job: hold.job }, now());
          });
          await rearm();
        },

        /** Abandons a file whose bytes did not arrive. */
        async dropKept(key: string): Promise<void> {
          dropReservation(db, key, now());
          await rearm();
        },

        async publishCheckpoint(hold: Hold, step: number, { result, metrics }: PublishCheckpoint): Promise<string> {
          const manifest = await verify(hold, result);
          return db.transaction(() => {
            const row = requireHold(db, hold);
            const model = checkpointName(nameFor(row), step);
            publishFor(row, model, { result, manifest });
            addCheckpoint(db, { id: newId("checkpoint"), job: row.id, step, model, metrics }, now());
            say(context, row.id, { level: "info", message: `Checkpoint created at step ${step}` });
            return model;
          });
        },

        /**
         * Completes a job and publishes its result, if it has one. A repeat by the same trainer with the same result gets the same
         * reply: the name of the model, or null.
         */
        async complete(hold: Hold, completion: Completion): Promise<string | null> {
          const { result } = completion;
          const before = completedBefore(hold, result);
          if (before !== undefined) return before.model;
          const { method } = specOf(requireHold(db, hold));
          if (result === null && !mayPublishNothing(method)) {
            const message = `A job of the type ${method.type} ends with a result to publish.`;
            throw new TrimtabError("invalid_request", message, { param: "result" });
          }
          const manifest = result === null ? null : await verify(hold, result);
          const measured = method.type === "edit" ? await keptMeasurement(context, hold.job) : null;
          const resultFiles = await storeResultFiles(context, hold.job);
          const name = db.transaction(() => {
            // Another call of the same trainer may have come first while the files were checked.
            const done = completedBefore(hold, result);
            if (done !== undefined) return done.model;
            const row = requireHold(db, hold);
            const model = result === null ? null : publishResult(row, { result, manifest });
            const published = result === null ? null : { model: model!, delta: artefactId(result) };
            noteSolved(db, row.id, { published, measured }, now());
            keepResult(db, row.id, { ...completion, model });
            addResultFiles(db, row.id, resultFiles, now());
            end(context, row.id, { status: "succeeded", message: "The job has successfully completed" });
            addUsage(db, { trainedTokens: completion.trained_tokens }, now());
            return model;
          });
          await tellDispatcher(context);
          return name;
        },
      },
    };
  },
});
