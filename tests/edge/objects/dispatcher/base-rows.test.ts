import { describe, expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import {
  announceBase,
  announcedFile,
  basePrefix,
  deleteBase,
  dropBase,
  finishBase,
  listBases,
  noteUpload,
  readyBase,
  readyDigests,
  requireBaseModel,
  sweepPendingBases,
} from "../../../../edge/objects/dispatcher/base-rows.ts";
import { DISPATCHER_MODULES } from "../../../../edge/objects/dispatcher/modules.ts";
import { notice } from "../../../../edge/objects/dispatcher/notices.ts";
import { updateSchema } from "../../../../edge/objects/schema.ts";
import baseJson from "../../../../infra/base/model/config.json";
import { withDatabase } from "../../support/database.ts";
import { endNotice, queuedNotice } from "../../support/job-notice.ts";

const sha256 = "0".repeat(64);
const files = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"].map((name) => ({
  name,
  bytes: 1,
  sha256,
}));
const base = { id: "b", files, digest: "1".repeat(64) };
const withRegistry = (body: (db: Database) => void) =>
  withDatabase((db) => {
    updateSchema(db, DISPATCHER_MODULES);
    body(db);
  });

describe("the registry", () => {
  it("lists a base with the context that it is served with", () =>
    withRegistry((db) => {
      announceBase(db, base, 5_000);
      const config = { ...baseJson, max_position_embeddings: 1_000_000 };
      finishBase(db, "b", { digest: base.digest, config }, 6_000);
      expect(listBases(db)).toMatchObject([{ context_length: 2048, max_model_len: 2048 }]);
    }));

  it("opens a base only when it is finished", () =>
    withRegistry((db) => {
      expect(announceBase(db, base, 5_000)).toMatchObject({ status: "pending", created_at: 5 });
      noteUpload(db, "b", "config.json");
      expect(requireBaseModel(db, "b").files.map(({ uploaded }) => uploaded)).toEqual([true, false, false, false]);
      expect([readyBase(db, "b"), listBases(db)]).toEqual([undefined, []]);
      expect(announcedFile(db, "b", "config.json")).toMatchObject({
        ready: false,
        key: `${basePrefix("b", base.digest)}config.json`,
      });
      expect(() => announcedFile(db, "b", "README.md")).toThrow(expect.objectContaining({ code: "not_found" }));
      expect(finishBase(db, "b", { digest: base.digest, config: { a: 1 } }, 6_000)).toMatchObject({ status: "ready" });
      expect(readyBase(db, "b")).toEqual({
        id: "b",
        digest: base.digest,
        prefix: basePrefix("b", base.digest),
        files,
        config: { a: 1 },
      });
      expect(listBases(db)).toMatchObject([
        { id: "b", object: "model", root: "b", parent: null, context_length: null },
      ]);
      dropBase(db, "b", 7_000);
      expect(readyBase(db, "b")).toBeDefined();
    }));

  it("deletes a base that no job trains on, finished or not", () =>
    withRegistry((db) => {
      announceBase(db, base, 0);
      finishBase(db, "b", { digest: base.digest, config: {} }, 1);
      notice(db, queuedNotice({ job: "j", tenant: "t", executor: null }), 0);
      expect(() => deleteBase(db, "b", 2)).toThrow(expect.objectContaining({ code: "conflict", param: "id" }));
      notice(db, endNotice("j", null), 0);
      expect(() => deleteBase(db, "b", 2)).toThrow("j (paused)");
      expect(readyDigests(db)).toEqual({ b: base.digest });
      notice(db, endNotice("j", "cancelled"), 0);
      deleteBase(db, "b", 3);
      expect(readyDigests(db)).toEqual({});
      expect(readyBase(db, "b")).toBeUndefined();
      expect(db.all("SELECT DISTINCT state FROM blobs")).toEqual([{ state: "doomed" }]);
      expect(() => deleteBase(db, "b", 4)).toThrow(expect.objectContaining({ code: "model_not_found" }));
    }));

  it("lets a new announcement replace an unfinished one, never a finished one", () =>
    withRegistry((db) => {
      announceBase(db, base, 0);
      const other = { ...base, digest: "2".repeat(64) };
      expect(announceBase(db, other, 0)).toMatchObject({ digest: other.digest, status: "pending" });
      expect(() => finishBase(db, "b", { digest: base.digest, config: {} }, 0)).toThrow(
        expect.objectContaining({ code: "conflict" }),
      );
      finishBase(db, "b", { digest: other.digest, config: {} }, 0);
      expect(announceBase(db, other, 0)).toMatchObject({ status: "ready" });
      expect(() => announceBase(db, base, 0)).toThrow(expect.objectContaining({ code: "conflict", param: "id" }));
      const doomed = db.all<{ key: string }>("SELECT key FROM blobs WHERE state = 'doomed'");
      expect(doomed).toHaveLength(files.length);
      expect(doomed[0]?.key).toContain(base.digest);
    }));

  it("forgets an announcement whose bytes were swept", () =>
    withRegistry((db) => {
      announceBase(db, base, 0);
      sweepPendingBases(db, 0);
      expect(requireBaseModel(db, "b").status).toBe("pending");
      db.run("DELETE FROM blobs");
      sweepPendingBases(db, 0);
      expect(() => requireBaseModel(db, "b")).toThrow(expect.objectContaining({ code: "model_not_found" }));
    }));
});
