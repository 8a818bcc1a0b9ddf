import { describe, expect, it } from "vitest";
import {
  addJob,
  awaitTrainer,
  endJob,
  isTerminal,
  jobOf,
  keepResult,
  listJobs,
  pauseJob,
  requeueJob,
  requireJob,
} from "../../../../edge/objects/tenant/job-rows.ts";
import { Method } from "../../../../shared/api/methods.ts";
import { BASE, givenFile, givenJob, JOB, withTenant } from "../../support/tenant-database.ts";

describe("a job's row", () => {
  it("is shown as OpenAI's job", () =>
    withTenant((db) => {
      expect(jobOf(db, givenJob(db, JOB))).toMatchObject({
        id: JOB,
        object: "fine_tuning.job",
        organization_id: "t",
        model: "base",
        created_at: 3,
        status: "queued",
        suffix: "s",
        hyperparameters: { n_epochs: "auto" },
      });
      expect(listJobs(db, { limit: 1 })).toMatchObject({ first_id: JOB, has_more: false });
      expect(listJobs(db, { limit: 1, metadata: null }).data).toHaveLength(1);
      expect(listJobs(db, { limit: 1, metadata: { team: "a" } }).data).toHaveLength(0);
      expect(() => requireJob(db, "ftjob-x")).toThrow(expect.objectContaining({ code: "not_found" }));
    }));

  it("is not made for a dataset with nothing to learn", () =>
    withTenant((db) => {
      givenFile(db, "file-0", 0);
      const request = { model: "base", training_file: "file-0" };
      const job = { id: JOB, request, method: Method.parse({ type: "supervised" }), seed: 1, base: BASE };
      expect(() => addJob(db, job, 0)).toThrow(
        expect.objectContaining({ code: "invalid_dataset", param: "training_file" }),
      );
    }));

  it("ends with its error, or with what came of it", () =>
    withTenant((db) => {
      givenJob(db, JOB);
      const result = { kind: "delta" as const, digest: "d".repeat(64), files: [] };
      keepResult(db, JOB, { result, metrics: {}, trained_tokens: 9, hyperparameters: { n_epochs: 2 }, model: "ft:x" });
      endJob(db, JOB, { status: "succeeded" }, 9_000);
      expect(jobOf(db, requireJob(db, JOB))).toMatchObject({
        status: "succeeded",
        finished_at: 9,
        fine_tuned_model: "ft:x",
        trained_tokens: 9,
        hyperparameters: { n_epochs: 2, batch_size: "auto" },
        error: null,
      });
      const error = { code: "non_finite", message: "m", param: null };
      endJob(db, JOB, { status: "failed", error }, 9_000);
      expect(jobOf(db, requireJob(db, JOB)).error).toEqual(error);
      expect([isTerminal("failed"), isTerminal("paused")]).toEqual([true, false]);
    }));

  it("notes each change that the Dispatcher has to be told of", () =>
    withTenant((db) => {
      const told = () => {
        const { told, changes } = requireJob(db, JOB);
        return [told, changes];
      };
      givenJob(db, JOB);
      expect(told()).toEqual([0, 0]);
      db.run("UPDATE jobs SET told = 1");
      pauseJob(db, JOB);
      expect(told()).toEqual([0, 1]);
      requeueJob(db, JOB);
      expect(told()).toEqual([0, 2]);
      db.run("UPDATE jobs SET told = 1");
      // It never left the queue.
      awaitTrainer(db, JOB);
      expect(told()).toEqual([1, 2]);
      endJob(db, JOB, { status: "cancelled" }, 1_000);
      expect(told()).toEqual([0, 3]);
    }));
});
