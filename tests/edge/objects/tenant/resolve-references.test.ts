import { expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import { addAlias } from "../../../../edge/objects/tenant/alias-rows.ts";
import { publish } from "../../../../edge/objects/tenant/artefact-rows.ts";
import { otherBases, resolveReferences, withPlace } from "../../../../edge/objects/tenant/resolve-references.ts";
import type { Reference } from "../../../../shared/decode/steering/part.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { BASE, withTenant } from "../../support/tenant-database.ts";

const SMALL = { ...BASE, id: "small", digest: "e".repeat(64), prefix: "bases/small/" };
const refer = (at: string, id: string, changes: Partial<Reference> = {}): Reference => ({
  at,
  id,
  weight: 1,
  kind: "model",
  ...changes,
});

function given(db: Database, letter: string, { base = BASE, kind = "delta" as "delta" | "model" } = {}): void {
  const result = { kind, digest: letter.repeat(64), files: [] };
  publish(db, { tenant: "t", name: `ft:${letter}`, result, base, manifest: null, job: "j" }, 0);
}

const resolved = (db: Database, references: readonly Reference[], others: readonly (typeof BASE)[] = []) =>
  resolveReferences(db, {
    tenant: "t",
    references,
    base: BASE,
    others: new Map(others.map((other) => [other.id, other])),
  });

it("a name is a base, a tuned model, a delta by its id, or an alias of any", () =>
  withTenant((db) => {
    given(db, "a");
    given(db, "c", { kind: "model" });
    addAlias(db, { id: "kind", model: "ft:a", steering: null }, 0);
    const models = resolved(db, [
      refer("experts[0].id", "ft:a", { weight: -2 }),
      refer("experts[1].id", `delta-${"a".repeat(32)}`),
      refer("experts[2].id", "kind"),
      refer("experts[3].id", "base"),
      refer("experts[4].id", "ft:c"),
    ]);
    const digests = Object.fromEntries(
      Object.entries(models).map(([at, { deltas, weights }]) => [
        at,
        [weights?.digest[0] ?? null, ...deltas.map(({ digest, weight }) => [digest[0], weight])],
      ]),
    );
    expect(digests).toEqual({
      "experts[0].id": [null, ["a", -2]],
      "experts[1].id": [null, ["a", 1]],
      "experts[2].id": [null, ["a", 1]],
      "experts[3].id": [null],
      "experts[4].id": ["c"],
    });
    expect(models["experts[4].id"]!.weights!.tenant).toBe("t");
  }));

it("other bases are found with the first place that names each, also behind a delta", () =>
  withTenant((db) => {
    given(db, "a");
    given(db, "d", { base: SMALL });
    const references = [
      refer("experts[0].id", "ft:a"),
      refer("experts[1].id", "ft:d"),
      refer("contrastive.amateur", "small"),
    ];
    expect([...otherBases(db, { references, base: BASE })]).toEqual([["small", references[1]]]);
    const models = resolved(db, references, [SMALL]);
    expect(Object.values(models).map(({ base, deltas }) => [base.id, deltas.length])).toEqual([
      ["base", 1],
      ["small", 1],
      ["small", 0],
    ]);
  }));

it("a classifier of another base is refused at its place, though a model of it may steer", () =>
  withTenant((db) => {
    given(db, "d", { base: SMALL });
    expect(() => resolved(db, [refer("classifier[1].id", "ft:d", { kind: "classifier" })], [SMALL])).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "steering.classifier[1].id",
        message: '"ft:d" is made for small, but the request runs on base. Name one that is made for base.',
      }),
    );
  }));

it("what is gone is refused at its place: a model, and another version of a base", () =>
  withTenant((db) => {
    const reference = refer("experts[0].id", "ft:gone");
    const unknown = expect.objectContaining({ code: "model_not_found", param: "steering.experts[0].id" });
    expect(() => otherBases(db, { references: [reference], base: BASE })).toThrow(unknown);
    expect(() => resolved(db, [reference])).toThrow(unknown);
    given(db, "a", { base: { ...BASE, digest: "9".repeat(64) } });
    expect(() => resolved(db, [refer("contrastive.amateur", "ft:a")])).toThrow(
      expect.objectContaining({ code: "invalid_delta", param: "steering.contrastive.amateur" }),
    );
  }));

it("an error gets the place that it is about, and what is no error of ours stays as it is", () => {
  const reference = refer("experts[0].id", "x");
  expect(withPlace(reference, new TrimtabError("model_not_found", "no", { param: "model" }))).toMatchObject({
    code: "model_not_found",
    message: "no",
    param: "steering.experts[0].id",
  });
  const other = new Error("disk");
  expect(withPlace(reference, other)).toBe(other);
});
