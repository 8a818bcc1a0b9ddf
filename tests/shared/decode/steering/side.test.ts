import { describe, expect, it } from "vitest";
import { modelAt, planSide, Side, sideReferences } from "../../../../shared/decode/steering/side.ts";
import { contextFor } from "../../../contract/steering-model.ts";

const OWN = { kind: "own" };
const chat = contextFor([]);

/** What a side names, and how it is run. */
function both(asked: unknown) {
  const side = Side.parse(asked);
  return { references: sideReferences(side, "x"), plan: planSide(side, "x", chat) };
}

it.each([
  ["base", [], { model: "base", prompt: OWN, temperature: undefined }],
  [{ model: "base", temperature: 2 }, [], { model: "base", prompt: OWN, temperature: 2 }],
  [{}, [], { model: "own", prompt: OWN, temperature: undefined }],
  [{ without: "system" }, [], { model: "own", prompt: { kind: "without", message: "system" }, temperature: undefined }],
  [
    "kind",
    [{ at: "x", id: "kind", weight: 1, kind: "model" }],
    { model: { at: "x" }, prompt: OWN, temperature: undefined },
  ],
  [
    { model: "kind", without: { name: "facts" } },
    [{ at: "x.model", id: "kind", weight: 1, kind: "model" }],
    { model: { at: "x.model" }, prompt: { kind: "without", message: { name: "facts" } }, temperature: undefined },
  ],
  [
    { delta: { id: "rude", weight: -0.5 }, temperature: 0.3 },
    [{ at: "x.delta.id", id: "rude", weight: -0.5, kind: "model" }],
    { model: { at: "x.delta.id" }, prompt: OWN, temperature: 0.3 },
  ],
] as const)("%j", (asked, references, plan) => {
  expect(both(asked)).toEqual({ references, plan });
});

describe("refusals", () => {
  it("takes no message out of a completion's prompt", () => {
    const plan = () => planSide(Side.parse({ without: "system" }), "contrastive.amateur", { ...chat, hasChat: false });
    expect(plan).toThrow(expect.objectContaining({ code: "invalid_request", param: "contrastive.amateur.without" }));
    expect(() => planSide("kind", "contrastive.amateur", { ...chat, hasChat: false })).not.toThrow();
  });

  it("takes a model or a delta, not both", () => {
    const { error } = Side.safeParse({ model: "a", delta: { id: "b" } });
    expect(JSON.stringify(error!.issues)).toContain("must be left out beside `model`");
  });
});

it("knows the base by its keyword", () => {
  expect(modelAt("base", "x")).toBe("base");
  expect(modelAt("bases", "x")).toEqual({ at: "x" });
});
