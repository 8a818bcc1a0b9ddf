import { describe, expect, it } from "vitest";
import type { RewardSource, ScoredReply } from "../../../trainer/rewards/reward-source.ts";
import { weightedSum } from "../../../trainer/rewards/weighted-sum.ts";

const replies = ["a", "bb"].map((text): ScoredReply => {
  return { prompt: Int32Array.of(1), reply: Int32Array.of(2), text, ended: true, item: {} };
});
const length: RewardSource = { score: async (given) => given.map(({ text }) => ({ reward: text.length })) };
const flawed: RewardSource = { score: async (given) => given.map(() => ({ reward: 0, flaw: "broken" })) };

describe("weightedSum", () => {
  it("adds rewards times their weights, and names each", async () => {
    const sum = weightedSum([
      { name: "length", weight: 2, source: length },
      { name: "length", weight: -0.5, source: length },
    ]);
    expect(await sum.score(replies)).toEqual([
      { reward: 1.5, parts: { length: 1, length_2: 1 } },
      { reward: 3, parts: { length: 2, length_2: 2 } },
    ]);
  });

  it("gives every part a name of its own", async () => {
    const named = ["a", "a", "a_2"].map((name) => ({ name, weight: 1, source: length }));
    expect((await weightedSum(named).score(replies))[0]!.parts).toEqual({ a: 1, a_3: 1, a_2: 1 });
  });

  it("has the flaw that any of them has", async () => {
    const sum = weightedSum([
      { name: "length", weight: 1, source: length },
      { name: "other", weight: 1, source: flawed },
    ]);
    expect(await sum.score(replies.slice(0, 1))).toEqual([
      { reward: 1, parts: { length: 1, other: 0 }, flaw: "broken" },
    ]);
  });
});
