import { describe, expect, it } from "vitest";
import { addKey, hashSecret, isKey, listKeys, revokeKey } from "../../../../edge/objects/tenant/keys.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import { withTenant } from "../../support/tenant-database.ts";

describe("keys", () => {
  it("are known by their hash until they are revoked", () =>
    withTenant(async (db) => {
      const hash = await hashSecret("secret");
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
      const key = addKey(db, { id: "key_1", name: "ci", hash, hint: "cret" }, 5_000);
      expect(key).toEqual({ id: "key_1", object: "key", name: "ci", created_at: 5, hint: "cret" });
      expect(addKey(db, { id: "key_2", name: "again", hash, hint: "cret" }, 6_000)).toEqual(key);
      expect(listKeys(db, { limit: 10 }).data).toEqual([key]);
      expect([isKey(db, hash), isKey(db, await hashSecret("other")), isKey(db, "")]).toEqual([true, false, false]);
      revokeKey(db, "key_1");
      expect(isKey(db, hash)).toBe(false);
      expect(() => revokeKey(db, "key_1")).toThrow(expect.objectContaining({ code: "not_found" }));
    }));

  it("are limited in number", () =>
    withTenant((db) => {
      const add = (i: number) => addKey(db, { id: `key_${i}`, name: null, hash: String(i), hint: "" }, 0);
      for (let i = 0; i < LIMITS.keysPerTenant; i++) add(i);
      expect(() => add(LIMITS.keysPerTenant)).toThrow(/at most 100 keys/);
    }));
});
