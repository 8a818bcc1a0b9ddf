/**
 * A target probability. λ never falls below 0, so a text that has become more of the class than was asked is left to itself, and
 * reviews keep their mood: a high target is reached, a low one is overshot (docs/steering-effects.md has the figures).
 */
import { expect, it } from "vitest";
import { embeddedModel } from "./support/embedded-model.ts";
import { reachedProbability } from "./support/experiments.ts";

const model = await embeddedModel();

it("look-ahead comes near to a probability of 0.9, and stays further below it where less is asked", async () => {
  const size = { seed: 1, samples: 2 };
  const reached = async (target: number) => {
    return (await reachedProbability(model, { mode: "lookahead", top_k: 4, target }, size)).mean;
  };
  const [low, high] = [await reached(0.3), await reached(0.9)];
  expect(Math.abs(high - 0.9)).toBeLessThanOrEqual(0.08);
  expect(low).toBeLessThanOrEqual(high - 0.05);
});
