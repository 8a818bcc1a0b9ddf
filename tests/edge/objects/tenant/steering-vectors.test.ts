import { expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import { addAlias } from "../../../../edge/objects/tenant/alias-rows.ts";
import { publish } from "../../../../edge/objects/tenant/artefact-rows.ts";
import { NO_VECTORS, steeringVectors } from "../../../../edge/objects/tenant/steering-vectors.ts";
import { SteeringObject } from "../../../../shared/api/steering.ts";
import type { Condition } from "../../../../shared/delta/condition.ts";
import { BASE, withTenant } from "../../support/tenant-database.ts";

const CONDITION: Condition = { layer: 1, position: "last", vector: [1, 0], threshold: 0.25, comparator: "above" };

/** A delta `ft:LETTER`; `null`: one that is no steering vector. */
function given(db: Database, letter: string, condition: Condition | undefined | null, base = BASE): void {
  const facts = { method: "pca", position: "last", normalise: "none", layers: [], condition };
  const manifest = (condition === null ? {} : { steering: facts }) as never;
  const result = { kind: "delta" as const, digest: letter.repeat(64), files: [] };
  publish(db, { tenant: "t", name: `ft:${letter}`, result, base, manifest, job: "j" }, 0);
}

const vectors = (db: Database, asked: readonly object[]) =>
  steeringVectors(db, SteeringObject.parse({ vectors: asked }), BASE);

it("are none where none are asked for, and where their strength is 0", () =>
  withTenant((db) => {
    given(db, "a", CONDITION);
    expect(steeringVectors(db, {}, BASE)).toEqual(NO_VECTORS);
    for (const condition of [false, true]) {
      expect(vectors(db, [{ id: "ft:a", strength: 0, condition }])).toEqual(NO_VECTORS);
    }
  }));

it("without a condition are deltas of the request's model, each weighing its strength", () =>
  withTenant((db) => {
    given(db, "a", undefined);
    given(db, "c", CONDITION);
    addAlias(db, { id: "calm", model: "ft:c", steering: null }, 0);
    expect(vectors(db, [{ id: "ft:a" }, { id: "calm", strength: -2.5, condition: false }])).toEqual({
      always: [
        { id: "ft:a", weight: 1, param: "steering.vectors[0].id" },
        { id: "calm", weight: -2.5, param: "steering.vectors[1].id" },
      ],
      conditional: [],
    });
  }));

it("with a condition wait for the prompt, and a threshold takes the place of the fitted one", () =>
  withTenant((db) => {
    given(db, "a", undefined);
    given(db, "c", CONDITION);
    const { always, conditional } = vectors(db, [
      { id: "ft:a" },
      { id: "ft:c", strength: 3, condition: true },
      { id: "ft:c", condition: { threshold: -0.5 } },
    ]);
    expect(always).toHaveLength(1);
    expect(conditional).toEqual([
      {
        at: "vectors[1]",
        delta: expect.objectContaining({ digest: "c".repeat(64), weight: 3 }),
        condition: CONDITION,
      },
      {
        at: "vectors[2]",
        delta: expect.objectContaining({ digest: "c".repeat(64), weight: 1 }),
        condition: { ...CONDITION, threshold: -0.5 },
      },
    ]);
  }));

it.each<[what: string, asked: object, error: object]>([
  ["an unknown one", { id: "ft:x" }, { code: "not_found", param: "steering.vectors[1].id" }],
  [
    "one of another base",
    { id: "ft:d" },
    { code: "invalid_request", param: "steering.vectors[1].id", message: expect.stringContaining("is made for small") },
  ],
  [
    "a delta that is no vector",
    { id: "ft:b" },
    {
      code: "invalid_request",
      param: "steering.vectors[1].id",
      message: expect.stringContaining("is no steering vector"),
    },
  ],
  [
    "a condition where the vector has none",
    { id: "ft:a", condition: true },
    { code: "invalid_request", param: "steering.vectors[1].condition" },
  ],
])("refuses %s, by its place", (_, asked, error) =>
  withTenant((db) => {
    given(db, "a", undefined);
    given(db, "b", null);
    given(db, "d", CONDITION, { ...BASE, id: "small", digest: "e".repeat(64) });
    expect(() => vectors(db, [{ id: "ft:a" }, asked])).toThrow(expect.objectContaining(error));
  }),
);
