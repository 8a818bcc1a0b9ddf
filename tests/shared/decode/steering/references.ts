import { expect, it } from "vitest";
import type { SteeringName } from "../../../../shared/decode/steering/registry.ts";
import { goldenCases, relative, scoresOf } from "./golden-steering.ts";

/** Holds a part to its reference implementation, on at least `least` cases. */
export function itGivesTheReferencesScores(
  part: SteeringName,
  least: number,
  wanted: (asked: never) => boolean = () => true,
): void {
  const cases = goldenCases(part, wanted);

  it("has cases", () => expect(cases.length).toBeGreaterThanOrEqual(least));

  it.each(cases)("gives the reference's scores for $asked (%#)", (golden) => {
    const ours = scoresOf(golden, golden.steps);
    for (const [i, { scores }] of golden.steps.entries()) {
      const [mine, theirs] = [relative(ours[i]!), relative(scores)];
      expect(mine.map((score) => score === null)).toEqual(theirs.map((score) => score === null));
      for (const [token, score] of theirs.entries()) {
        if (score !== null) expect(Math.abs(mine[token]! - score)).toBeLessThan(1e-5);
      }
    }
  });
}
