import { describe, expect, it, vi } from "vitest";
import { ChosenSettings } from "../../../../shared/peft/presets.ts";
import { forgettingMessage } from "../../../../trainer/recipes/keeping/forgetting.ts";
import { TINY_FILES } from "../objectives/run-objective.ts";
import { keepingRun } from "./keeping-run.ts";

vi.setConfig({ testTimeout: 120_000 });

describe("what a run forgets", () => {
  it("is measured before, on the way and after, and said at the end", async () => {
    const { outcome, steps, messages } = await keepingRun();
    const measured = steps.filter((step) => "forgetting/text_loss" in step);
    expect(measured.map(({ step }) => step)).toEqual([3, 6, 8, 10, 12]);
    const { metrics } = outcome;
    expect(metrics["forgetting/text_loss_before"]).toBeCloseTo(Math.log(420), 0);
    expect(metrics["forgetting/text_loss_after"]).toBe(measured.at(-1)!["forgetting/text_loss"]);
    expect(metrics["forgetting/fact_recall_after"]).toBe(0);
    expect(messages.at(-1)).toBe(forgettingMessage(metrics));
    expect(messages.at(-1)).toMatch(
      /^What is left of the base: loss on its held-out texts \S+ before, \S+ after; facts known 0\.0 % before, 0\.0 % after$/,
    );
  });

  it("compares with the base itself where a method does not start from it", async () => {
    const lossBefore = async (type: string) => {
      const { outcome } = await keepingRun({ hyperparameters: { max_steps: 1 }, peft: ChosenSettings.parse({ type }) });
      return outcome.metrics["forgetting/text_loss_before"]!;
    };
    expect(await lossBefore("prompt")).toBeCloseTo(await lossBefore("lora"), 5);
  });

  it("is not measured for a base without texts and facts", async () => {
    const { outcome } = await keepingRun({ hyperparameters: { max_steps: 2 }, changes: { files: TINY_FILES } });
    expect(Object.keys(outcome.metrics).filter((name) => name.startsWith("forgetting/"))).toEqual([]);
  });
});
