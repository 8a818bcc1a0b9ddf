import { describe, expect, it } from "vitest";
import { Method } from "../../../shared/api/methods.ts";
import { checkSteeringVector, SteeringVectorSettings } from "../../../shared/api/steering-vector.ts";

describe("SteeringVectorSettings", () => {
  it("fills in the rest", () => {
    expect(SteeringVectorSettings.parse({ condition: { when: "negative" } })).toEqual({
      layers: "auto",
      method: "mean_difference",
      position: "last",
      normalise: "none",
      condition: { when: "negative", prompts: "training_file", layer: "auto", position: "last" },
    });
    expect(Method.parse({ type: "steering_vector" })).toMatchObject({ steering_vector: { layers: "auto" } });
  });

  it.each([
    { layers: [] },
    { layers: [1, 1] },
    { layers: -1 },
    { layers: 1.5 },
    { layers: "all" },
    { method: "lda" },
    { position: "first" },
    { normalise: true },
    { condition: {} },
    { condition: { when: "positive", position: "completion" } },
    { hyperparameters: { n_epochs: 1 } },
    { peft: { type: "lora" } },
  ])("refuses %j", (settings) => {
    expect(SteeringVectorSettings.safeParse(settings).success).toBe(false);
  });
});

describe("checkSteeringVector", () => {
  const check = (settings: unknown) =>
    checkSteeringVector(SteeringVectorSettings.parse(settings), { layers: 6 }, "method.steering_vector");

  it("takes every layer of the model", () => {
    for (const layers of [0, 5, [0, 5], "auto"]) check({ layers, condition: { when: "positive", layer: 5 } });
  });

  it.each([
    [{ layers: 6 }, "layers"],
    [{ layers: [0, 6] }, "layers[1]"],
    [{ condition: { when: "positive", layer: 6 } }, "condition.layer"],
  ])("names the field and the range for %j", (settings, field) => {
    const param = `method.steering_vector.${field}`;
    expect(() => check(settings)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param,
        message: `\`${param}\` is 6, but this model has the layers 0 to 5.`,
      }),
    );
  });
});
