import { describe, expect, it } from "vitest";
import {
  beginFile,
  deleteFile,
  dropPendingFile,
  finishFile,
  listFiles,
  requireFile,
  sweepPendingFiles,
} from "../../../../edge/objects/tenant/files.ts";
import { endJob } from "../../../../edge/objects/tenant/job-rows.ts";
import { jobs } from "../../../../edge/objects/tenant/jobs.ts";
import { DATASET_FACTS, givenFile, givenJob, JOB, withTenant } from "../../support/tenant-database.ts";

const facts = { filename: "a", bytes: 1, sha256: "", format: "chat", lines: 1, trainable: 1, dataset: DATASET_FACTS };
const notFound = expect.objectContaining({ code: "not_found", param: "file_id" });

describe("a file", () => {
  it("is not there before its bytes are", () =>
    withTenant((db) => {
      beginFile(db, { id: "file-1", blob: "x" }, 0);
      expect(() => requireFile(db, "file-1", "file_id")).toThrow(notFound);
      expect(listFiles(db, { limit: 5, order: "desc" }).data).toEqual([]);
      expect(() => deleteFile(db, "file-1", 0)).toThrow(notFound);
      expect(finishFile(db, "file-1", facts, 0)).toMatchObject({
        id: "file-1",
        status: "processed",
        purpose: "fine-tune",
      });
      expect(db.get("SELECT state FROM blobs WHERE key = 'x'")).toEqual({ state: "ready" });
    }));

  it("that was given up or swept cannot be finished", () =>
    withTenant((db) => {
      beginFile(db, { id: "file-1", blob: "x" }, 0);
      dropPendingFile(db, "file-1", 0);
      expect(db.get("SELECT state FROM blobs WHERE key = 'x'")).toEqual({ state: "doomed" });
      expect(() => finishFile(db, "file-1", facts, 0)).toThrow(expect.objectContaining({ code: "conflict" }));
      beginFile(db, { id: "file-2", blob: "y" }, 0);
      db.run("DELETE FROM blobs WHERE key = 'y'");
      givenFile(db, "file-3");
      sweepPendingFiles(db);
      expect(db.all("SELECT id FROM files")).toEqual([{ id: "file-3" }]);
    }));

  it("stays while a job needs it", () =>
    withTenant((db) => {
      givenJob(db, JOB);
      expect(jobs.needsFile?.(db, "file-1")).toBe(
        `The job ${JOB} still needs this file. Cancel the job or wait for its end.`,
      );
      endJob(db, JOB, { status: "failed" }, 0);
      expect(jobs.needsFile?.(db, "file-1")).toBeUndefined();
      expect(deleteFile(db, "file-1", 0)).toEqual({ id: "file-1", object: "file", deleted: true });
      expect(db.get("SELECT state FROM blobs WHERE key = 'blob of file-1'")).toEqual({ state: "doomed" });
    }));

  it("that is deleted still marks its place in the list, and nothing else of it is left", () =>
    withTenant((db) => {
      for (const id of ["file-1", "file-2", "file-3"]) givenFile(db, id);
      beginFile(db, { id: "file-4", blob: "x" }, 0);
      for (const id of ["file-2", "file-3"]) deleteFile(db, id, 0);
      const ids = (after?: string) => listFiles(db, { limit: 5, order: "desc", after }).data.map(({ id }) => id);
      expect([ids(), ids("file-3"), ids("file-2")]).toEqual([["file-1"], ["file-1"], ["file-1"]]);
      for (const id of ["file-4", "file-5"]) expect(() => ids(id)).toThrow(expect.objectContaining({ param: "after" }));
      expect(() => requireFile(db, "file-2", "file_id")).toThrow(notFound);
      expect(() => deleteFile(db, "file-2", 0)).toThrow(notFound);
      expect(db.get("SELECT filename, sha256 FROM files WHERE id = 'file-2'")).toEqual({ filename: "", sha256: "" });
    }));
});
