import { describe, expect, it } from "vitest";
import {
  abandon,
  claim,
  claimUpload,
  idempotency,
  identifyUpload,
  renew,
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
const at = (now: number, life = "one") => ({ now, life });
const mismatch = expect.objectContaining({ code: "idempotency_mismatch" });

describe("a claim", () => {
  it("is granted once, and then answered with the first reply", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      expect(claim(db, { ...asked, staleMs: 10 }, at(0))).toBeUndefined();
      expect(() => claim(db, { ...asked, staleMs: 10 }, at(9))).toThrow(conflict);
      settle(db, asked, reply);
      settle(db, asked, { status: 200, body: "later" });
      expect(claim(db, { ...asked, staleMs: 10 }, at(99))).toEqual(reply);
      expect(() => claim(db, { ...asked, fingerprint: "g", staleMs: 10 }, at(99))).toThrow(mismatch);
    }));

  it("lapses when no reply came, when it is given back, and after a day", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      claim(db, { ...asked, staleMs: 10 }, at(0));
      expect(claim(db, { ...asked, staleMs: 10 }, at(10))).toBeUndefined();
      abandon(db, asked);
      expect(claim(db, { key: "k", fingerprint: "other", staleMs: 10 }, at(11))).toBeUndefined();
      settle(db, { key: "k", fingerprint: "other" }, reply);
      expect(claim(db, { ...asked, staleMs: 10 }, at(11 + DAY))).toBeUndefined();
      sweepIdempotency(db, 11 + 2 * DAY);
      for (const table of ["idempotency", "claim_lives"]) expect(db.all(`SELECT * FROM ${table}`)).toEqual([]);
    }));
});

describe("a claim of an object's earlier life", () => {
  it("ends with that life, where no reply came", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      claim(db, { ...asked, staleMs: 10 }, at(0));
      expect(claim(db, { ...asked, staleMs: 10 }, at(1, "two"))).toBeUndefined();
      expect(() => claim(db, { ...asked, staleMs: 10 }, at(2, "two"))).toThrow(conflict);
      const upload = (provisional: string) => ({ key: "u", provisional, staleMs: 10 });
      claimUpload(db, upload("p1"), at(0));
      identifyUpload(db, upload("p1"), "contents");
      expect(claimUpload(db, upload("p2"), at(1, "two"))).toBeUndefined();
      expect(() => claimUpload(db, upload("p3"), at(2, "two"))).toThrow(conflict);
    }));

  it("leaves its reply behind", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      claim(db, { ...asked, staleMs: 10 }, at(0));
      settle(db, asked, reply);
      expect(claim(db, { ...asked, staleMs: 10 }, at(1, "two"))).toEqual(reply);
    }));

  it("of a version without lives has ended too", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency: { ...idempotency, schema: idempotency.schema.slice(0, 1) } });
      db.run("INSERT INTO idempotency (key, fingerprint, started_at) VALUES ('k', 'f', 0)");
      updateSchema(db, { idempotency });
      expect(claim(db, { ...asked, staleMs: 10 }, at(1))).toBeUndefined();
    }));
});

describe("a claim that is renewed", () => {
  it("holds on, into the object's next life as well", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      claim(db, { ...asked, staleMs: 10 }, at(0));
      renew(db, asked, at(8));
      expect(() => claim(db, { ...asked, staleMs: 10 }, at(17))).toThrow(conflict);
      renew(db, asked, at(18, "two"));
      expect(() => claim(db, { ...asked, staleMs: 10 }, at(27, "two"))).toThrow(conflict);
      expect(claim(db, { ...asked, staleMs: 10 }, at(28, "two"))).toBeUndefined();
    }));

  it("takes nothing from the request that has the key now, and changes no reply", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      claimUpload(db, { key: "u", provisional: "slow", staleMs: 10 }, at(0));
      claimUpload(db, { key: "u", provisional: "quick", staleMs: 10 }, at(20));
      renew(db, { key: "u", fingerprint: "slow" }, at(29));
      expect(claimUpload(db, { key: "u", provisional: "third", staleMs: 10 }, at(31))).toBeUndefined();
      settle(db, { key: "u", fingerprint: "third" }, reply);
      renew(db, { key: "u", fingerprint: "third" }, at(50));
      expect(db.get("SELECT started_at FROM idempotency")).toEqual({ started_at: 31 });
    }));
});

