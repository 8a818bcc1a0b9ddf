import { describe, expect, it } from "vitest";
import { contrastive } from "../../../../shared/decode/steering/contrastive.ts";
import { planned } from "../../../contract/steering-cases.ts";
import { processedRow } from "../processing.ts";
import { itGivesTheReferencesScores } from "./references.ts";

describe("against the papers' formulas", () => itGivesTheReferencesScores("contrastive", 8));

describe("an amateur that is the expert", () => {
  const refused = expect.objectContaining({ code: "invalid_request", param: "contrastive.amateur" });
  const plan =
    (asked: object, about = {}) =>
    () =>
      planned("contrastive", asked, about);

  it.each([
    { amateur: {} },
    // The temperature of all amateurs does not make the same model another one.
    { amateur: {}, temperature: 0.2 },
    { expert: "kind", amateur: { model: "kind" } },
    { expert: { delta: { id: "kind" } }, amateur: "kind" },
    { expert: "base", amateur: "base" },
    { expert: { temperature: 0.5 }, amateur: {} },
    { expert: { temperature: 2 }, amateur: { temperature: 2 } },
    { expert: { without: "system" }, amateur: { without: "system" } },
    { amateur: { temperature: 1 } },
  ])("is refused: %j", (asked) => {
    expect(plan(asked)).toThrow(refused);
  });

  it("is refused where the request's own model is the base, or the named one", () => {
    expect(plan({ amateur: "base" }, { same: () => true })).toThrow(refused);
    expect(plan({ amateur: "base" })).not.toThrow();
  });

  it.each([
    { amateur: { temperature: 2 } },
    { expert: { temperature: 2 }, amateur: {} },
    { amateur: { without: "system" } },
    { amateur: { without: { name: "facts" } }, expert: { without: "system" } },
    { expert: { delta: { id: "kind", weight: 2 } }, amateur: { delta: { id: "kind", weight: 1 } } },
    { expert: "kind", amateur: {} },
  ])("is not: %j", (asked) => {
    expect(plan(asked)).not.toThrow();
  });
});

it("runs a row for the amateur, and one for an expert that is named", () => {
  const amateur = { role: "contrastive.amateur", model: { at: "contrastive.amateur" }, prompt: { kind: "own" } };
  expect(planned("contrastive", { amateur: "small" }).companions).toEqual([amateur]);
  expect(planned("contrastive", { expert: "base", amateur: "small" }).companions).toEqual([
    { role: "contrastive.expert", model: "base", prompt: { kind: "own" } },
    amateur,
  ]);
});

it("takes the amateur's own temperature before that of all amateurs", () => {
  const temperatureOf = (asked: object) => planned("contrastive", asked).settings;
  expect(temperatureOf({ amateur: "small" })).toMatchObject({ amateurTemperature: 0.5, expertTemperature: 1 });
  expect(temperatureOf({ amateur: { model: "small", temperature: 3 }, temperature: 2 })).toMatchObject({
    amateurTemperature: 3,
  });
});

it("chooses among what earlier parts left, even where the expert would rather have something else", () => {
  const scores = Float64Array.of(Number.NEGATIVE_INFINITY, 0, 1);
  const logits = (role?: string) => (role === "contrastive.expert" ? Float32Array.of(50, 2, -9) : new Float32Array(3));
  const { settings } = planned("contrastive", { expert: "kind", amateur: "small" });
  contrastive.processor.create().apply([processedRow({ settings: settings as never, scores, logits })]);
  expect([...scores].map(Number.isFinite)).toEqual([false, true, false]);
});
