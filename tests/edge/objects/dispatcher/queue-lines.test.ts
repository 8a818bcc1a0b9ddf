import { describe, expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import { DISPATCHER_MODULES } from "../../../../edge/objects/dispatcher/modules.ts";
import { type JobNotice, notice } from "../../../../edge/objects/dispatcher/notices.ts";
import { linesOf, noteYield, runnableBy } from "../../../../edge/objects/dispatcher/queue-lines.ts";
import { type QueuedJob, type QueueRow, releaseJob, takeJob } from "../../../../edge/objects/dispatcher/queue-rows.ts";
import { updateSchema } from "../../../../edge/objects/schema.ts";
import type { Executor } from "../../../../shared/api/methods.ts";
import { DEFAULTS, LIMITS } from "../../../../shared/limits.ts";
import { withDatabase } from "../../support/database.ts";
import { queuedNotice } from "../../support/job-notice.ts";

const withQueue = (body: (db: Database) => void) =>
  withDatabase((db) => {
    updateSchema(db, DISPATCHER_MODULES);
    body(db);
  });
const job = (name: string, executor: Executor | null = null) => ({ job: name, tenant: "t", executor, base: "b" });
const enqueue = (db: Database, queued: QueuedJob & Partial<Pick<JobNotice, "mostRunning">>) =>
  notice(db, queuedNotice(queued), 0);

function take(db: Database, now: number, executors: Executor[] = ["onnxruntime"], trainer = "a"): QueueRow | undefined {
  return takeJob(db, { trainer, executors, leaseSeconds: 10 }, now);
}

describe("the queue by tenant", () => {
  it("counts what runs and names what waits, for the executors that a trainer takes", () =>
    withQueue((db) => {
      for (const name of ["a0", "a1", "a2"]) enqueue(db, { ...job(name), tenant: "a", mostRunning: 5 });
      enqueue(db, { ...job("b0", "tensorflow"), tenant: "b" });
      enqueue(db, { ...job("c0"), tenant: "c", lane: "edits" });
      take(db, 0, ["tensorflow"], "gpu");
      expect(linesOf(db, "jobs", ["onnxruntime"])).toEqual([
        { tenant: "a", first: 2, running: 1, most: 5, lastTurn: 1 },
      ]);
      const b = { tenant: "b", first: 4, running: 0, most: DEFAULTS.runningJobs, lastTurn: 0 };
      expect(linesOf(db, "jobs", ["tensorflow"])).toContainEqual(b);
      expect(linesOf(db, "edits", ["onnxruntime"]).map(({ tenant }) => tenant)).toEqual(["c"]);
      expect([runnableBy(db, ["onnxruntime"]), runnableBy(db, ["tensorflow"])]).toEqual([
        ["onnxruntime"],
        ["tensorflow", "onnxruntime"],
      ]);
    }));

  it("has a long job give its trainer up for another tenant, once, and go on afterwards", () =>
    withQueue((db) => {
      const slice = LIMITS.trainerSliceMs;
      enqueue(db, { ...job("long"), tenant: "a" });
      const long = take(db, 0)!;
      enqueue(db, { ...job("more"), tenant: "a" });
      expect(noteYield(db, long, slice)).toBe(false);
      enqueue(db, { ...job("tf", "tensorflow"), tenant: "c" });
      take(db, 0, ["tensorflow"], "busy with something else");
      enqueue(db, { ...job("own"), tenant: "b" });
      expect([noteYield(db, long, slice - 1), noteYield(db, long, slice), noteYield(db, long, slice + 1)]).toEqual([
        false,
        true,
        true,
      ]);
      expect(noteYield(db, { job: "long", fence: 99 }, slice)).toBe(false);
      releaseJob(db, long);
      expect(take(db, slice)?.job).toBe("own");
      const again = take(db, slice)!;
      expect([again.job, noteYield(db, again, 3 * slice)]).toEqual(["long", false]);
    }));
});
