import { expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import { addAlias, moveAlias } from "../../../../edge/objects/tenant/alias-rows.ts";
import { publish } from "../../../../edge/objects/tenant/artefact-rows.ts";
import { addPreset, addVersion, dropPreset } from "../../../../edge/objects/tenant/preset-rows.ts";
import { resolveSteering } from "../../../../edge/objects/tenant/resolve-steering.ts";
import { addScorer, dropScorer } from "../../../../edge/objects/tenant/scorer-rows.ts";
import { BASE, withTenant } from "../../support/tenant-database.ts";

const expert = (id: string) => ({ experts: [{ id, weight: 1 }] });
const keep = (db: Database, name: string, steering: unknown) =>
  addPreset(db, { name, steering: JSON.stringify(steering), description: null }, 0);

function delta(db: Database, letter: string): void {
  const result = { kind: "delta" as const, digest: letter.repeat(64), files: [] };
  publish(db, { tenant: "t", name: `ft:${letter}`, result, base: BASE, manifest: null, job: "j" }, 0);
}

it("a request's own object comes before its alias's preset, and an empty one turns that off", () =>
  withTenant((db) => {
    keep(db, "calm", { rules: { banned: ["a"] } });
    addAlias(db, { id: "bot", model: "base", steering: "calm" }, 0);
    expect(resolveSteering(db, undefined, "bot")).toMatchObject({
      steering: { rules: { banned: ["a"] } },
      from: { preset: "calm", version: 1 },
    });
    expect(resolveSteering(db, { rules: { banned: ["b"] } }, "bot")).toMatchObject({
      steering: { rules: { banned: ["b"] } },
      from: null,
    });
    expect(resolveSteering(db, {}, "bot")).toMatchObject({ steering: {}, from: null });
    for (const model of ["base", "ft:x", undefined]) expect(resolveSteering(db, undefined, model)).toBeNull();
  }));

it("a name follows its preset, and a numbered one stays; an alias's follows the alias", () =>
  withTenant((db) => {
    const banned = (word: string) => ({ rules: { banned: [word] } });
    keep(db, "calm", banned("1"));
    addAlias(db, { id: "bot", model: "base", steering: "calm@1" }, 0);
    const second = { preset: "calm", steering: JSON.stringify(banned("2")), description: null } as const;
    addVersion(db, { ...second, made_by: "update", returns_to: 1 }, 0);
    const of = (asked?: string) => resolveSteering(db, asked, "bot");
    expect(of("calm")).toMatchObject({ steering: banned("2"), from: { version: 2 } });
    expect(of("calm@1")).toMatchObject({ steering: banned("1"), from: { version: 1 } });
    expect(of()).toMatchObject({ from: { version: 1 } });
    moveAlias(db, { alias: "bot", model: "base", steering: "calm", made_by: "move", returns_to: 1 }, 0);
    expect(of()).toMatchObject({ from: { version: 2 } });
    moveAlias(db, { alias: "bot", model: "base", steering: null, made_by: "move", returns_to: 2 }, 0);
    expect(of()).toBeNull();
  }));

it("an unknown preset is refused at the field that names it", () =>
  withTenant((db) => {
    keep(db, "calm", {});
    const unknown = (param: string) => expect.objectContaining({ code: "not_found", param });
    for (const asked of ["none", "calm@2", "calm@", ""]) {
      expect(() => resolveSteering(db, asked, "base"), asked).toThrow(unknown("steering"));
    }
    addAlias(db, { id: "bot", model: "base", steering: "calm" }, 0);
    dropPreset(db, "calm");
    expect(() => resolveSteering(db, undefined, "bot")).toThrow(unknown("model"));
  }));

it("names are checked again: those of the tenant's now, and those that may be bases by the caller", () =>
  withTenant((db) => {
    delta(db, "a");
    addAlias(db, { id: "kind", model: "ft:a", steering: null }, 0);
    for (const id of ["ft:a", `delta-${"a".repeat(32)}`, "kind"]) {
      expect(resolveSteering(db, expert(id), undefined)?.bases, id).toEqual([]);
    }
    expect(resolveSteering(db, expert("small"), undefined)?.bases).toEqual([
      { path: "experts[0].id", name: "small", of: "model" },
    ]);
    keep(db, "calm", expert("ft:gone"));
    expect(() => resolveSteering(db, expert("ft:gone"), undefined)).toThrow(
      expect.objectContaining({ code: "model_not_found", param: "steering.experts[0].id" }),
    );
    const message =
      'There is no model or delta "ft:gone" that you can use. The steering preset calm@1 names it at `experts[0].id`. GET /v1/models and GET /v1/deltas list those there are.';
    expect(() => resolveSteering(db, "calm", undefined)).toThrow(
      expect.objectContaining({ code: "model_not_found", param: "steering", message }),
    );
    addAlias(db, { id: "bot", model: "base", steering: "calm" }, 0);
    expect(() => resolveSteering(db, undefined, "bot")).toThrow(
      expect.objectContaining({
        param: "model",
        message: expect.stringContaining("which steers the alias bot, names it"),
      }),
    );
  }));

it("a scorer must still be registered", () =>
  withTenant((db) => {
    addScorer(db, { name: "judge", url: "https://scores.trimtab.dev/" }, 0);
    keep(db, "strict", { rules: { scorer: "judge" } });
    expect(resolveSteering(db, "strict", undefined)).toMatchObject({ bases: [] });
    dropScorer(db, "judge");
    expect(() => resolveSteering(db, "strict", undefined)).toThrow(
      expect.objectContaining({ code: "not_found", message: expect.stringContaining("There is no scorer") }),
    );
  }));

it("a preset in a form that is no longer understood says so, and what to change", () =>
  withTenant((db) => {
    keep(db, "old", { experts: [{ id: "small", weight: "much" }] });
    expect(() => resolveSteering(db, "old", undefined)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message:
          "The steering preset old@1 is from before a change of this server: `experts[0].weight` must be a number. Update the preset.",
      }),
    );
  }));
