import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { lexicalFigures, mtld, wordsOf } from "../../../../../shared/data/inspect/diversity/lexical.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../../golden/data-inspection/diversity.json", import.meta.url), "utf8"),
) as { readonly mtld: readonly { readonly text: string; readonly value: number }[] };

describe("mtld", () => {
  test.each(golden.mtld)("is lexicalrichness' for %j", ({ text, value }) => {
    expect(mtld(wordsOf(text))).toBeCloseTo(value, 9);
  });
});

describe("lexicalFigures", () => {
  test("counts different runs of words, not across texts", () => {
    const { distinct, words, texts } = lexicalFigures(["a b a b", "a b"]);
    expect({ distinct, words, texts }).toEqual({ distinct: [2 / 6, 2 / 4, 2 / 2], words: 6, texts: 2 });
  });

  test("tells varied text from text that repeats itself, by every measure", () => {
    const varied = golden.mtld.map(({ text }) => text);
    const repeated = Array.from({ length: 4 }, () => varied[0]!);
    const [more, less] = [lexicalFigures(varied), lexicalFigures(repeated)];
    expect(more.distinct[2]).toBeGreaterThan(less.distinct[2]);
    expect(more.moving_ttr!).toBeGreaterThan(0.5);
    expect(more.compression_ratio!).toBeLessThan(less.compression_ratio!);
  });

  test("averages the different words of each hundred", () => {
    const words = Array.from({ length: 150 }, (_, at) => `w${at % 50}`);
    expect(lexicalFigures([words.join(" ")]).moving_ttr).toBeCloseTo(0.5, 9);
  });

  test("has nothing to say of few words, or none", () => {
    expect(lexicalFigures([])).toMatchObject({ words: 0, mtld: null, moving_ttr: null, compression_ratio: null });
    expect(lexicalFigures(["a few words"])).toMatchObject({ words: 3, mtld: null, moving_ttr: null });
  });
});
