import { describe, expect, it } from "vitest";
import { wholeTextScores } from "../../../shared/delta/whole-text.ts";
import { classifierSource } from "../../../trainer/rewards/classifier.ts";
import { namedScorer } from "../../../trainer/rewards/named-scorer.ts";
import { BASE, deltaOf, headOf, replyOf } from "./scoring-base.ts";

const replies = [replyOf("a", "b"), replyOf("a", "c d")];

describe("a classifier as a reward", () => {
  it("gives the calibrated probability of a class, or its logarithm", async () => {
    const delta = await deltaOf(headOf("a", ["polite", "rude", "neither"], [1]));
    const { scorer, states } = namedScorer(delta, BASE);
    const expected = (await states(replies)).map((state) => wholeTextScores(scorer, state)[1]!);
    const as = (how: "probability" | "log_probability") =>
      classifierSource(delta, BASE, { label: "rude", as: how }).score(replies);
    for (const [i, { reward }] of (await as("probability")).entries()) expect(reward).toBeCloseTo(expected[i]!, 10);
    for (const [i, { reward }] of (await as("log_probability")).entries()) {
      expect(reward).toBeCloseTo(Math.log(expected[i]!), 10);
    }
  });

  it("is refused of a reward model, of a class that it does not have, and of one for unfinished texts alone", async () => {
    const asked = { label: "kind", as: "probability" } as const;
    const classes = headOf("a", ["polite", "rude"]);
    for (const [scorer, message] of [
      [headOf("a", ["reward"]), "is a reward model"],
      [classes, 'has no class "kind"; it has "polite", "rude"'],
      [{ ...classes, about: { ...classes.about, temperatures: {} } }, "not trained to judge whole texts"],
    ] as const) {
      const delta = await deltaOf(scorer);
      expect(() => classifierSource(delta, BASE, asked)).toThrow(
        expect.objectContaining({
          code: "invalid_request",
          param: "reward.model",
          message: expect.stringContaining(message),
        }),
      );
    }
  });
});
