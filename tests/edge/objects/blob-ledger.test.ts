import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import {
  blobs,
  doomBlob,
  dropReservation,
  nextBlobSweep,
  readyBlob,
  reserveBlob,
  sweepBlobs,
} from "../../../edge/objects/blob-ledger.ts";
import type { Database } from "../../../edge/objects/database.ts";
import { updateSchema } from "../../../edge/objects/schema.ts";
import { withDatabase } from "../support/database.ts";

const HOUR = 3_600_000;
const keys = (db: Database) => db.all<{ key: string; state: string }>("SELECT key, state FROM blobs ORDER BY key");

describe("the blob ledger", () => {
  it("sweeps what never became ready, and only that", () =>
    withDatabase(async (db) => {
      updateSchema(db, { blobs });
      for (const key of ["ledger/a", "ledger/b", "ledger/c"]) {
        reserveBlob(db, key, 0);
        await env.BLOBS.put(key, key);
      }
      readyBlob(db, "ledger/a", 1);
      reserveBlob(db, "ledger/c", 5 * HOUR);
      expect(nextBlobSweep(db)).toBe(6 * HOUR);
      await sweepBlobs(db, env.BLOBS, 6 * HOUR);
      expect(keys(db)).toEqual([
        { key: "ledger/a", state: "ready" },
        { key: "ledger/c", state: "pending" },
      ]);
      expect((await env.BLOBS.list({ prefix: "ledger/" })).objects.map(({ key }) => key)).toEqual([
        "ledger/a",
        "ledger/c",
      ]);
    }));

  it("deletes what is doomed at once", () =>
    withDatabase(async (db) => {
      updateSchema(db, { blobs });
      readyBlob(db, "doomed", 0);
      await env.BLOBS.put("doomed", "x");
      expect(nextBlobSweep(db)).toBeNull();
      doomBlob(db, "doomed", 7);
      expect(nextBlobSweep(db)).toBe(7);
      await sweepBlobs(db, env.BLOBS, 7);
      expect([keys(db), await env.BLOBS.head("doomed")]).toEqual([[], null]);
    }));

  it("does not take back what is ready, and takes up again what was doomed", () =>
    withDatabase((db) => {
      updateSchema(db, { blobs });
      readyBlob(db, "a", 0);
      reserveBlob(db, "a", 1);
      dropReservation(db, "a", 1);
      reserveBlob(db, "b", 0);
      dropReservation(db, "b", 0);
      reserveBlob(db, "b", 1);
      expect(keys(db)).toEqual([
        { key: "a", state: "ready" },
        { key: "b", state: "pending" },
      ]);
    }));

  it("keeps the row of a key that is reserved again while its bytes are being deleted", () =>
    withDatabase(async (db) => {
      updateSchema(db, { blobs });
      reserveBlob(db, "race", 0);
      doomBlob(db, "race", 0);
      const bucket = {
        delete: async () => reserveBlob(db, "race", 1),
      } as unknown as R2Bucket;
      await sweepBlobs(db, bucket, 0);
      expect(keys(db)).toEqual([{ key: "race", state: "pending" }]);
    }));
});
