import { describe, expect, it } from "vitest";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { compareMethods, comparisonSteps, defaultSettings } from "../../../shared/peft/compare.ts";
import { ChosenSettings } from "../../../shared/peft/presets.ts";
import { PEFT_METHODS } from "../../../shared/peft/registry.ts";
import { elementCount } from "../../../shared/tensor.ts";
import { attached, settingsOf } from "../../support/peft.ts";
import { tinyModel } from "../../trainer/tiny-model.ts";

const { config, weights } = loadModelFolder(tinyModel());
const loose = { strict: false, param: "methods" };

describe("compareMethods", () => {
  it("has a row for every method, with the parameters that it would train", () => {
    const rows = compareMethods(config, defaultSettings(), loose);
    expect(rows.map(({ settings }) => settings.type)).toEqual(Object.keys(PEFT_METHODS));
    for (const { settings, cost, refusal, suits } of rows) {
      expect(suits.length).toBeGreaterThan(20);
      if (cost === undefined) {
        expect(refusal).toMatch(/`methods\[\d+\]/);
        continue;
      }
      const trained = attached(settings, { config, weights }).parameters;
      expect(cost.trainableParameters).toBe(trained.reduce((sum, { shape }) => sum + elementCount(shape), 0));
      expect([cost.deltaBytes, cost.trainingPeakBytes, cost.trainingMsPerToken].every((figure) => figure > 0)).toBe(
        true,
      );
    }
  });

  it("accepts presets, which cost the sum of their methods", () => {
    const chosen = (given: object) => ChosenSettings.parse(given);
    const prefix_tuning = { num_virtual_tokens: 4, encoder_hidden_size: 8 };
    const [mam, ...parts] = compareMethods(
      config,
      [
        chosen({ type: "mam", prefix_tuning }),
        chosen({ type: "prefix", prefix_projection: true, ...prefix_tuning }),
        chosen({ type: "bottleneck", config: "par_bn" }),
      ],
      loose,
    );
    const together = parts.reduce((sum, { cost }) => sum + cost!.trainableParameters, 0);
    expect(mam!.cost!.trainableParameters).toBe(together);
    expect(mam!.mergeable).toBe(false);
    expect(() =>
      compareMethods(config, [chosen({ type: "mam", adapter: { leave_out: [99] } })], { ...loose, strict: true }),
    ).toThrow(expect.objectContaining({ param: "methods[0].adapter.leave_out" }));
  });

  it("says whether the result can be merged into the base", () => {
    const settings = [
      settingsOf({ type: "bitfit", add_biases: true }),
      settingsOf({ type: "lora" }),
      settingsOf({ type: "lora", lora_bias: true }),
    ];
    expect(compareMethods(config, settings, loose).map(({ mergeable }) => mergeable)).toEqual([false, true, false]);
  });

  it("reports settings that do not fit the model, or throws with their place", () => {
    const settings = [settingsOf({ type: "lora" }), settingsOf({ type: "lora", r: 4096 })];
    const [, second] = compareMethods(config, settings, loose);
    expect(second).toMatchObject({ refusal: expect.stringContaining("can have no higher rank") });
    expect(second).not.toHaveProperty("cost");
    expect(() => compareMethods(config, settings, { strict: true, param: "methods" })).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "methods[1].r" }),
    );
  });
});

describe("comparisonSteps", () => {
  it("does the work for one method at a time", () => {
    const settings = [settingsOf({ type: "lora" }), settingsOf({ type: "lora", r: 4096 })];
    const steps = comparisonSteps(config, settings, { strict: true, param: "methods" });
    expect(steps.next().value).toMatchObject({ settings: settings[0] });
    expect(() => steps.next()).toThrow(expect.objectContaining({ param: "methods[1].r" }));
  });
});
