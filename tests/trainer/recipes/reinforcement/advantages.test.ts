import { describe, expect, it } from "vitest";
import { createRandom } from "../../../../shared/random.ts";
import {
  deviationOf,
  discountedReturns,
  generalisedAdvantages,
  groupDeviations,
  leaveOneOut,
  lessGroupMean,
  meanOf,
  normalised,
  scaledBy,
  varianceOf,
  whitened,
} from "../../../../trainer/recipes/reinforcement/advantages.ts";

const random = createRandom(3, "advantages");
const numbers = (count: number) => Array.from({ length: count }, () => random.normal());
const sum = (list: readonly number[]) => list.reduce((total, x) => total + x, 0);

// The contract suite holds these to trl's; here is what must hold without it.
describe("advantages", () => {
  it("with λ = 1 are the returns less the values, and with λ = 0 the errors of one step", () => {
    const [rewards, values] = [numbers(7), numbers(7)];
    const gamma = 0.9;
    const whole = generalisedAdvantages(rewards, values, { gamma, lambda: 1 });
    const returns = discountedReturns(rewards, gamma);
    for (const [t, advantage] of whole.entries()) expect(advantage).toBeCloseTo(returns[t]! - values[t]!, 12);
    const single = generalisedAdvantages(rewards, values, { gamma, lambda: 0 });
    for (const [t, advantage] of single.entries()) {
      expect(advantage).toBeCloseTo(rewards[t]! + gamma * (values[t + 1] ?? 0) - values[t]!, 12);
    }
  });

  it("of no tokens are none", () => {
    expect(generalisedAdvantages([], [], { gamma: 1, lambda: 1 })).toEqual([]);
    expect(discountedReturns([], 1)).toEqual([]);
  });

  it("whitened have mean 0 and variance 1 over all lists, or keep their mean", () => {
    const lists = [numbers(5), numbers(1), numbers(9)];
    const flat = whitened(lists).flat();
    expect(meanOf(flat)).toBeCloseTo(0, 12);
    expect(varianceOf(flat)).toBeCloseTo(1, 6);
    const kept = whitened(lists, { shift: false }).flat();
    expect(meanOf(kept)).toBeCloseTo(meanOf(lists.flat()), 12);
    expect(varianceOf(kept)).toBeCloseTo(1, 6);
    expect(whitened([[3]])).toEqual([[0]]);
    expect(whitened([[3, 3], [3]])).toEqual([[0, 0], [0]]);
  });

  it("of groups add up to nothing, and do not move with what a whole group earns", () => {
    const rewards = numbers(12);
    for (const advantages of [leaveOneOut(rewards, 4), lessGroupMean(rewards, 4)]) {
      for (const group of [0, 4, 8]) expect(sum(advantages.slice(group, group + 4))).toBeCloseTo(0, 12);
    }
    const moved = rewards.map((reward, i) => reward + (i < 4 ? 10 : 0));
    for (const [i, advantage] of leaveOneOut(moved, 4).entries()) {
      expect(advantage).toBeCloseTo(leaveOneOut(rewards, 4)[i]!, 12);
    }
    // The leave-one-out baseline is the group's mean, scaled by n / (n − 1).
    for (const [i, advantage] of leaveOneOut(rewards, 4).entries()) {
      expect(advantage).toBeCloseTo((lessGroupMean(rewards, 4)[i]! * 4) / 3, 12);
    }
  });

  it("are exactly 0 where the rewards of a group are equal, whatever their mean rounds to", () => {
    const rewards = [...new Array(8).fill(0.1), ...new Array(8).fill(0.7)];
    const none = rewards.map(() => 0);
    expect(groupDeviations(rewards, 8)).toEqual([0, 0]);
    expect(lessGroupMean(rewards, 8)).toEqual(none);
    expect(leaveOneOut(rewards, 8)).toEqual(none);
    expect(scaledBy(lessGroupMean(rewards, 8), rewards, { by: "group", generations: 8 })).toEqual(none);
  });

  it("are finite where all rewards are equal", () => {
    const equal = new Array(4).fill(0.5);
    for (const by of ["group", "batch", "none"] as const) {
      expect(scaledBy(lessGroupMean(equal, 2), equal, { by, generations: 2 })).toEqual([0, 0, 0, 0]);
    }
    expect(normalised(equal)).toEqual([0, 0, 0, 0]);
    expect(groupDeviations(equal, 2)).toEqual([0, 0]);
    expect(deviationOf([1])).toBe(0);
  });
});
