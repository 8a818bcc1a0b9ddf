import { describe, expect, it } from "vitest";
import { createRandom } from "../../../../shared/random.ts";
import { drawnPairs, orderedPairs } from "../../../../trainer/recipes/reward-model/ordered-pairs.ts";

const scored = (scores: readonly number[]) => scores.map((score, i) => ({ item: `${score}#${i}`, score }));
const all = (groups: readonly (readonly number[])[]) => {
  const pairs = orderedPairs(groups.map(scored));
  return Array.from({ length: pairs.count }, (_, number) => pairs.at(number));
};

describe("the pairs of a better and a worse item", () => {
  it("are those of each group, without ties", () => {
    expect(all([[2, 3, 1, 2], [5], [], [7, 7], [1, 4]])).toEqual([
      { better: "3#1", worse: "2#0" },
      { better: "3#1", worse: "2#3" },
      { better: "3#1", worse: "1#2" },
      { better: "2#0", worse: "1#2" },
      { better: "2#3", worse: "1#2" },
      { better: "4#1", worse: "1#0" },
    ]);
    expect(all([])).toEqual([]);
  });

  it("are the same as those that are made one by one", () => {
    const random = createRandom(3, "scores");
    const groups = Array.from({ length: 30 }, () => Array.from({ length: random.below(9) }, () => random.below(4)));
    const expected = groups.flatMap((scores) => {
      const own = scored(scores);
      return own.flatMap((a) => own.flatMap((b) => (a.score > b.score ? [`${a.item} ${b.item}`] : [])));
    });
    const found = all(groups).map(({ better, worse }) => `${better} ${worse}`);
    expect(found.sort()).toEqual(expected.sort());
  });
});

describe("drawn pairs", () => {
  const pairs = orderedPairs([scored(Array.from({ length: 8 }, (_, i) => i))]);

  it("are all of them where they are few, and else so many different ones, in order", () => {
    const everything = drawnPairs(pairs, 28, createRandom(1));
    expect(everything).toHaveLength(28);
    const some = drawnPairs(pairs, 27, createRandom(1));
    expect(some).toHaveLength(27);
    const places = some.map((pair) => everything.findIndex((other) => JSON.stringify(other) === JSON.stringify(pair)));
    expect(places.every((place, i) => place > (places[i - 1] ?? -1))).toBe(true);
  });

  it("are each as likely as any other", () => {
    const counts = new Map<string, number>();
    const random = createRandom(5, "drawn");
    for (let round = 0; round < 2800; round++) {
      for (const { better, worse } of drawnPairs(pairs, 5, random)) {
        counts.set(`${better} ${worse}`, (counts.get(`${better} ${worse}`) ?? 0) + 1);
      }
    }
    expect(counts.size).toBe(28);
    // 500 are expected of each, with a standard deviation of 20.
    for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(100);
  });
});
