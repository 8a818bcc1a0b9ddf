import { describe, expect, it } from "vitest";
import { createDeck, createRandom, hashText } from "../../../../infra/base/corpus/random.ts";

describe("createRandom", () => {
  it("gives the same numbers for the same seed and stream, and different ones otherwise", () => {
    const draw = (seed: number, name: string): number[] => {
      const random = createRandom(seed, name);
      return Array.from({ length: 8 }, () => random.between(0, 1_000_000));
    };
    expect(draw(1, "a")).toEqual(draw(1, "a"));
    expect(draw(1, "a")).not.toEqual(draw(2, "a"));
    expect(draw(1, "a")).not.toEqual(draw(1, "b"));
  });

  it("draws from closed intervals", () => {
    const random = createRandom(3);
    const seen = new Set(Array.from({ length: 200 }, () => random.between(4, 6)));
    expect([...seen].sort()).toEqual([4, 5, 6]);
  });

  it("samples different items without modifying the list", () => {
    const items = [1, 2, 3, 4, 5];
    const sampled = createRandom(9).sample(items, 3);
    expect(new Set(sampled).size).toBe(3);
    expect(items).toEqual([1, 2, 3, 4, 5]);
    expect(createRandom(9).sample(items, 99).toSorted()).toEqual(items);
  });
});

describe("createDeck", () => {
  it("deals every item once in each round", () => {
    const draw = createDeck(["a", "b", "c"], createRandom(5));
    for (let round = 0; round < 4; round++) {
      expect([draw(), draw(), draw()].toSorted()).toEqual(["a", "b", "c"]);
    }
  });
});

describe("hashText", () => {
  it("spreads similar texts evenly over small ranges", () => {
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 5000; i++) counts[hashText(`text ${i}`) % 5]!++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  it("does not change: what is held out depends on it", () => {
    expect(hashText("capital|France|Paris")).toMatchInlineSnapshot(`222419051`);
  });
});
