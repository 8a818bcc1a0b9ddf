import { expect, it } from "vitest";
import { reserveBlob } from "../../../../edge/objects/blob-ledger.ts";
import { keepFile, takeKeptFiles } from "../../../../edge/objects/tenant/kept-files.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import { withTenant } from "../../support/tenant-database.ts";

const file = (name: string, blob = name) => ({ job: "ftjob-1", name, blob, bytes: 3, sha256: "a".repeat(64) });

it("a later file replaces one of the same name, whose bytes are swept", () =>
  withTenant((db) => {
    for (const blob of ["one", "two"]) reserveBlob(db, blob, 1);
    keepFile(db, file("report.json", "one"), 2);
    keepFile(db, file("labels.jsonl"), 3);
    keepFile(db, file("report.json", "two"), 4);
    const stateOf = (key: string) => db.get<{ state: string }>("SELECT state FROM blobs WHERE key = ?", key)?.state;
    expect([stateOf("one"), stateOf("two")]).toEqual(["doomed", "ready"]);
    let ids = 0;
    expect(takeKeptFiles(db, "ftjob-1", () => `file-${ids++}`)).toMatchObject([
      { id: "file-0", filename: "report.json", blob: "two" },
      { id: "file-1", filename: "labels.jsonl" },
    ]);
    expect(takeKeptFiles(db, "ftjob-1", () => "file")).toEqual([]);
  }));

it("a job keeps only so many", () =>
  withTenant((db) => {
    for (let i = 0; i < LIMITS.keptFiles; i++) keepFile(db, file(`f${i}`), 1);
    keepFile(db, file("f0", "again"), 2);
    expect(() => keepFile(db, file("more"), 3)).toThrow(expect.objectContaining({ code: "conflict" }));
    keepFile(db, { ...file("more"), job: "ftjob-2" }, 3);
  }));
