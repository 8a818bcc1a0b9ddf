import { describe, expect, it } from "vitest";
import {
  abandon,
  claim,
  claimUpload,
  idempotency,
  identifyUpload,
  settle,
  settleCreation,
  sweepIdempotency,
} from "../../../edge/objects/idempotency.ts";
import { updateSchema } from "../../../edge/objects/schema.ts";
import { withDatabase } from "../support/database.ts";

const DAY = 24 * 3_600_000;
const asked = { key: "k", fingerprint: "f" };
const reply = { status: 500, body: "{}" };
const conflict = expect.objectContaining({ code: "conflict" });
const mismatch = expect.objectContaining({ code: "idempotency_mismatch" });

describe("a claim", () => {
  it("is granted once, and then answered with the first reply", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      expect(claim(db, { ...asked, staleMs: 10 }, 0)).toBeUndefined();
      expect(() => claim(db, { ...asked, staleMs: 10 }, 9)).toThrow(conflict);
      settle(db, asked, reply);
      settle(db, asked, { status: 200, body: "later" });
      expect(claim(db, { ...asked, staleMs: 10 }, 99)).toEqual(reply);
      expect(() => claim(db, { ...asked, fingerprint: "g", staleMs: 10 }, 99)).toThrow(mismatch);
    }));

  it("lapses when no reply came, when it is given back, and after a day", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      claim(db, { ...asked, staleMs: 10 }, 0);
      expect(claim(db, { ...asked, staleMs: 10 }, 10)).toBeUndefined();
      abandon(db, asked);
      expect(claim(db, { key: "k", fingerprint: "other", staleMs: 10 }, 11)).toBeUndefined();
      settle(db, { key: "k", fingerprint: "other" }, reply);
      expect(claim(db, { ...asked, staleMs: 10 }, 11 + DAY)).toBeUndefined();
      sweepIdempotency(db, 11 + 2 * DAY);
      expect(db.all("SELECT * FROM idempotency")).toEqual([]);
    }));
});

describe("a creation", () => {
  it("keeps its reply, and is undone where another came first", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      settleCreation(db, null, { id: 0 });
      claim(db, { ...asked, staleMs: 10 }, 0);
      claim(db, { ...asked, staleMs: 10 }, 10);
      settleCreation(db, asked, { id: 1 });
      expect(() => settleCreation(db, asked, { id: 2 })).toThrow(conflict);
      expect(claim(db, { ...asked, staleMs: 10 }, 11)).toEqual({ status: 200, body: '{"id":1}' });
    }));
});

describe("an upload's claim", () => {
  it("learns afterwards what it was for", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      const first = { key: "u", provisional: "p1" };
      expect(claimUpload(db, { ...first, staleMs: 10 }, 0)).toBeUndefined();
      expect(() => claimUpload(db, { key: "u", provisional: "p2", staleMs: 10 }, 5)).toThrow(conflict);
      identifyUpload(db, first, "contents");
      settle(db, { key: "u", fingerprint: "contents" }, reply);
      expect(claimUpload(db, { key: "u", provisional: "p3", staleMs: 10 }, 20)).toEqual({
        fingerprint: "contents",
        reply,
      });
    }));

  it("that lapsed can no longer say so", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      const slow = { key: "u", provisional: "slow" };
      claimUpload(db, { ...slow, staleMs: 10 }, 0);
      expect(claimUpload(db, { key: "u", provisional: "quick", staleMs: 10 }, 20)).toBeUndefined();
      identifyUpload(db, slow, "contents");
      settle(db, { key: "u", fingerprint: "contents" }, reply);
      expect(db.get("SELECT fingerprint, status FROM idempotency")).toEqual({ fingerprint: "quick", status: null });
    }));
});
