import { expect, it } from "vitest";
import { keepResumeState } from "../../../../edge/objects/tenant/checkpoint-rows.ts";
import { sourceOf } from "../../../../edge/objects/tenant/sources.ts";
import { givenFile, givenJob, JOB, withTenant } from "../../support/tenant-database.ts";

it("a lease opens its own inputs and nothing else", () =>
  withTenant((db) => {
    const job = givenJob(db, JOB);
    givenFile(db, "file-2");
    keepResumeState(db, { job: JOB, step: 4, blob: "state", bytes: 1, sha256: "0".repeat(64) }, 0);
    expect(sourceOf(db, job, { kind: "base", name: "config.json" })).toEqual({
      key: "bases/base/config.json",
      bytes: 2,
      sha256: "c".repeat(64),
    });
    expect(sourceOf(db, job, { kind: "file", id: "file-1" })).toMatchObject({ key: "blob of file-1", bytes: 3 });
    expect(sourceOf(db, job, { kind: "resume", step: 4 })).toMatchObject({ key: "state" });
    for (const source of [
      { kind: "base", name: "../config.json" },
      { kind: "file", id: "file-2" },
      { kind: "resume", step: 3 },
    ] as const) {
      expect(() => sourceOf(db, job, source)).toThrow(expect.objectContaining({ code: "not_found" }));
    }
  }));
