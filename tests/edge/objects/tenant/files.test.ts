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
import { endJob } from "../../../../edge/objects/tenant/jobs.ts";
import { givenFile, givenJob, JOB, withTenant } from "../../support/tenant-database.ts";

const facts = { filename: "a", bytes: 1, sha256: "", format: "chat", lines: 1, trainable: 1 };
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
      expect(() => deleteFile(db, "file-1", 0)).toThrow(expect.objectContaining({ code: "conflict" }));
      endJob(db, JOB, { status: "failed" }, 0);
      expect(deleteFile(db, "file-1", 0)).toEqual({ id: "file-1", object: "file", deleted: true });
      expect(db.get("SELECT state FROM blobs WHERE key = 'blob of file-1'")).toEqual({ state: "doomed" });
    }));
});
