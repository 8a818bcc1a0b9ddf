import { describe, expect, it } from "vitest";
import { packUnits } from "../../../trainer/data/packing-units.ts";
import { createStepPlan } from "../../../trainer/data/step-plan.ts";
import { chooseRows, type RowChoice } from "../../../trainer/recipes/choose-rows.ts";
import { goldenBase } from "../golden-llama.ts";

const { config } = goldenBase();
const unit = (...lengths: number[]) => ({ lengths, shared: 0 });
const pairs = Array.from({ length: 30 }, (_, i) => unit(8 + ((i * 7) % 20), 6 + ((i * 5) % 20)));
const options: RowChoice = {
  config,
  plan: createStepPlan({ examples: 30, batchSize: 4, accumulation: 2, seed: 1 }),
  totalSteps: 8,
  training: pairs,
  validation: [unit(40, 39)],
  limit: 64,
  packing: true,
  padId: 0,
  form: { examples: 2 },
};

describe("chooseRows", () => {
  it.each([true, false])("has room for every unit of both files (packing: %s)", (packing) => {
    const { shape, units } = chooseRows({ ...options, packing });
    for (const { lengths } of [...pairs, ...options.validation]) {
      expect(packUnits([lengths], { shape, packing })).toHaveLength(1);
    }
    expect(units).toEqual({ form: options.form, capacity: 4 });
  });

  it("says nothing of units where a unit is one example without columns", () => {
    const singles = { ...options, training: pairs.map(({ lengths: [one] }) => unit(one!)), validation: [] };
    expect(chooseRows({ ...singles, form: { examples: 1 } }).units).toBeUndefined();
    const form = { examples: 1, columns: { label: "example" } } as const;
    expect(chooseRows({ ...singles, form }).units).toEqual({ form, capacity: 4 });
  });

  it("has room for the largest micro-group of a short run", () => {
    const plan = createStepPlan({ examples: 30, batchSize: 7, accumulation: 1, seed: 1 });
    const largest = Math.max(...plan.groups(0).map(({ length }) => length));
    expect(chooseRows({ ...options, plan, totalSteps: 1 }).units!.capacity).toBe(largest);
  });
});
