import { describe, expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import { DISPATCHER_MODULES } from "../../../../edge/objects/dispatcher/modules.ts";
import { compare, type JobNotice, noteEnded, notice } from "../../../../edge/objects/dispatcher/notices.ts";
import {
  extendLease,
  findQueued,
  jobsOnBase,
  type QueueRow,
  queueCounts,
  requeue,
  takeJob,
} from "../../../../edge/objects/dispatcher/queue-rows.ts";
import { updateSchema } from "../../../../edge/objects/schema.ts";
import { withDatabase } from "../../support/database.ts";

const withQueue = (body: (db: Database) => void) =>
  withDatabase((db) => {
    updateSchema(db, DISPATCHER_MODULES);
    body(db);
  });
const HOUR = 3_600_000;

const first: JobNotice = {
  ...{ job: "one", tenant: "t", executor: null, base: "b" },
  ...{ version: 0, wanted: "queued", ended: null, runsJobs: false, fence: 0 },
};
const paused: JobNotice = { ...first, version: 1, wanted: "kept" };
const resumed: JobNotice = { ...first, version: 2 };
const cancelled: JobNotice = { ...first, version: 3, wanted: "ended", ended: "cancelled" };
const take = (db: Database, now = 0) =>
  takeJob(db, { trainer: "a", executors: ["onnxruntime"], leaseSeconds: 10 }, now);

describe("notices of a job", () => {
  it("come in any order and any number, and the newest holds", () => {
    const orders = [
      [first, paused, resumed, cancelled],
      [cancelled, resumed, paused, first],
      [first, cancelled, first, resumed, cancelled],
      [paused, first, cancelled, paused],
    ];
    for (const order of orders) {
      withQueue((db) => {
        for (const each of order) notice(db, each, 0);
        expect([findQueued(db, "one"), jobsOnBase(db, "b")]).toEqual([undefined, []]);
        expect(queueCounts(db, 0).ended).toEqual({ cancelled: 1 });
      });
    }
  });

  it("keep its place in the queue where they change nothing", () =>
    withQueue((db) => {
      for (const job of ["one", "two"]) notice(db, { ...first, job }, 0);
      notice(db, { ...first, version: 2 }, 0);
      expect(take(db)).toMatchObject({ job: "one", version: 2 });
    }));

  it("put a job that was set aside back, and its base is kept all along", () =>
    withQueue((db) => {
      notice(db, first, 0);
      notice(db, paused, 0);
      expect([findQueued(db, "one"), jobsOnBase(db, "b")]).toEqual([undefined, [{ job: "one", paused: true }]]);
      notice(db, first, 0);
      expect(findQueued(db, "one")).toBeUndefined();
      notice(db, resumed, 0);
      expect(jobsOnBase(db, "b")).toEqual([{ job: "one", paused: false }]);
    }));

  it("do not bring back what has ended, for an hour", () =>
    withQueue((db) => {
      notice(db, cancelled, 0);
      notice(db, first, HOUR - 1);
      expect(findQueued(db, "one")).toBeUndefined();
      noteEnded(db, "other", { version: 0, ended: "failed" }, HOUR + 1);
      expect(db.all("SELECT job FROM ended_jobs")).toEqual([{ job: "other" }]);
    }));
});

describe("comparing a tenant's jobs with the queue", () => {
  const running = { ...first, fence: 7, running: true };

  it("takes up a job that the queue has lost, and leaves it to the trainer that still has it", () =>
    withQueue((db) => {
      expect(compare(db, [running], 0)).toEqual(["one"]);
      expect(findQueued(db, "one")).toMatchObject({ state: "queued", fence: 7 });
      // The next fence is above what tenants have seen, so that the old trainer cannot pass for the new one.
      expect(extendLease(db, { job: "one", fence: 7 }, 0)).toBe(30);
      requeue(db, findQueued(db, "one") as QueueRow);
      expect(take(db)?.fence).toBe(8);
    }));

  it("names the running jobs that nobody holds", () =>
    withQueue((db) => {
      for (const job of ["one", "two"]) notice(db, { ...first, job }, 0);
      const held = take(db)!;
      const jobs = [
        { ...running, fence: held.fence },
        { ...running, job: "two", fence: 0 },
        { ...first, job: "three", running: false },
      ];
      expect(compare(db, jobs, 0)).toEqual(["two"]);
      expect(findQueued(db, "three")).toMatchObject({ state: "queued" });
      requeue(db, held);
      expect(compare(db, jobs, 0)).toEqual(["one", "two"]);
    }));
});
