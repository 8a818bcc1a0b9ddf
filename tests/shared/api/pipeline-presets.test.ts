import { describe, expect, it } from "vitest";
import { completePipeline } from "../../../shared/api/pipeline-presets.ts";
import { checkReferences } from "../../../shared/api/pipeline-references.ts";
import { PipelineSettings, PRESET_NAMES } from "../../../shared/api/pipelines.ts";

const complete = (settings: unknown) => completePipeline(PipelineSettings.parse(settings));

describe.each(PRESET_NAMES)("the preset %s", (preset) => {
  it("is a whole pipeline, which stays the same when it is sent again", () => {
    const pipeline = complete({ preset });
    checkReferences(pipeline);
    expect(pipeline.stages.length).toBeGreaterThan(1);
    expect(complete(JSON.parse(JSON.stringify(pipeline)))).toEqual(pipeline);
  });
});

describe("a preset's stages", () => {
  it("are changed by name", () => {
    const gate = { metric: "rewards/accuracies", at_least: 0.6 };
    const method = { type: "dpo", dpo: { hyperparameters: { beta: 0.5 } } };
    const { stages } = complete({
      preset: "sft_dpo",
      stages: [{ name: "dpo", training_file: "file-p", method, gate }],
    });
    expect(stages).toMatchObject([
      { name: "sft", method: { type: "supervised" } },
      {
        name: "dpo",
        training_file: "file-p",
        model: { stage: "sft" },
        method: { dpo: { hyperparameters: { beta: 0.5 } } },
        gate: { otherwise: "stop" },
      },
    ]);
  });

  it("of iterated DPO each start from the round before, which renews the reference", () => {
    const { stages } = complete({ preset: "iterated_dpo", rounds: 4 });
    expect(stages.map(({ name, model }) => [name, model])).toEqual([
      ["round_1", undefined],
      ["round_2", { stage: "round_1" }],
      ["round_3", { stage: "round_2" }],
      ["round_4", { stage: "round_3" }],
    ]);
    expect(complete({ preset: "iterated_dpo" }).stages).toHaveLength(3);
  });

  it.each([
    [[{ name: "ppo" }], "method.pipeline.stages[0].name", "the stages of the preset sft_dpo are sft, dpo"],
    [[{ name: "dpo" }, { name: "dpo" }], "method.pipeline.stages[1].name", "a second time"],
    [[{ name: "dpo", method: { type: "kto" } }], "method.pipeline.stages[0].method.type", "is kto"],
  ])("are no others: %j", (stages, param, message) => {
    expect(() => complete({ preset: "sft_dpo", stages })).toThrow(
      expect.objectContaining({ code: "invalid_request", param, message: expect.stringContaining(message) }),
    );
  });
});
