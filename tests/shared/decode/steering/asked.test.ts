import { expect, it } from "vitest";
import { SteeringObject } from "../../../../shared/api/steering.ts";
import { activeParts, referencesOf } from "../../../../shared/decode/steering/asked.ts";

const parsed = (steering: unknown) => SteeringObject.parse(steering);

it("leaves out the parts that change nothing, and what has no processor of its own", () => {
  const steering = parsed({
    guidance: { scale: 1 },
    experts: [{ id: "kind", weight: 0 }],
    contrastive: { amateur: "small" },
    vectors: [{ id: "v" }],
    rules: { banned: ["x"] },
  });
  expect(activeParts(steering)).toEqual({ contrastive: steering.contrastive });
  expect(activeParts({})).toEqual({});
});

it("keeps the order of application, whatever that of the request", () => {
  const steering = parsed({ contrastive: { amateur: "small" }, guidance: {}, layers: {} });
  expect(Object.keys(activeParts(steering))).toEqual(["layers", "guidance", "contrastive"]);
});

it("names every model once for each place that names it, and never the bare base", () => {
  const steering = parsed({
    experts: {
      members: [
        { id: "kind", weight: 1 },
        { id: "base", weight: -1 },
      ],
    },
    contrastive: { expert: { model: "kind" }, amateur: { delta: { id: "rude", weight: -2 } } },
    classifier: [{ id: "tone", label: "kind", mode: "lookahead" }],
    layers: {},
  });
  expect(referencesOf(activeParts(steering))).toEqual([
    { at: "experts.members[0].id", id: "kind", weight: 1, kind: "model" },
    { at: "contrastive.expert.model", id: "kind", weight: 1, kind: "model" },
    { at: "contrastive.amateur.delta.id", id: "rude", weight: -2, kind: "model" },
    { at: "classifier[0].id", id: "tone", weight: 1, kind: "classifier" },
  ]);
  expect(referencesOf({})).toEqual([]);
});
