import { describe, expect, it } from "vitest";
import { Method } from "../../../shared/api/methods.ts";

const issues = (type: string, hyperparameters: object) =>
  Method.safeParse({ type, [type]: { hyperparameters } }).error?.issues.map(({ path }) => path.join("."));

describe("the settings of preference jobs", () => {
  it("take OpenAI's hyperparameters, and say what each auto is", () => {
    const hyperparameters = { beta: 0.2, n_epochs: 2, batch_size: "auto", learning_rate_multiplier: 1.5 };
    expect(Method.parse({ type: "dpo", dpo: { hyperparameters } })).toMatchObject({
      dpo: { hyperparameters: { ...hyperparameters, label_smoothing: 0, loss_type: "sigmoid" } },
    });
    expect(Method.parse({ type: "dpo" })).toMatchObject({ dpo: { hyperparameters: { beta: "auto" } } });
    expect(Method.parse({ type: "ipo" })).toMatchObject({
      ipo: { hyperparameters: { length_normalization: "average" } },
    });
  });

  it("let a step of KTO be of several micro-batches", () => {
    expect(issues("kto", { batch_size: 1, gradient_accumulation_steps: 2 })).toBeUndefined();
    expect(issues("kto", { batch_size: 2 })).toBeUndefined();
  });

  it("let several losses be added", () => {
    const several = { loss_type: ["sigmoid", "hinge"], loss_weights: [1, 0.5], label_smoothing: 0.1 };
    expect(issues("dpo", several)).toBeUndefined();
    expect(issues("dpo", { loss_type: ["sigmoid", "hinge"] })).toBeUndefined();
  });

  it.each([
    ["dpo", { beta: 0 }, "dpo.hyperparameters.beta"],
    ["dpo", { beta: "high" }, "dpo.hyperparameters.beta"],
    ["dpo", { label_smoothing: 0.5 }, "dpo.hyperparameters.label_smoothing"],
    ["dpo", { loss_type: "hinge", label_smoothing: 0.1 }, "dpo.hyperparameters.label_smoothing"],
    ["dpo", { loss_type: ["hinge", "hinge"] }, "dpo.hyperparameters.loss_type"],
    ["dpo", { loss_type: [] }, "dpo.hyperparameters.loss_type"],
    ["dpo", { loss_weights: [1, 2] }, "dpo.hyperparameters.loss_weights"],
    ["dpo", { loss_type: ["sigmoid", "hinge"], loss_weights: [1] }, "dpo.hyperparameters.loss_weights"],
    ["ipo", { length_normalization: "none" }, "ipo.hyperparameters.length_normalization"],
    ["orpo", { beta: -1 }, "orpo.hyperparameters.beta"],
    ["orpo", { gamma: 1 }, "orpo.hyperparameters"],
    ["simpo", { gamma: -1 }, "simpo.hyperparameters.gamma"],
    ["kto", { desirable_weight: 0 }, "kto.hyperparameters.desirable_weight"],
    ["kto", { batch_size: 1 }, "kto.hyperparameters.batch_size"],
    ["ipo", { optim_memory_limit: 1 }, "ipo.hyperparameters.optim_memory_limit"],
  ])("refuse, for %s, %j", (type, hyperparameters, path) => {
    expect(issues(type, hyperparameters)).toEqual([path]);
  });
});
