import { describe, expect, it } from "vitest";
import { EditSettings } from "../../../shared/api/edit-settings.ts";
import { askedLayers, autoLayers, EDIT_AUTO, editPlan } from "../../../trainer/edits/edit-plan.ts";

const plan = (settings: object, facts: number, earlier = 0) =>
  editPlan(EditSettings.parse(settings), { facts, earlier });

describe("editPlan", () => {
  it("takes rome for one fact alone and memit otherwise, with scaled values in sequences", () => {
    expect(plan({}, 1)).toMatchObject({
      method: "rome",
      batchSize: 1,
      rounds: 1,
      normScaling: false,
      clamp: EDIT_AUTO.clamp.rome,
    });
    expect(plan({}, 5)).toMatchObject({ method: "memit", batchSize: 5, normScaling: false });
    expect(plan({}, 1, 2)).toMatchObject({ method: "memit", normScaling: true });
    expect(plan({ options: { batch_size: 2 } }, 5)).toMatchObject({
      method: "memit",
      batchSize: 2,
      normScaling: true,
    });
  });

  it("keeps what is asked", () => {
    const options = {
      clamp: 2,
      lambda: 7,
      learning_rate: 0.5,
      norm_scaling: false,
      batch_size: 1,
      rounds: 2,
      refine: 5,
      steps: 9,
    };
    expect(plan({ method: "memit", options }, 3)).toEqual({
      ...{ method: "memit", batchSize: 1, rounds: 2, normScaling: false, clamp: 2, lambda: 7, learningRate: 0.5 },
      ...{ stopBelow: EDIT_AUTO.stopBelow, refine: 5, steps: 9 },
    });
  });

  it("improves what memit solves, and leaves the others as they were published", () => {
    expect(plan({}, 5).refine).toBe("auto");
    for (const method of ["rome", "alphaedit"]) expect(plan({ method }, 1).refine).toBe(0);
    expect(plan({ method: "rome", options: { refine: 7 } }, 1).refine).toBe(7);
    expect(plan({ options: { refine: 0 } }, 5).refine).toBe(0);
  });

  it("takes more steps for a target of many tokens, up to the most that there are", () => {
    const steps = (targetTokens: number) =>
      editPlan(EditSettings.parse({}), { facts: 1, earlier: 0, targetTokens }).steps;
    expect([1, 6, 7, 15, 20, 400].map(steps)).toEqual([30, 30, 70, 150, 200, 200]);
    expect(plan({ options: { steps: 12 } }, 1).steps).toBe(12);
  });
});

it("orders layers and falls back to an early one", () => {
  expect(askedLayers({ layers: [3, 1] })).toEqual([1, 3]);
  expect(askedLayers({ layers: 2 })).toEqual([2]);
  expect(askedLayers({ layers: "auto" })).toBeUndefined();
  for (const layers of [1, 2, 6, 24]) {
    for (const method of ["rome", "memit", "alphaedit"] as const) {
      for (const recalled of [undefined, 0, layers - 1]) {
        const chosen = autoLayers(recalled, { layers, method });
        expect(chosen.length).toBeGreaterThan(0);
        expect(chosen.every((layer, i) => layer < layers && layer > (chosen[i - 1] ?? -1))).toBe(true);
      }
    }
  }
});