describe("a claim that names its holder", () => {
  const holder = (id: string, isolate = "one") => ({ ...asked, staleMs: 10, holder: { id, isolate } });

  it("ends with the isolate that it shared with the object", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      claim(db, holder("a"), at(0));
      expect(() => claim(db, holder("b"), at(1))).toThrow(conflict);
      expect(claim(db, holder("b", "two"), at(1, "two"))).toBeUndefined();
      expect(() => claim(db, holder("c", "two"), at(2, "two"))).toThrow(conflict);
    }));

  it("outlasts the object's isolate where its holder runs in another one, until it is not renewed", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      claim(db, holder("a", "worker"), at(0));
      expect(() => claim(db, holder("b"), at(9, "two"))).toThrow(conflict);
      renew(db, holder("a", "worker"), at(9, "two"));
      expect(() => claim(db, holder("b"), at(18, "three"))).toThrow(conflict);
      expect(claim(db, holder("b"), at(19, "three"))).toBeUndefined();
    }));

  it("is renewed, settled with an error and released by its holder alone", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      claim(db, holder("slow"), at(0));
      claim(db, holder("quick"), at(10));
      renew(db, holder("slow"), at(19));
      settle(db, holder("slow"), reply);
      abandon(db, holder("slow"));
      expect(db.get("SELECT started_at, status FROM idempotency")).toEqual({ started_at: 10, status: null });
      renew(db, holder("quick"), at(15));
      expect(() => claim(db, holder("third"), at(24))).toThrow(conflict);
      settle(db, holder("quick"), { status: 200, body: "made" });
      expect(claim(db, holder("third"), at(24))).toEqual({ status: 200, body: "made" });
    }));

  it("counts once where it lapsed while its holder was at work: the first creation stays, and the other is undone", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      claim(db, holder("slow"), at(0));
      claim(db, holder("quick"), at(10));
      settleCreation(db, asked, { id: "slow" });
      expect(() => settleCreation(db, asked, { id: "quick" })).toThrow(conflict);
      settle(db, holder("quick"), { status: 409, body: "conflict" });
      expect(claim(db, holder("third"), at(11))).toEqual({ status: 200, body: '{"id":"slow"}' });
    }));

  it("of an upload is not released by another with the same contents", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      const upload = (id: string) => ({ key: "u", provisional: id, staleMs: 10, holder: { id, isolate: "one" } });
      claimUpload(db, upload("slow"), at(0));
      identifyUpload(db, upload("slow"), "contents");
      claimUpload(db, upload("quick"), at(10));
      identifyUpload(db, upload("quick"), "contents");
      abandon(db, { key: "u", fingerprint: "contents", holder: upload("slow").holder });
      settleCreation(db, { key: "u", fingerprint: "contents" }, { id: 1 });
      expect(claimUpload(db, upload("third"), at(11))).toMatchObject({ reply: { body: '{"id":1}' } });
    }));
});

describe("a creation", () => {
  it("keeps its reply, and is undone where another came first", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      settleCreation(db, null, { id: 0 });
      claim(db, { ...asked, staleMs: 10 }, at(0));
      claim(db, { ...asked, staleMs: 10 }, at(10));
      settleCreation(db, asked, { id: 1 });
      expect(() => settleCreation(db, asked, { id: 2 })).toThrow(conflict);
      expect(claim(db, { ...asked, staleMs: 10 }, at(11))).toEqual({ status: 200, body: '{"id":1}' });
    }));
});

describe("an upload's claim", () => {
  it("learns afterwards what it was for", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      const first = { key: "u", provisional: "p1" };
      expect(claimUpload(db, { ...first, staleMs: 10 }, at(0))).toBeUndefined();
      expect(() => claimUpload(db, { key: "u", provisional: "p2", staleMs: 10 }, at(5))).toThrow(conflict);
      identifyUpload(db, first, "contents");
      settle(db, { key: "u", fingerprint: "contents" }, reply);
      expect(claimUpload(db, { key: "u", provisional: "p3", staleMs: 10 }, at(20))).toEqual({
        fingerprint: "contents",
        reply,
      });
    }));

  it("that lapsed can no longer say so", () =>
    withDatabase((db) => {
      updateSchema(db, { idempotency });
      const slow = { key: "u", provisional: "slow" };
      claimUpload(db, { ...slow, staleMs: 10 }, at(0));
      expect(claimUpload(db, { key: "u", provisional: "quick", staleMs: 10 }, at(20))).toBeUndefined();
      identifyUpload(db, slow, "contents");
      settle(db, { key: "u", fingerprint: "contents" }, reply);
      expect(db.get("SELECT fingerprint, status FROM idempotency")).toEqual({ fingerprint: "quick", status: null });
    }));
});
