import { describe, expect, it } from "vitest";
import type { ResolvedDelta, ResolvedModel } from "../../../edge/serving/protocol.ts";
import { sameModel, stateKeyOf } from "../../../edge/serving/row-models.ts";

const MODEL: ResolvedModel = {
  base: { id: "b", digest: "d", prefix: "b/", files: [] },
  weights: null,
  deltas: [],
};
const WEIGHTS = { digest: "w", prefix: "w/", files: [], tenant: "acme" };
const delta = (digest: string, weight: number): ResolvedDelta => ({ digest, weight, prefix: "p/", files: [] });

describe("stateKeyOf", () => {
  const key = (changes: Partial<ResolvedModel>, tenant = "acme") => stateKeyOf(tenant, { ...MODEL, ...changes });

  it("differs for every tenant, fine-tune, delta and weight, and is otherwise equal", () => {
    const different = [
      key({}),
      key({}, "other"),
      key({ weights: WEIGHTS }),
      key({ deltas: [delta("a", 1)] }),
      key({ deltas: [delta("a", 0.5)] }),
      key({ deltas: [delta("b", 1)] }),
      key({ deltas: [delta("a", 1), delta("b", 1)] }),
    ];
    expect(new Set(different).size).toBe(different.length);
    expect(key({ deltas: [delta("a", 1)] })).toBe(key({ deltas: [delta("a", 1)] }));
  });

  it("leaves out deltas of weight 0", () => {
    expect(key({ deltas: [delta("a", 0)] })).toBe(key({}));
  });
});

it("sameModel compares bases, weights and deltas, and leaves out those of weight 0", () => {
  expect(sameModel(MODEL, { ...MODEL, deltas: [delta("a", 0)] })).toBe(true);
  expect(sameModel(MODEL, { ...MODEL, deltas: [delta("a", 1)] })).toBe(false);
  expect(sameModel(MODEL, { ...MODEL, weights: WEIGHTS })).toBe(false);
  expect(sameModel(MODEL, { ...MODEL, base: { ...MODEL.base, id: "c", digest: "e" } })).toBe(false);
  expect(sameModel(MODEL, { ...MODEL, base: { ...MODEL.base, id: "c" } })).toBe(true);
});
