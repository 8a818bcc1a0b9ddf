import { describe, expect, it } from "vitest";
import { Method } from "../../../shared/api/methods.ts";

const parse = (hyperparameters: object, type = "supervised") =>
  Method.safeParse({ type, [type]: { hyperparameters, ...(type === "ppo" ? { reward: {} } : {}) } });

describe("settings of what a run keeps", () => {
  it.each([
    {},
    { lr_schedule: "wsd" },
    { lr_schedule: "wsd", lr_decay_ratio: 0.9, lr_decay_shape: "1-sqrt" },
    { lr_schedule: "wsd", lr_decay_ratio: 1, warmup_ratio: 0 },
    { eval_steps: 5, early_stopping_patience: 2, early_stopping_min_delta: 0.01 },
    { early_stopping_patience: 2, load_best_model_at_end: true },
    { load_best_model_at_end: false },
    { rehearsal_file: "base" },
    { rehearsal_file: "file-abc", rehearsal_ratio: 0.5 },
    { ewc_lambda: 1000 },
  ])("takes %j", (hyperparameters) => {
    expect(parse(hyperparameters).success).toBe(true);
    expect(parse(hyperparameters, "dpo").success).toBe(true);
  });

  it.each([
    [{ lr_decay_ratio: 0.1 }, "lr_decay_ratio", "is for the lr_schedule wsd alone"],
    [{ lr_schedule: "cosine", lr_decay_shape: "linear" }, "lr_decay_shape", "is for the lr_schedule wsd alone"],
    [{ lr_schedule: "wsd", lr_decay_ratio: 0.95 }, "lr_decay_ratio", "more than the whole run"],
    [
      { lr_schedule: "wsd", warmup_ratio: 0.9 },
      "lr_decay_ratio",
      "is 0.2, which with the warmup_ratio 0.9 is more than the whole run",
    ],
    [{ early_stopping_min_delta: 0.1 }, "early_stopping_min_delta", "needs early_stopping_patience"],
    [{ rehearsal_ratio: 0.1 }, "rehearsal_ratio", "needs rehearsal_file"],
    [{ early_stopping_patience: 1, load_best_model_at_end: false }, "load_best_model_at_end", "leave it out"],
    [{ early_stopping_patience: 0 }, "early_stopping_patience", ">=1"],
    [{ rehearsal_file: "base", rehearsal_ratio: 0.95 }, "rehearsal_ratio", "<=0.9"],
    [{ rehearsal_file: "base", rehearsal_ratio: 0 }, "rehearsal_ratio", ">0"],
    [{ ewc_lambda: 0 }, "ewc_lambda", ">0"],
    [{ lr_schedule: "step" }, "lr_schedule", "wsd"],
    [{ eval_steps: 1.5 }, "eval_steps", "int"],
  ])("refuses %j", (hyperparameters, field, problem) => {
    const { error } = parse(hyperparameters);
    const issue = error!.issues.find(({ path }) => path.at(-1) === field);
    expect(issue?.message).toContain(problem);
  });
});
