import { expect, it } from "vitest";
import { SteeringObject } from "../../../shared/api/steering.ts";
import { namesIn } from "../../../shared/api/steering-names.ts";

it("finds every name in a steering object with its place", () => {
  const steering = SteeringObject.parse({
    contrastive: { expert: { model: "big" }, amateur: { delta: { id: "small" } } },
    experts: {
      members: [
        { id: "ft:kind", weight: 1 },
        { id: "base", weight: 1 },
        { id: "ft:rude", weight: -1 },
      ],
    },
    classifier: [{ id: "tone", label: "kind", mode: "lookahead" }],
    vectors: [{ id: "calm", strength: 2 }],
  });
  const placed = (path: string, name: string) => ({ path, name, of: "model" });
  expect(namesIn(steering)).toEqual([
    placed("experts.members[0].id", "ft:kind"),
    placed("experts.members[2].id", "ft:rude"),
    placed("contrastive.expert.model", "big"),
    placed("contrastive.amateur.delta.id", "small"),
    placed("classifier[0].id", "tone"),
    placed("vectors[0].id", "calm"),
  ]);
});

it("places a scorer at the field that its request has, be it a name or an object", () => {
  const placed = { path: "rules.scorer", name: "judge", of: "scorer" };
  for (const scorer of ["judge", { name: "judge", candidates: 3 }]) {
    expect(namesIn(SteeringObject.parse({ rules: { scorer } }))).toEqual([placed]);
  }
});

it("finds none where there are none, and takes no text of a rule for one", () => {
  expect(namesIn({})).toEqual([]);
  const rules = { rules: { banned: ["ft:kind"] } } as SteeringObject;
  expect(namesIn(rules)).toEqual([]);
});

it("finds what judges a search", () => {
  const names = (by: unknown) => namesIn(SteeringObject.parse({ search: { by } }));
  expect(names({ reward: "r" })).toEqual([{ path: "search.by.reward", name: "r", of: "model" }]);
  expect(names({ classifier: "c", label: "good" })).toEqual([{ path: "search.by.classifier", name: "c", of: "model" }]);
  expect(names({ scorer: "s" })).toEqual([{ path: "search.by.scorer", name: "s", of: "scorer" }]);
  expect(names("likelihood")).toEqual([]);
});
