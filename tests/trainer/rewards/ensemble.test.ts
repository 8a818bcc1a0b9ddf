import { expect, it } from "vitest";
import { ensembleSource } from "../../../trainer/rewards/ensemble.ts";
import { loadRewardModel } from "../../../trainer/rewards/reward-model.ts";
import { BASE, deltaOf, headOf, replyOf } from "./scoring-base.ts";

it("joins what its members say, and shows it", async () => {
  const members = await Promise.all(
    ["a", "b", "c"].map(async (name) => ({
      name,
      model: loadRewardModel(await deltaOf(headOf(name, ["reward"])), BASE),
    })),
  );
  const replies = [replyOf("a", "b"), replyOf("a", "c d")];
  const alone = await Promise.all(members.map(({ model }) => model.judge(replies)));
  for (const [aggregate, join] of [
    [{ type: "mean" }, (mean: number) => mean],
    [{ type: "worst" }, (_: number, __: number, all: number[]) => Math.min(...all)],
    [{ type: "mean_minus_variance", lambda: 2 }, (mean: number, variance: number) => mean - 2 * variance],
  ] as const) {
    const scored = await ensembleSource(members, aggregate).score(replies);
    for (const [i, { reward, parts }] of scored.entries()) {
      const all = alone.map((of) => of[i]!.reward);
      const mean = all.reduce((sum, each) => sum + each, 0) / 3;
      const variance = all.reduce((sum, each) => sum + (each - mean) ** 2, 0) / 3;
      expect(reward).toBeCloseTo(join(mean, variance, all), 5);
      expect(parts!.variance).toBeCloseTo(variance, 5);
      expect([parts!.a, parts!.b, parts!.c].map((each) => each!.toFixed(4))).toEqual(
        all.map((each) => each.toFixed(4)),
      );
    }
  }
});
