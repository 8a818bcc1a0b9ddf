import { expect, it } from "vitest";
import { SteeringObject } from "../../../shared/api/steering.ts";
import { namesIn } from "../../../shared/api/steering-names.ts";

it("finds every name in a steering object with its place", () => {
  const steering = SteeringObject.parse({
    contrastive: { amateur: "small" },
    experts: [
      { id: "ft:kind", weight: 1 },
      { id: "ft:rude", weight: -1 },
    ],
  });
  expect(namesIn(steering)).toEqual([
    { path: "contrastive.amateur", name: "small", of: "model" },
    { path: "experts[0].id", name: "ft:kind", of: "model" },
    { path: "experts[1].id", name: "ft:rude", of: "model" },
  ]);
});

it("finds none where there are none, and takes no text of a rule for one", () => {
  expect(namesIn({})).toEqual([]);
  const rules = { rules: { banned: ["ft:kind"] } } as SteeringObject;
  expect(namesIn(rules)).toEqual([]);
});
