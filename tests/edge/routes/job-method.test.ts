import { describe, expect, it } from "vitest";
import { methodOf } from "../../../edge/routes/job-method.ts";
import { CreateJob } from "../../../shared/api/jobs.ts";
import { Method, settingsOf } from "../../../shared/api/methods.ts";

const request = (fields: Record<string, unknown>) => CreateJob.parse({ model: "m", training_file: "f", ...fields });
const method = (supervised: Record<string, unknown>) => Method.parse({ type: "supervised", supervised });

/** What a finished job shows of its hyperparameters. */
const REPORT = {
  n_epochs: 200,
  batch_size: 4,
  gradient_accumulation_steps: 1,
  learning_rate: 0.0002,
  learning_rate_multiplier: 5000,
  lr_schedule: "cosine",
  warmup_steps: 1,
  max_steps: 10,
};

describe("methodOf", () => {
  it("is the request's, the default, or made of the old field", () => {
    const full = method({ peft: { type: "full" } });
    expect(methodOf(request({ method: full }))).toEqual(full);
    expect(methodOf(request({}))).toEqual(method({}));
    expect(settingsOf(methodOf(request({ hyperparameters: { batch_size: 4 } }))).hyperparameters!.batch_size).toBe(4);
  });

  it("is the same for a job's own method and hyperparameters, before it ran and after", () => {
    const own = method({ peft: { type: "lora", r: 4 }, hyperparameters: { max_steps: 10 } });
    const before = settingsOf(own).hyperparameters;
    for (const hyperparameters of [{}, before, REPORT]) {
      expect(methodOf(request({ method: own, hyperparameters }))).toEqual(own);
    }
    const alone = { ...REPORT, n_epochs: 2, learning_rate_multiplier: 1 };
    expect(settingsOf(methodOf(request({ hyperparameters: alone }))).hyperparameters).toMatchObject({
      n_epochs: 2,
      batch_size: 4,
      learning_rate: 0.0002,
    });
  });

  it("fills in what the method leaves to auto, and keeps the rest of it", () => {
    const own = method({ peft: { type: "full" }, hyperparameters: { batch_size: 2 } });
    const both = methodOf(request({ method: own, hyperparameters: { n_epochs: 5, batch_size: 2 } }));
    expect(both).toEqual(method({ peft: { type: "full" }, hyperparameters: { n_epochs: 5, batch_size: 2 } }));
  });

  it("refuses what contradicts the method, and what the method does not have", () => {
    const own = method({ hyperparameters: { n_epochs: 3 } });
    expect(() => methodOf(request({ method: own, hyperparameters: { n_epochs: 5 } }))).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "hyperparameters.n_epochs",
        message: expect.stringContaining("is 5, but `method.supervised.hyperparameters.n_epochs` is 3"),
      }),
    );
    expect(() => methodOf(request({ method: own, hyperparameters: { warmup_steps: 5 } }))).toThrow("warmup_steps");
    for (const fields of [{ hyperparameters: { nonsense: 1 } }, { method: own, hyperparameters: { nonsense: 1 } }]) {
      expect(() => methodOf(request(fields))).toThrow(
        expect.objectContaining({
          code: "invalid_request",
          param: "hyperparameters.nonsense",
          message: expect.stringContaining("`hyperparameters.nonsense`"),
        }),
      );
    }
    expect(() => methodOf(request({ hyperparameters: { learning_rate: 7 } }))).toThrow(
      "`hyperparameters.learning_rate`",
    );
  });
});
