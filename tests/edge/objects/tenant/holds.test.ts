import { describe, expect, it } from "vitest";
import { beat, beginLease, noteExtended, requireFence, requireHold } from "../../../../edge/objects/tenant/holds.ts";
import { endJob, pauseJob, requireJob } from "../../../../edge/objects/tenant/job-rows.ts";
import { givenJob, JOB, withTenant } from "../../support/tenant-database.ts";

const terms = (fence: number) => ({ job: JOB, fence, tenant: "t", attempt: 1, leaseSeconds: 30 });
const stale = expect.objectContaining({ code: "stale_lease" });

describe("a lease", () => {
  it("says where everything is, and takes the fence", () =>
    withTenant((db) => {
      givenJob(db, JOB);
      expect(beginLease(db, terms(3)).lease).toMatchObject({
        job: JOB,
        fence: 3,
        base: { files: [{ name: "config.json", path: `/v1/trainer/jobs/${JOB}/base/config.json` }] },
        training_file: { id: "file-1", name: "file-1.jsonl", lines: 2, path: `/v1/trainer/jobs/${JOB}/files/file-1` },
        checkpoint: null,
      });
      expect(requireJob(db, JOB)).toMatchObject({ status: "running", fence: 3 });
      requireHold(db, { job: JOB, fence: 3 });
      for (const fence of [2, 4]) expect(() => requireHold(db, { job: JOB, fence })).toThrow(stale);
      expect(() => beginLease(db, terms(3))).toThrow(/not above 3/);
    }));

  it("is not begun for what has ended, is set aside or is not there", () =>
    withTenant((db) => {
      expect(beginLease(db, terms(1))).toEqual({ lease: null, ended: "unknown" });
      givenJob(db, JOB);
      pauseJob(db, JOB);
      expect(beginLease(db, terms(1))).toEqual({ lease: null, ended: null });
      endJob(db, JOB, { status: "cancelled" }, 0);
      expect(beginLease(db, terms(1))).toEqual({ lease: null, ended: "cancelled" });
    }));

  it("hears at its next beat what it has to do", () =>
    withTenant((db) => {
      givenJob(db, JOB);
      beginLease(db, terms(1));
      const hold = { job: JOB, fence: 1 };
      expect(beat(db, hold, { estimated_finish: 99 })).toEqual({ cancel: false, pause: false });
      expect(requireJob(db, JOB).estimated_finish).toBe(99);
      db.run("UPDATE jobs SET status = 'queued'");
      beat(db, hold, {});
      // The queue has not agreed yet.
      expect(requireJob(db, JOB)).toMatchObject({ status: "queued", estimated_finish: 99 });
      noteExtended(db, { ...hold, fence: 2 });
      expect(requireJob(db, JOB)).toMatchObject({ status: "queued" });
      noteExtended(db, hold);
      expect(requireJob(db, JOB)).toMatchObject({ status: "running" });
      pauseJob(db, JOB);
      expect(beat(db, hold, {})).toEqual({ cancel: false, pause: true });
      requireHold(db, hold);
      endJob(db, JOB, { status: "cancelled" }, 0);
      expect(beat(db, hold, {})).toEqual({ cancel: true, pause: false });
      expect(() => requireHold(db, hold)).toThrow(expect.objectContaining({ code: "cancelled" }));
      endJob(db, JOB, { status: "failed" }, 0);
      expect(() => requireHold(db, hold)).toThrow(expect.objectContaining({ code: "conflict" }));
      expect(requireFence(db, hold).status).toBe("failed");
    }));
});
