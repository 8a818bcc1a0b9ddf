/** Guidance by a classifier moves the mood of reviews, in each of its three ways, as a judge that is not the classifier sees it. */
import { describe, expect, it } from "vitest";
import { embeddedModel } from "./support/embedded-model.ts";
import { reviews } from "./support/experiments.ts";

const model = await embeddedModel();
const SIZE = { samples: 4 };
const SEEDS = [1, 2];

const plain = new Map(
  await Promise.all(SEEDS.map(async (seed) => [seed, await reviews(model, undefined, { seed, ...SIZE })] as const)),
);

describe.each(SEEDS)("reviews with seed %s", (seed) => {
  it("are positive or negative about equally often by themselves", () => {
    expect(Math.abs(plain.get(seed)!.share - 0.5)).toBeLessThanOrEqual(0.15);
  });

  it.each([
    { mode: "lookahead", top_k: 4 },
    { mode: "token_values" },
    // The fixture's scale of 16 makes the usual strength of 30 far too much: see docs/steering-effects.md.
    { mode: "class_rows", strength: 0.1, filter: 0 },
  ])("are positive with $mode", async (asked) => {
    const steering = { classifier: [{ id: "sentiment", label: "positive", ...asked }] };
    const steered = await reviews(model, steering, { seed, ...SIZE });
    expect(steered.share).toBeGreaterThanOrEqual(0.9);
    expect(steered.perplexity / plain.get(seed)!.perplexity).toBeLessThanOrEqual(1.5);
  });
});
