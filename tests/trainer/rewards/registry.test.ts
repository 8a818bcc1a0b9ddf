import { describe, expect, it } from "vitest";
import { Reward } from "../../../shared/api/reward-settings.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { checkRewardItems, createReward, type RewardContext } from "../../../trainer/rewards/registry.ts";
import type { ScoredReply } from "../../../trainer/rewards/reward-source.ts";
import { tinyModel } from "../tiny-model.ts";

const context: RewardContext = {
  ...loadModelFolder(tinyModel()),
  ...{ executor: createOnnxRuntimeExecutor({ threads: 1 }), digest: "b".repeat(64), maxLength: 64 },
  models: new Map(),
  ask: async () => ({ failure: "no server" }),
  yieldToEventLoop: async () => undefined,
};
const grader = (name: string, reference: string) => ({
  type: "grader",
  grader: { type: "string_check", name, operation: "like", input: "{{sample.output_text}}", reference },
});
const reply: ScoredReply = {
  ...{ prompt: Int32Array.of(1), reply: Int32Array.of(2), text: "tea", ended: true, item: { word: "tea" } },
};
const param = "method.ppo.reward";

describe("createReward", () => {
  it("makes one reward, or the sum of a list", async () => {
    const one = createReward({ reward: Reward.parse(grader("a", "tea")), param }, context);
    expect(await one.score([reply])).toEqual([{ reward: 1 }]);
    const list = Reward.parse([
      { ...grader("a", "tea"), weight: 0.25 },
      { ...grader("b", "{{item.word}}"), weight: 2 },
    ]);
    expect(await createReward({ reward: list, param }, context).score([reply])).toEqual([
      { reward: 2.25, parts: { a: 1, b: 1 } },
    ]);
  });
});

describe("checkRewardItems", () => {
  it("checks the templates of every grader against a line", async () => {
    const reward = Reward.parse([grader("a", "tea"), grader("b", "{{item.word}}")]);
    const place = { line: 2, name: "t.jsonl" };
    await checkRewardItems({ reward, param }, { ...place, item: { word: "tea" } });
    await expect(checkRewardItems({ reward, param }, { ...place, item: {} })).rejects.toThrow(
      "line 2 of t.jsonl: `method.ppo.reward[1].grader.reference` names {{item.word}}",
    );
  });
});
