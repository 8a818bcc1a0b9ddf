import { expect, it } from "vitest";
import {
  addAlias,
  aliasOf,
  aliasTarget,
  dropAlias,
  moveAlias,
  moveBefore,
  requireAlias,
  requireMove,
} from "../../../../edge/objects/tenant/alias-rows.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import { withTenant } from "../../support/tenant-database.ts";

it("an alias points to the model of its newest move, and forgets the oldest", () =>
  withTenant((db) => {
    addAlias(db, { id: "a", model: "m1", steering: null }, 1_000);
    for (let version = 2; version <= LIMITS.aliasMoves + 2; version++) {
      moveAlias(
        db,
        { alias: "a", model: `m${version}`, steering: null, made_by: "move", returns_to: version - 1 },
        2_000,
      );
    }
    const last = LIMITS.aliasMoves + 2;
    expect(aliasTarget(db, "a")).toBe(`m${last}`);
    expect(moveBefore(db, requireAlias(db, "a"))?.model).toBe(`m${last - 1}`);
    expect(requireMove(db, "a", 3).model).toBe("m3");
    expect(() => requireMove(db, "a", 2)).toThrow(
      'The alias "a" has no version 2. GET /v1/aliases/a/history lists them.',
    );
    expect([aliasOf(db, `m${last}`), aliasOf(db, "m3")]).toEqual(["a", undefined]);
    dropAlias(db, "a");
    expect(aliasTarget(db, "a")).toBeUndefined();
    expect(addAlias(db, { id: "a", model: "m", steering: null }, 3_000)).toMatchObject({ version: 1 });
  }));

it("a tenant may have only so many", () =>
  withTenant((db) => {
    for (let n = 0; n < LIMITS.aliasesPerTenant; n++) addAlias(db, { id: `a${n}`, model: "m", steering: null }, 1_000);
    expect(() => addAlias(db, { id: "more", model: "m", steering: null }, 1_000)).toThrow(
      "A tenant has at most 1000 aliases.",
    );
  }));
