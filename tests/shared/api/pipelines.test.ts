import { describe, expect, it } from "vitest";
import { requestError } from "../../../shared/api/parse.ts";
import { JobMethod, type PipelineSettings } from "../../../shared/api/pipelines.ts";

const sft = { name: "sft", method: { type: "supervised" } };
const parsed = (pipeline: unknown) => JobMethod.safeParse({ type: "pipeline", pipeline });

function refusal(pipeline: unknown) {
  const value = { method: { type: "pipeline", pipeline } };
  const result = JobMethod.safeParse(value.method);
  if (result.success) throw new Error("was not refused");
  const { code, message, param } = requestError(result.error, value.method);
  return { code, message, param };
}

describe("the settings of a pipeline", () => {
  it("have whole methods, with their defaults filled in", () => {
    const { data } = parsed({ stages: [{ ...sft, gate: { metric: "valid_loss", at_most: 2 } }] });
    const { stages } = (data as { pipeline: PipelineSettings }).pipeline;
    expect(stages![0]).toMatchObject({
      method: { type: "supervised", supervised: { peft: { type: "lora" } } },
      gate: { otherwise: "stop" },
    });
    expect(JobMethod.parse(data)).toEqual(data);
  });

  it("leave other types as they were", () => {
    expect(JobMethod.parse({ type: "dpo" })).toMatchObject({ dpo: { hyperparameters: { beta: "auto" } } });
    expect(JobMethod.safeParse({ type: "nothing" }).success).toBe(false);
  });

  it.each([
    [{}, "pipeline.stages", "`pipeline.stages` is required, or `preset`."],
    [{ stages: [] }, "pipeline.stages", undefined],
    [{ stages: [{ name: "a" }] }, "pipeline.stages[0].method", "`pipeline.stages[0].method` is required."],
    [{ stages: [{ method: { type: "dpo" } }] }, "pipeline.stages[0].name", undefined],
    [{ stages: [{ ...sft, name: "a b" }] }, "pipeline.stages[0].name", undefined],
    [{ stages: [{ ...sft, name: "a".repeat(33) }] }, "pipeline.stages[0].name", undefined],
    [{ stages: [{ ...sft, extra: 1 }] }, "pipeline.stages[0].extra", undefined],
    [{ stages: [{ ...sft, method: { type: "pipeline" } }] }, "pipeline.stages[0].method.type", undefined],
    [
      { stages: [sft, { name: "b", method: { type: "dpo", dpo: { hyperparameters: { beta: -1 } } } }] },
      "pipeline.stages[1].method.dpo.hyperparameters.beta",
      undefined,
    ],
    [{ stages: [{ ...sft, model: "sft" }] }, "pipeline.stages[0].model", undefined],
    [{ stages: [{ ...sft, gate: { metric: "a" } }] }, "pipeline.stages[0].gate.at_least", undefined],
    [
      { stages: [{ ...sft, gate: { metric: "a", at_least: 2, at_most: 1 } }] },
      "pipeline.stages[0].gate.at_least",
      "`pipeline.stages[0].gate.at_least` is 2, above at_most, which is 1: this gate never passes.",
    ],
    [
      { stages: [{ ...sft, gate: { metric: "a", at_least: 2, otherwise: "retry" } }] },
      "pipeline.stages[0].gate.otherwise",
      undefined,
    ],
    [{ stages: Array.from({ length: 17 }, () => sft) }, "pipeline.stages", undefined],
    [{ preset: "sft_everything" }, "pipeline.preset", undefined],
    [{ preset: "sft_dpo", rounds: 2 }, "pipeline.rounds", undefined],
    [{ preset: "iterated_dpo", rounds: 17 }, "pipeline.rounds", undefined],
  ])("are refused by field: %j", (pipeline, param, message) => {
    expect(refusal(pipeline)).toMatchObject({ param, ...(message === undefined ? {} : { message }) });
  });
});
