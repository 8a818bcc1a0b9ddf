import { expect, it } from "vitest";
import { rewardOf } from "../../../shared/delta/reward.ts";
import { namedScorer } from "../../../trainer/rewards/named-scorer.ts";
import { loadRewardModel, rewardModelSource } from "../../../trainer/rewards/reward-model.ts";
import { BASE, deltaOf, headOf, replyOf } from "./scoring-base.ts";

it("rewards replies with the head's value, and shows the calibrated one", async () => {
  const delta = await deltaOf(headOf("a", ["reward"]));
  const replies = [replyOf("a", "b"), replyOf("a", "c d"), replyOf("a", "b")];
  const model = loadRewardModel(delta, BASE);
  const scored = await rewardModelSource(model).score(replies);
  const { scorer, states } = namedScorer(delta, BASE);
  const expected = (await states(replies)).map((state) => rewardOf(scorer, state));
  expect(scored).toEqual(expected.map(({ reward, calibrated }) => ({ reward, parts: { calibrated } })));
  expect(scored[0]!.parts!.calibrated).toBeCloseTo(scored[0]!.reward / 2, 12);
  expect(scored[2]!.reward).toBeCloseTo(scored[0]!.reward, 5);
  expect(scored[1]!.reward).not.toBeCloseTo(scored[0]!.reward, 2);
});

it("refuses a classifier", async () => {
  const delta = await deltaOf(headOf("a", ["polite", "rude"]));
  expect(() => loadRewardModel(delta, BASE)).toThrow(
    expect.objectContaining({ code: "invalid_request", param: "reward.model" }),
  );
});
