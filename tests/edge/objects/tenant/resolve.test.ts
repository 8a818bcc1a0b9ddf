import { describe, expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import { dropArtefact, publish } from "../../../../edge/objects/tenant/artefact-rows.ts";
import { deltasNamed, deltasToMerge, ownedModel, resolve } from "../../../../edge/objects/tenant/resolve.ts";
import { BASE, withTenant } from "../../support/tenant-database.ts";

function given(db: Database, letter: string, options: { kind?: "delta" | "model"; base?: typeof BASE } = {}): string {
  const { kind = "delta", base = BASE } = options;
  const result = { kind, digest: letter.repeat(64), files: [] };
  publish(db, { tenant: "t", name: `ft:${letter}`, result, base, manifest: null, job: "j" }, 0);
  return `${kind}-${letter.repeat(32)}`;
}

const resolved = (db: Database, name: string, deltas: { id: string; weight: number }[] = []) =>
  resolve(db, { tenant: "t", owned: ownedModel(db, name), deltas }, BASE);

describe("a model's name", () => {
  it("is the base's own, a delta's or a full fine-tune's", () =>
    withTenant((db) => {
      given(db, "a");
      given(db, "f", { kind: "model" });
      expect(ownedModel(db, "base")).toEqual({ baseId: "base", artefact: null, beneath: [] });
      expect(resolved(db, "base")).toEqual({ base: BASE, weights: null, deltas: [] });
      expect(resolved(db, "ft:a").deltas).toMatchObject([
        { digest: "a".repeat(64), weight: 1, prefix: `tenants/t/deltas/${"a".repeat(64)}/` },
      ]);
      expect(resolved(db, "ft:f")).toMatchObject({ weights: { tenant: "t", digest: "f".repeat(64) }, deltas: [] });
      expect(() => ownedModel(db, "ft:other")).toThrow(expect.objectContaining({ code: "model_not_found" }));
    }));

  it("adds up what is asked for on top, each delta once and in one order", () =>
    withTenant((db) => {
      const [b, a] = [given(db, "b"), given(db, "a")];
      const { deltas } = resolved(db, "ft:b", [
        { id: a, weight: 0.5 },
        { id: b, weight: -0.25 },
        { id: "ft:a", weight: 1 },
      ]);
      expect(deltas.map(({ digest, weight }) => [digest[0], weight])).toEqual([
        ["a", 1.5],
        ["b", 0.75],
      ]);
    }));

  it("is what a model stands on and its own delta; as a delta it is its own alone", () =>
    withTenant((db) => {
      const [a, b] = [given(db, "a"), given(db, "b")];
      const result = { kind: "delta" as const, digest: "e".repeat(64), files: [] };
      const onTopOf = [
        { artefact: a, weight: 1 },
        { artefact: b, weight: 0.5 },
      ];
      publish(db, { tenant: "t", name: "ft:e", result, base: BASE, manifest: null, job: "j", onTopOf }, 0);
      const shown = (deltas: readonly { readonly digest: string; readonly weight: number }[]) =>
        deltas.map(({ digest, weight }) => [digest[0], weight]);
      expect(shown(resolved(db, "ft:e", [{ id: b, weight: 1 }]).deltas)).toEqual([
        ["a", 1],
        ["b", 1.5],
        ["e", 1],
      ]);
      expect(shown(resolved(db, "base", [{ id: "ft:e", weight: 2 }]).deltas)).toEqual([["e", 2]]);
      expect(deltasNamed(db, "ft:e")?.map(({ artefact, weight }) => [artefact.digest[0], weight])).toEqual([
        ["a", 1],
        ["b", 0.5],
        ["e", 1],
      ]);
      expect(deltasNamed(db, a)).toHaveLength(1);
      expect(deltasNamed(db, "base")).toBeUndefined();
      dropArtefact(db, b, 0);
      expect(() => resolved(db, "ft:e")).toThrow(
        expect.objectContaining({
          code: "invalid_delta",
          message: expect.stringContaining(`stands on the delta ${b}`),
        }),
      );
    }));

  it("does not take deltas for another base, on a full fine-tune, or from nowhere", () =>
    withTenant((db) => {
      const a = given(db, "a");
      given(db, "f", { kind: "model" });
      const foreign = given(db, "c", { base: { ...BASE, id: "other", digest: "0".repeat(64) } });
      const error = (code: string, param: string) => expect.objectContaining({ code, param });
      expect(() =>
        resolved(db, "base", [
          { id: a, weight: 1 },
          { id: foreign, weight: 1 },
        ]),
      ).toThrow(error("invalid_delta", "deltas[1].id"));
      expect(() => resolved(db, "ft:c")).toThrow(error("invalid_delta", "model"));
      expect(() => resolved(db, "ft:f", [{ id: a, weight: 1 }])).toThrow(error("invalid_delta", "deltas[0].id"));
      expect(() => resolved(db, "base", [{ id: "delta-x", weight: 1 }])).toThrow(error("not_found", "deltas[0].id"));
      expect(() => resolved(db, "base", [{ id: "ft:f", weight: 1 }])).toThrow(error("not_found", "deltas[0].id"));
    }));
});

describe("the deltas of a merge", () => {
  it("come in the order in which they are named, by id or by a model's name", () =>
    withTenant((db) => {
      const b = given(db, "b");
      given(db, "a");
      const asked = [
        { id: b, weight: 1 },
        { id: "ft:a", weight: -1 },
      ];
      expect(deltasToMerge(db, asked, BASE).map(({ prefix }) => prefix)).toEqual([
        `tenants/t/deltas/${"b".repeat(64)}/`,
        `tenants/t/deltas/${"a".repeat(64)}/`,
      ]);
    }));

  it("are each there once, and for this base", () =>
    withTenant((db) => {
      const a = given(db, "a");
      const older = given(db, "c", { base: { ...BASE, digest: "0".repeat(64) } });
      given(db, "f", { kind: "model" });
      const merge =
        (...ids: string[]) =>
        () =>
          deltasToMerge(
            db,
            ids.map((id) => ({ id, weight: 1 })),
            BASE,
          );
      const error = (code: string, message: string) =>
        expect.objectContaining({ code, param: "deltas[1].id", message: expect.stringContaining(message) });
      expect(merge(a, "ft:a")).toThrow(error("invalid_request", "is named twice: add its weights up"));
      expect(merge(a, older)).toThrow(error("invalid_delta", "is for another version of base, which was deleted"));
      expect(merge(a, "ft:f")).toThrow(error("not_found", 'There is no delta "ft:f"'));
      expect(merge(a, "delta-x")).toThrow(error("not_found", "There is no delta"));
    }));
});
