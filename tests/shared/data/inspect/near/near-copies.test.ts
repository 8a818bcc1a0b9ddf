import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { NearCopyIndex } from "../../../../../shared/data/inspect/near/near-copies.ts";
import { createRandom } from "../../../../../shared/random.ts";

interface Golden {
  readonly threshold: number;
  readonly texts: readonly string[];
  /** Every pair whose exact similarity is near the threshold or above it. */
  readonly pairs: readonly (readonly [earlier: number, later: number, similarity: number])[];
  readonly datasketch: { readonly recall: number; readonly precision: number };
}
const golden = JSON.parse(
  readFileSync(new URL("../../../../golden/data-inspection/near-copies.json", import.meta.url), "utf8"),
) as Golden;

const pause = async () => {};
async function find(texts: readonly string[], { similarity = 0.7, heldOut = 0, maxBytes = 1e8 } = {}) {
  const index = new NearCopyIndex({ similarity, maxBytes });
  for (const [at, text] of texts.entries()) index.add(at, text, at < heldOut);
  return { ...(await index.find(pause)), size: index.size };
}

/** The clusters that pairs make, each as its members in order. */
function clustersOf(size: number, pairs: readonly (readonly [number, number, ...unknown[]])[]): number[][] {
  const label = Array.from({ length: size }, (_, at) => at);
  for (let changed = true; changed; ) {
    changed = false;
    for (const [a, b] of pairs) {
      const least = Math.min(label[a]!, label[b]!);
      if (label[a] === least && label[b] === least) continue;
      label[a] = label[b] = least;
      changed = true;
    }
  }
  const groups = Map.groupBy(label.keys(), (at) => label[at]!);
  return [...groups.values()].filter(({ length }) => length > 1);
}

describe("near copies", () => {
  const alike = golden.pairs.filter(([, , similarity]) => similarity >= golden.threshold);

  test("are those of exact Jaccard similarity, with more recall and precision than datasketch's index", async () => {
    const { pairs, clusters } = await find(golden.texts, { similarity: golden.threshold });
    const exact = new Map(golden.pairs.map(([a, b, similarity]) => [`${a} ${b}`, similarity]));
    for (const { id, other, similarity } of pairs) expect(similarity).toBeCloseTo(exact.get(`${other} ${id}`)!, 5);
    const expected = clustersOf(golden.texts.length, alike);
    const found = new Set(clusters.map((group) => group.join(" ")));
    const recall = expected.filter((group) => found.has(group.join(" "))).length / expected.length;
    expect(alike.length).toBeGreaterThan(100);
    expect(recall).toBeGreaterThanOrEqual(0.98);
    expect(recall).toBeGreaterThan(golden.datasketch.recall);
    expect(golden.datasketch.precision).toBeLessThan(1);
  });

  test("of held-out texts are found from the file's side, and not among themselves", async () => {
    const texts = golden.texts.slice(0, 200);
    const heldOut = 100;
    const { pairs, heldOut: found } = await find(texts, { heldOut });
    expect(pairs.every(({ id, other }) => id >= heldOut && other >= heldOut)).toBe(true);
    const across = alike.filter(([a, b]) => a < heldOut && b >= heldOut && b < 200);
    const best = new Map<number, number>();
    for (const [, b, similarity] of across) best.set(b, Math.max(similarity, best.get(b) ?? 0));
    expect(best.size).toBeGreaterThan(10);
    expect(found.map(({ id }) => id).sort()).toEqual([...best.keys()].sort());
    for (const { id, similarity } of found) expect(similarity).toBeCloseTo(best.get(id)!, 5);
  });

  test("of long texts are judged by their sketches, within a few hundredths", async () => {
    const random = createRandom(5, "words");
    const text = Array.from({ length: 3000 }, () => `w${random.below(50_000)}`);
    // Every tenth word is another: of the runs of three, 30 % differ, so 0.7 / 1.3 are shared.
    const copy = text.map((word, at) => (at % 10 === 0 ? `x${at}` : word));
    const { pairs } = await find([text.join(" "), copy.join(" ")], { similarity: 0.5 });
    expect(pairs).toHaveLength(1);
    expect(Math.abs(pairs[0]!.similarity - 0.7 / 1.3)).toBeLessThan(0.1);
  });

  test("differ by words, not by case or punctuation, in scripts without spaces too", async () => {
    const { pairs } = await find(
      [
        "The quick brown fox jumps over the lazy dog.",
        "the QUICK brown fox: jumps over the lazy dog",
        "法国的首都是哪里，请用一句话回答这个问题",
        "法国的首都是哪里，请用两句话回答这个问题",
        "Привет, как дела сегодня?",
        "привет как дела сегодня",
      ],
      { similarity: 0.6 },
    );
    expect(pairs.map(({ other, id }) => [other, id])).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
  });

  test("take time in proportion to the texts, even where all share words or are the same", async () => {
    const time = async (count: number) => {
      const texts = Array.from({ length: count }, (_, at) => `the same words in every text of the file but one ${at}`);
      let work = 0;
      const index = new NearCopyIndex({ similarity: 0.9, maxBytes: 1e8 });
      for (const [at, text] of texts.entries()) index.add(at, text);
      await index.find(async () => void work++);
      return work;
    };
    const [small, large] = [await time(2000), await time(8000)];
    expect(large).toBeLessThan(8 * Math.max(1, small));
  });

  test("are not looked for beyond the memory that is given, nor in texts without a word", async () => {
    const texts = Array.from({ length: 50 }, (_, at) => `text number ${at} of some length`);
    expect((await find(texts, { maxBytes: 4000 })).size).toBeLessThan(50);
    expect(await find(["", "...", "!"])).toMatchObject({ pairs: [], clusters: [], size: 0 });
  });
});
