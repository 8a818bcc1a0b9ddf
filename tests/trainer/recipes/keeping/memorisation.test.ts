import { describe, expect, it, vi } from "vitest";
import { tinyDataset } from "../../tiny-model.ts";
import { keepingRun } from "./keeping-run.ts";

vi.setConfig({ testTimeout: 120_000 });

describe("what a run learns by heart", () => {
  it("rises with the epochs on the training file, and not on what the run has not seen", async () => {
    const { steps } = await keepingRun({
      hyperparameters: { n_epochs: 50, batch_size: 2, learning_rate: 0.005 },
      peft: { type: "full" },
      changes: { training: tinyDataset(8), validation: tinyDataset(8, 9) },
    });
    const ends = steps.filter((step) => "memorisation/exact_copies" in step);
    expect(ends).toHaveLength(50);
    const [first, last] = [ends[0]!, ends.at(-1)!];
    expect(first["memorisation/exact_copies"]).toBe(0);
    expect(last["memorisation/exact_copies"]).toBeGreaterThan(0.8);
    expect(last["memorisation/valid_exact_copies"]).toBeLessThan(0.5);
    expect(last["memorisation/prefix_copies"]).toBeGreaterThanOrEqual(last["memorisation/exact_copies"]!);
    expect(last["memorisation/loss"]).toBeLessThan(0.3);
    expect(last["memorisation/valid_loss"]).toBeGreaterThan(last["memorisation/loss"]! + 0.5);
  });

  it("is not asked of a run of one epoch, and has no validation half without a validation file", async () => {
    const once = await keepingRun({ hyperparameters: { n_epochs: 1 } });
    expect(once.steps.some((step) => "memorisation/loss" in step)).toBe(false);
    const twice = await keepingRun({ hyperparameters: { n_epochs: 2 }, validation: undefined });
    expect(Object.keys(twice.steps.at(-1)!)).toContain("memorisation/loss");
    expect(Object.keys(twice.steps.at(-1)!)).not.toContain("memorisation/valid_loss");
  });
});
