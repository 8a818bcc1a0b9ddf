import { expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import { addAlias } from "../../../../edge/objects/tenant/alias-rows.ts";
import {
  addPreset,
  addVersion,
  dropPreset,
  requirePreset,
  requireReference,
  requireVersion,
  shownPreset,
  versionBefore,
} from "../../../../edge/objects/tenant/preset-rows.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import { withTenant } from "../../support/tenant-database.ts";

const add = (db: Database, name: string, steering = "{}") =>
  addPreset(db, { name, steering, description: null }, 1_000);
const update = (db: Database, preset: string, steering: string) => {
  const { version } = requirePreset(db, preset);
  const row = { preset, steering, description: null, made_by: "update", returns_to: version } as const;
  return addVersion(db, row, 2_000);
};

it("a reference means the version in force, or one for good", () =>
  withTenant((db) => {
    add(db, "calm", '{"rules":{"banned":["a"]}}');
    update(db, "calm", '{"rules":{"banned":["b"]}}');
    expect(requireReference(db, "calm", "steering").version).toBe(2);
    expect(requireReference(db, "calm@1", "steering").steering).toContain('"a"');
    expect(shownPreset(db, requirePreset(db, "calm"))).toMatchObject({ version: 2, previous_version: 1 });
    const unknown = (param: string) => expect.objectContaining({ code: "not_found", param });
    expect(() => requireReference(db, "calm@3", "steering")).toThrow(unknown("steering"));
    expect(() => requireReference(db, "cal", "model")).toThrow(unknown("model"));
    expect(() => requireReference(db, "calm@x", "steering")).toThrow('There is no steering preset "calm@x"');
  }));

it("a name that was deleted counts on, so that no reference to it means another version", () =>
  withTenant((db) => {
    add(db, "calm", '{"rules":{"banned":["a"]}}');
    update(db, "calm", '{"rules":{"banned":["b"]}}');
    dropPreset(db, "calm");
    expect(add(db, "calm")).toMatchObject({ version: 3 });
    for (const reference of ["calm@1", "calm@2"]) {
      expect(() => requireReference(db, reference, "steering")).toThrow("has no version");
    }
    expect(versionBefore(db, requirePreset(db, "calm"))).toBeUndefined();
    dropPreset(db, "calm");
    expect(add(db, "calm")).toMatchObject({ version: 4 });
    expect(add(db, "other")).toMatchObject({ version: 1 });
    expect(() => dropPreset(db, "never")).toThrow(expect.objectContaining({ code: "not_found" }));
  }));

it("the oldest versions are forgotten, but for those that an alias names by number", () =>
  withTenant((db) => {
    add(db, "calm");
    update(db, "calm", "{}");
    addAlias(db, { id: "bot", model: "base", steering: "calm@1" }, 1_000);
    for (let version = 3; version <= LIMITS.presetVersions + 2; version++) update(db, "calm", "{}");
    expect(requireVersion(db, "calm", 1).version).toBe(1);
    expect(() => requireVersion(db, "calm", 2)).toThrow("has no version 2");
    expect(requireVersion(db, "calm", 3).version).toBe(3);
    expect(versionBefore(db, requirePreset(db, "calm"))?.version).toBe(LIMITS.presetVersions + 1);
  }));

it("a tenant may have only so many, and so much in them", () =>
  withTenant((db) => {
    for (let n = 1; n < LIMITS.presetsPerTenant; n++) add(db, `p${n}`);
    add(db, "large", "x".repeat(1000));
    expect(() => add(db, "more")).toThrow("A tenant has at most 200 steering presets.");
    const others = 2 * (LIMITS.presetsPerTenant - 1);
    db.run("UPDATE preset_versions SET length = ? WHERE preset = 'large'", LIMITS.presetsLength - others - 500);
    expect(update(db, "large", "x".repeat(500))).toMatchObject({ version: 2 });
    expect(() => update(db, "large", "x")).toThrow(expect.objectContaining({ code: "conflict", param: "steering" }));
    dropPreset(db, "large");
    expect(add(db, "more")).toMatchObject({ version: 1 });
  }));
