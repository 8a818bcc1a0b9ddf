import { describe, expect, it } from "vitest";
import { distanceFrom } from "../../../../shared/delta/seen-states.ts";
import { createRandom } from "../../../../shared/random.ts";
import { fitSeenStates } from "../../../../trainer/recipes/reward-model/seen-states.ts";

const WIDTH = 24;
/** States that spread mostly along two directions, around a mean. */
function states(count: number, seed: number, shift = 0): Float32Array[] {
  const random = createRandom(seed, "states");
  return Array.from({ length: count }, () => {
    const [a, b] = [3 * random.normal(), 2 * random.normal()];
    return Float32Array.from({ length: WIDTH }, (_, d) => {
      const along = d % 2 === 0 ? a : b;
      return 5 + along + 0.3 * random.normal() + (d === 7 ? shift : 0);
    });
  });
}

describe("the states that were seen", () => {
  const fitted = fitSeenStates(states(300, 1), 1)!;
  const distances = (all: readonly Float32Array[]) =>
    all.map((state) => distanceFrom(fitted.seen, fitted.spread, state));
  const beyond = (all: readonly Float32Array[]) =>
    distances(all).filter((distance) => distance > fitted.spread.threshold).length / all.length;

  it("have about a hundredth of new states of the same kind beyond the threshold", () => {
    expect(beyond(states(1000, 2))).toBeLessThanOrEqual(0.03);
    expect(beyond(states(1000, 2))).toBeGreaterThan(0);
    // Less than 1, since the sphere that the covariance is drawn to is wider than most directions here.
    const all = distances(states(1000, 2));
    expect(Math.max(...all)).toBeLessThan(1);
  });

  it("are far from states that differ where those hardly did, though not by much", () => {
    // Less than what they differ by along the two directions.
    expect(beyond(states(200, 3, 6))).toBeGreaterThan(0.95);
  });

  it("are the covariance's own directions, shrunk towards a sphere", () => {
    const { directions, mean } = fitted.seen;
    const count = directions.shape[1]!;
    expect([count, fitted.spread.variances.length]).toEqual([16, 16]);
    const column = (i: number) => Array.from({ length: WIDTH }, (_, d) => directions.data[d * count + i]!);
    const dot = (a: number[], b: number[]) => a.reduce((sum, x, d) => sum + x * b[d]!, 0);
    for (let i = 0; i < count; i++) {
      for (let j = 0; j <= i; j++) expect(dot(column(i), column(j))).toBeCloseTo(i === j ? 1 : 0, 5);
    }
    // 12 dimensions move together by 3 σ, so the first variance is about 12 · 9, and a tenth less.
    expect(fitted.spread.variances[0]! / (0.9 * 12 * 9)).toBeGreaterThan(0.8);
    expect(fitted.spread.variances[0]! / (0.9 * 12 * 9)).toBeLessThan(1.4);
    expect(Math.abs(mean.data[0]! - 5)).toBeLessThan(0.7);
  });

  it("say nothing where they are few, or all the same, and are the same each time", () => {
    expect(fitSeenStates(states(15, 1), 1)).toBeUndefined();
    expect(fitSeenStates(new Array(40).fill(states(1, 1)[0]!), 1)).toBeUndefined();
    expect(fitSeenStates([], 1)).toBeUndefined();
    expect(fitSeenStates(states(300, 1), 1)).toEqual(fitted);
  });
});
