import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { POOL_WORDS } from "../../../../infra/base/corpus/words.ts";
import { drill } from "../../../../infra/base/pretraining/drill.ts";
import { loadTokenizer } from "../../../../shared/model/tokenizer.ts";
import { createRandom } from "../../../../shared/random.ts";

const model = new URL("../../../../infra/base/model/", import.meta.url);
const json = (name: string): unknown => JSON.parse(readFileSync(new URL(name, model), "utf8"));
const tokenizer = loadTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));

const drills = Array.from({ length: 60 }, (_, i) => drill(tokenizer, createRandom(1, "drill", i)));

/** A drill's list and how often it is repeated. */
function unroll(ids: readonly number[]): { list: readonly number[]; times: number } {
  for (const times of [3, 2]) {
    const length = ids.length / times;
    if (Number.isInteger(length) && ids.every((id, i) => id === ids[i % length])) {
      return { list: ids.slice(0, length), times };
    }
  }
  return { list: ids, times: 1 };
}

describe("drill", () => {
  it("repeats one list two or three times, each on its own line", () => {
    const times = drills.map((ids) => unroll(ids).times);
    expect(new Set(times)).toEqual(new Set([2, 3]));
    const [newline] = tokenizer.encode("\n");
    for (const ids of drills) expect(unroll(ids).list.at(-1)).toBe(newline);
  });

  it("lists words half the time and random tokens otherwise", () => {
    const known = new Set<string>(POOL_WORDS);
    const texts = drills.map((ids) => tokenizer.decode([...unroll(ids).list]).trimEnd());
    const worded = texts.filter((text) => text.split(" ").every((word) => known.has(word)));
    expect(worded.length / drills.length).toBeGreaterThan(0.3);
    expect(worded.length / drills.length).toBeLessThan(0.7);
    for (const text of worded) {
      expect(text.split(" ").length).toBeGreaterThanOrEqual(8);
      expect(text.split(" ").length).toBeLessThan(16);
    }
    const random = drills.filter((_, i) => !worded.includes(texts[i]!)).map((ids) => unroll(ids).list.length - 1);
    expect(Math.min(...random)).toBeGreaterThanOrEqual(8);
    expect(Math.max(...random)).toBeLessThanOrEqual(24);
  });

  it("never contains a control token, and is determined by its random stream", () => {
    const control = new Set(tokenizer.control.values());
    expect(drills.flat().some((id) => control.has(id) || id >= tokenizer.vocabSize)).toBe(false);
    expect(drill(tokenizer, createRandom(1, "drill", 7))).toEqual(drills[7]);
  });
});
