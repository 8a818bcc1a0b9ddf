import { expect, it } from "vitest";
import { vectorsRequest } from "../../../../shared/decode/steering/vectors-request.ts";
import { LIMITS } from "../../../../shared/limits.ts";

it("a vector steers everywhere with a strength of 1 where nothing else is said", () => {
  expect(vectorsRequest.parse([{ id: "v" }])).toEqual([{ id: "v", strength: 1, condition: false }]);
  const all = [
    { id: "v", strength: -2, condition: true },
    { id: "w", strength: 0, condition: { threshold: 0.25 } },
  ];
  expect(vectorsRequest.parse(all)).toEqual(all);
});

it.each<[at: object, past: object]>([
  [{ strength: LIMITS.vectorStrength }, { strength: LIMITS.vectorStrength + 0.01 }],
  [{ strength: -LIMITS.vectorStrength }, { strength: -LIMITS.vectorStrength - 0.01 }],
  [{ strength: 0 }, { strength: Number.NaN }],
  [{ condition: { threshold: -1 } }, { condition: { threshold: -1.01 } }],
  [{ condition: { threshold: 1 } }, { condition: { threshold: 1.01 } }],
  [{ condition: false }, { condition: "always" }],
  [{ condition: { threshold: 0 } }, { condition: { threshold: 0, layer: 1 } }],
  [{ id: "v".repeat(300) }, { id: "v".repeat(301) }],
  [{ id: "v" }, { id: "" }],
  [{}, { weight: 1 }],
])("takes %j and refuses %j", (at, past) => {
  expect(vectorsRequest.safeParse([{ id: "v", ...at }]).success).toBe(true);
  expect(vectorsRequest.safeParse([{ id: "v", ...past }]).success).toBe(false);
});

it("takes at least one vector, and no more than there may be", () => {
  const of = (length: number) => vectorsRequest.safeParse(Array.from({ length }, () => ({ id: "v" }))).success;
  expect([0, 1, LIMITS.steeringVectors, LIMITS.steeringVectors + 1].map(of)).toEqual([false, true, true, false]);
});
