import { describe, expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import { DISPATCHER_MODULES } from "../../../../edge/objects/dispatcher/modules.ts";
import { notice } from "../../../../edge/objects/dispatcher/notices.ts";
import {
  extendLease,
  findQueued,
  forgetPaused,
  isExhausted,
  jobsOnBase,
  lapsedLeases,
  nextLapse,
  noteProgress,
  postponeLapse,
  type QueuedJob,
  type QueueRow,
  queueCounts,
  releaseJob,
  removeLeased,
  requeue,
  takeJob,
} from "../../../../edge/objects/dispatcher/queue-rows.ts";
import { updateSchema } from "../../../../edge/objects/schema.ts";
import type { JobStatus } from "../../../../shared/api/jobs.ts";
import type { Lane } from "../../../../shared/api/lanes.ts";
import type { Executor } from "../../../../shared/api/methods.ts";
import { withDatabase } from "../../support/database.ts";
import { endNotice, queuedNotice } from "../../support/job-notice.ts";

const withQueue = (body: (db: Database) => void) =>
  withDatabase((db) => {
    updateSchema(db, DISPATCHER_MODULES);
    body(db);
  });
const job = (name: string, executor: Executor | null = null) => ({ job: name, tenant: "t", executor, base: "b" });
const enqueue = (db: Database, queued: QueuedJob) => notice(db, queuedNotice(queued), 0);
const remove = (db: Database, name: string, ended: JobStatus | null) => notice(db, endNotice(name, ended), 0);

function take(db: Database, now: number, executors: Executor[] = ["onnxruntime"], trainer = "a"): QueueRow | undefined {
  return takeJob(db, { trainer, executors, leaseSeconds: 10 }, now);
}

describe("the queue", () => {
  it("gives jobs out in order, once, with growing fences", () =>
    withQueue((db) => {
      for (const name of ["one", "two", "one"]) enqueue(db, job(name));
      const rows = [take(db, 0), take(db, 0), take(db, 0)];
      expect(rows.map((row) => [row?.job, row?.fence])).toEqual([
        ["one", 1],
        ["two", 2],
        [undefined, undefined],
      ]);
      expect(rows[0]).toMatchObject({ state: "leased", attempts: 1, lease_until: 10_000, trainer: "a" });
      expect(nextLapse(db)).toBe(10_000);
    }));

  it("prolongs a lease, and one that has lapsed as long as nobody else has the job", () =>
    withQueue((db) => {
      enqueue(db, job("one"));
      take(db, 0);
      const hold = { job: "one", fence: 1 };
      expect(extendLease(db, hold, 5_000)).toBe(10);
      expect(lapsedLeases(db, 14_999)).toEqual([]);
      const [lapsed] = lapsedLeases(db, 15_000);
      requeue(db, lapsed as QueueRow);
      expect(findQueued(db, "one")).toMatchObject({ state: "queued", lease_until: null });
      expect(extendLease(db, hold, 16_000)).toBe(10);
      expect(findQueued(db, "one")).toMatchObject({ state: "leased", lease_until: 26_000 });
      requeue(db, findQueued(db, "one") as QueueRow);
      expect(take(db, 30_000)?.fence).toBe(2);
      expect(extendLease(db, hold, 31_000)).toBeUndefined();
      expect(extendLease(db, { job: "none", fence: 1 }, 31_000)).toBeUndefined();
    }));

  it("counts attempts without progress", () =>
    withQueue((db) => {
      enqueue(db, job("one"));
      for (let attempt = 1; attempt < 5; attempt++) {
        const row = take(db, 0) as QueueRow;
        expect([row.attempts, isExhausted(row)]).toEqual([attempt, false]);
        requeue(db, row);
      }
      const fifth = take(db, 0) as QueueRow;
      expect(isExhausted(fifth)).toBe(true);
      noteProgress(db, fifth);
      expect(isExhausted(findQueued(db, "one") as QueueRow)).toBe(false);
      releaseJob(db, fifth);
      expect(findQueued(db, "one")).toMatchObject({ state: "queued", attempts: 0 });
    }));

  it("matches executors while somebody offers them", () =>
    withQueue((db) => {
      enqueue(db, job("tf", "tensorflow"));
      enqueue(db, job("any"));
      take(db, 0, ["tensorflow"], "gpu");
      releaseJob(db, { job: "tf", fence: 1 });
      expect(take(db, 1_000)?.job).toBe("any");
      expect(take(db, 2_000)).toBeUndefined();
      // The trainer with TensorFlow has not been seen for two minutes.
      expect(take(db, 130_000)?.job).toBe("tf");
    }));

  it("keeps lanes apart, and gives a trainer of several the edits first", () =>
    withQueue((db) => {
      for (const name of ["long", "longer"]) enqueue(db, job(name));
      for (const name of ["edit", "next edit"]) enqueue(db, { ...job(name), lane: "edits" });
      const from = (lanes?: readonly Lane[]) =>
        takeJob(db, { trainer: "a", executors: ["onnxruntime"], lanes, leaseSeconds: 10 }, 0)?.job;
      expect(from(["jobs"])).toBe("long");
      expect(from(["edits"])).toBe("edit");
      // One from before there were lanes cannot read an edit.
      expect([from(), from()]).toEqual(["longer", undefined]);
      enqueue(db, job("longest"));
      const both = ["jobs", "edits"] as const;
      expect([from(both), from(both), from(both)]).toEqual(["next edit", "longest", undefined]);
    }));

  it("gives tenants turns in the lane for edits, and goes by age in the first", () =>
    withQueue((db) => {
      const lanes = ["jobs", "edits"] as const;
      for (const lane of lanes) {
        for (const name of ["a1", "a2", "a3", "b1", "b2", "c1"]) {
          enqueue(db, { ...job(`${lane}-${name}`), tenant: name[0]!, lane });
        }
      }
      const next = (lane: Lane) =>
        takeJob(db, { trainer: "t", executors: ["onnxruntime"], lanes: [lane], leaseSeconds: 10 }, 0)?.job;
      const order = (lane: Lane) => [1, 2, 3, 4, 5, 6].map(() => next(lane)?.slice(lane.length + 1));
      expect(order("edits")).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
      expect(order("jobs")).toEqual(["a1", "a2", "a3", "b1", "b2", "c1"]);
      // One who comes later waits for one job of the others at the most.
      for (const name of ["a4", "a5"]) enqueue(db, { ...job(name), tenant: "a", lane: "edits" });
      enqueue(db, { ...job("d1"), tenant: "d", lane: "edits" });
      expect([next("edits"), next("edits"), next("edits")]).toEqual(["d1", "a4", "a5"]);
    }));

  it("forgets a job once, and counts how it ended", () =>
    withQueue((db) => {
      for (const name of ["one", "two", "three"]) enqueue(db, job(name));
      remove(db, "one", "succeeded");
      remove(db, "one", "succeeded");
      remove(db, "two", null);
      take(db, 0);
      expect(queueCounts(db, 0)).toEqual({ queued: 0, leased: 1, trainers: 1, ended: { succeeded: 1 } });
    }));

  it("knows the jobs that train on a base", () =>
    withQueue((db) => {
      for (const name of ["one", "two"]) enqueue(db, job(name));
      enqueue(db, { ...job("other"), base: "c" });
      take(db, 0);
      const names = (base: string) => jobsOnBase(db, base).map(({ job }) => job);
      expect([names("b"), names("c"), names("d")]).toEqual([["one", "two"], ["other"], []]);
      remove(db, "one", "succeeded");
      expect(jobsOnBase(db, "b")).toEqual([{ job: "two", paused: false }]);
    }));

  it("keeps the base of a paused job until it is queued again, ends or is forgotten", () =>
    withQueue((db) => {
      for (const name of ["one", "two", "three"]) enqueue(db, job(name));
      // A trainer that lost the job does not pause it.
      expect(removeLeased(db, { ...findQueued(db, "one")!, fence: 7 }, { mayComeBack: true })).toBe(false);
      expect(jobsOnBase(db, "b")[0]).toEqual({ job: "one", paused: false });
      for (const name of ["one", "two", "three"]) remove(db, name, null);
      expect(jobsOnBase(db, "b")).toEqual(["one", "two", "three"].map((name) => ({ job: name, paused: true })));
      enqueue(db, job("one"));
      remove(db, "two", "cancelled");
      expect(forgetPaused(db, "three")).toBe(true);
      expect(jobsOnBase(db, "b")).toEqual([{ job: "one", paused: false }]);
      expect(queueCounts(db, 0)).toMatchObject({ queued: 1, ended: { cancelled: 1 } });
    }));

  it("looks again later at a lapse that could not be settled", () =>
    withQueue((db) => {
      enqueue(db, job("one"));
      const row = take(db, 0) as QueueRow;
      postponeLapse(db, row, 20_000);
      expect([lapsedLeases(db, 10_000), nextLapse(db)]).toEqual([[], 20_000]);
    }));
});
