import { describe, expect, it } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import { EarlyRejection } from "../../../shared/search/early-rejection.ts";

interface Case {
  readonly first: number;
  readonly fraction: number;
  /** By candidate: its score at each check before it ends. */
  readonly scores: readonly (readonly number[])[];
}

/** Runs the candidates in a random order, the first before the others begin if `lagging`. Gives those that were stopped. */
function stoppedIn({ first, fraction, scores }: Case, seed: number): number[] {
  const random = createRandom(seed);
  const early = new EarlyRejection({ fraction, first });
  const stopped = new Set<number>();
  const left = scores.map((own, index) => ({ index, own: [...own] }));
  while (left.length > 0) {
    const at = random.below(left.length);
    const { index, own } = left[at]!;
    if (stopped.has(index)) left.splice(at, 1);
    else if (own.length === 0) {
      left.splice(at, 1);
      for (const one of early.ended(index)) stopped.add(one);
    } else for (const one of early.reached(index, own.shift()!)) stopped.add(one);
  }
  return [...stopped].sort((a, b) => a - b);
}

describe("early rejection", () => {
  it("stops the share of candidates that scores worst, once all have come to the check", () => {
    const early = new EarlyRejection({ fraction: 0.5, first: 4 });
    expect(early.reached(2, 5)).toEqual([]);
    expect(early.reached(0, 1)).toEqual([]);
    expect(early.reached(0, 9)).toEqual([]);
    expect(early.reached(1, 3)).toEqual([]);
    // 0 has scored better since, but not when it was checked.
    expect(early.reached(3, 2).sort()).toEqual([0, 3]);
    expect(early.reached(1, 7)).toEqual([]);
    expect(early.reached(2, 6)).toEqual([2]);
    // The last one is never stopped.
    expect(early.reached(1, -100)).toEqual([]);
  });

  it("does not wait for those that have ended, and stops them if they scored worse before", () => {
    const early = new EarlyRejection({ fraction: 0.5, first: 3 });
    expect([...early.ended(0), ...early.reached(1, 1), ...early.ended(1)]).toEqual([]);
    expect(early.reached(2, 2)).toEqual([1]);
  });

  it("compares later candidates with the first ones alone", () => {
    const early = new EarlyRejection({ fraction: 0.5, first: 2 });
    expect(early.reached(5, 3)).toEqual([]);
    expect(early.reached(0, 1)).toEqual([]);
    // 5 had been there, and is judged as soon as there is something to compare it with.
    expect(early.reached(1, 2)).toEqual([0]);
    expect(early.reached(2, 0)).toEqual([2]);
    expect(early.reached(3, 1.5)).toEqual([]);
    expect(early.reached(4, 0.5)).toEqual([4]);
    expect(early.reached(1, 5)).toEqual([]);
    expect([early.reached(5, 4), early.reached(3, 6)]).toEqual([[5], []]);
    // The first ones have all ended before the third check: nothing is compared there.
    expect([...early.ended(1), ...early.reached(3, -1)]).toEqual([]);
  });

  it("decides by the scores alone, in whatever order they come", () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = createRandom(seed, "case");
      const first = 1 + random.below(5);
      const scores = Array.from({ length: first + random.below(6) }, () =>
        Array.from({ length: random.below(5) }, () => random.below(6)),
      );
      const fraction = [0.25, 0.5, 0.9][random.below(3)]!;
      const outcomes = [1, 2, 3, 4].map((order) => stoppedIn({ first, fraction, scores }, order));
      for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
      expect(outcomes[0]!.filter((index) => index < first).length).toBeLessThan(first);
    }
  });
});
