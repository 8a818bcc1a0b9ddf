import { describe, expect, it } from "vitest";
import { Completion, EventBatch, LeaseRequest } from "../../../shared/api/trainer.ts";
import { LIMITS } from "../../../shared/limits.ts";

const event = { seq: 0, level: "info", message: "m", type: "metrics", data: { step: 1, losses: [1, null] } };
const result = { kind: "delta", digest: "0".repeat(64), files: [{ name: "a", bytes: 1, sha256: "0".repeat(64) }] };

describe("the trainers' protocol", () => {
  it("bounds a batch of events", () => {
    expect(EventBatch.parse({ events: [event] }).events).toEqual([event]);
    const many = Array.from({ length: LIMITS.eventBatch + 1 }, () => event);
    expect(EventBatch.safeParse({ events: many }).success).toBe(false);
    expect(EventBatch.safeParse({ events: [] }).success).toBe(false);
    expect(EventBatch.safeParse({ events: [{ ...event, message: "x".repeat(LIMITS.eventMessage + 1) }] }).success).toBe(
      false,
    );
  });

  it("wants to know what a trainer can run", () => {
    expect(LeaseRequest.safeParse({ trainer: "t", executors: ["onnxruntime"] }).success).toBe(true);
    for (const [lanes, success] of [
      [["edits"], true],
      [["sweeps"], false],
      [[], false],
    ] as const) {
      expect(LeaseRequest.safeParse({ trainer: "t", executors: ["onnxruntime"], lanes }).success).toBe(success);
    }
    for (const executors of [[], ["jax"]])
      expect(LeaseRequest.safeParse({ trainer: "t", executors }).success).toBe(false);
  });

  it("keeps numbers in a result's metrics finite", () => {
    const completion = {
      result,
      metrics: { loss: 1 },
      trained_tokens: 3,
      hyperparameters: { n_epochs: 2, lr_schedule: "cosine" },
    };
    expect(Completion.safeParse(completion).success).toBe(true);
    expect(Completion.safeParse({ ...completion, metrics: { loss: Number.NaN } }).success).toBe(false);
    expect(Completion.safeParse({ ...completion, fine_tuned_model: "ft:x" }).success).toBe(false);
  });
});
