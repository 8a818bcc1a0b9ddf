import { describe, expect, it } from "vitest";
import { Method } from "../../../shared/api/methods.ts";

const HYPERPARAMETERS = { n_epochs: "auto", batch_size: "auto", learning_rate_multiplier: "auto" };

describe("Method", () => {
  it("fills in what is left out", () => {
    expect(Method.parse({ type: "supervised" })).toEqual({
      type: "supervised",
      supervised: {
        hyperparameters: HYPERPARAMETERS,
        peft: { type: "lora", r: 8, lora_alpha: 16, lora_dropout: 0, use_rslora: false, target_modules: "all-linear" },
      },
    });
    const partial = {
      type: "supervised",
      supervised: { hyperparameters: { n_epochs: 3 }, peft: { type: "lora", r: 4 } },
    };
    expect(Method.parse(partial).supervised).toMatchObject({
      hyperparameters: { ...HYPERPARAMETERS, n_epochs: 3 },
      peft: { r: 4, lora_alpha: 16 },
    });
  });

  it("lists its types", () => {
    expect(Method.safeParse({ type: "supervised" }).success).toBe(true);
  });

  it.each([
    { type: "supervised", supervised: {}, dpo: {} },
    { type: "supervised", supervised: { hyperparameters: { beta: 1 } } },
    { type: "supervised", supervised: { hyperparameters: { n_epochs: 1.5 } } },
    { type: "supervised", supervised: { hyperparameters: { optim_memory_limit: 1e6 } } },
    { type: "supervised", supervised: { hyperparameters: { learning_rate_multiplier: 0 } } },
    { type: "supervised", supervised: { peft: { type: "lora", lora_dropout: 1 } } },
    { type: "supervised", supervised: { peft: { type: "lora", target_modules: [] } } },
    { type: "supervised", supervised: { peft: { type: "full", r: 8 } } },
  ])("refuses %j", (method) => {
    expect(Method.safeParse(method).success).toBe(false);
  });
});
