import { describe, expect, it } from "vitest";
import { experts } from "../../../../shared/decode/steering/experts.ts";
import { planned } from "../../../contract/steering-cases.ts";
import { processedRow } from "../processing.ts";
import { itGivesTheReferencesScores } from "./references.ts";

describe("against the authors' code", () => itGivesTheReferencesScores("experts", 5));

it("runs a row of the whole prompt for every expert with a weight", () => {
  const members = [
    { id: "kind", weight: 2 },
    { id: "idle", weight: 0 },
    { id: "base", weight: -1 },
  ];
  const prompt = { kind: "own" };
  for (const [asked, at] of [
    [members, "experts[0].id"],
    [{ members, top_p: 0.5 }, "experts.members[0].id"],
  ] as const) {
    const { companions, settings } = planned("experts", asked);
    expect(companions).toEqual([
      { role: "experts[0]", model: { at }, prompt },
      { role: "experts[2]", model: "base", prompt },
    ]);
    expect(settings).toMatchObject({ topP: Array.isArray(asked) ? 0.9 : 0.5 });
  }
});

it("names each model once, with its whole effect, and the bare base by its keyword", () => {
  const asked = experts.schema.parse([
    { id: "kind", weight: 2 },
    { id: "base", weight: -1 },
  ]);
  expect(experts.references!(asked)).toEqual([{ at: "experts[0].id", id: "kind", weight: 1, kind: "model" }]);
});

it("measures experts against the model itself, whatever earlier parts made of it", () => {
  const own = Float32Array.of(0, 0);
  const [scores, expert] = [Float64Array.of(3, 1), Float32Array.of(0, 5)];
  const logits = (role?: string) => (role === undefined ? own : expert);
  const { settings } = planned("experts", { members: [{ id: "kind", weight: 1 }], top_p: 1 });
  experts.processor.create().apply([processedRow({ settings: settings as never, scores, logits })]);
  // 3 − 1 of the scores so far, and 0 − 5 of the expert.
  expect(scores[0]! - scores[1]!).toBeCloseTo(-3, 12);
});
