import { describe, expect, it } from "vitest";
import { PreferenceInspection } from "../../../shared/preferences/inspection.ts";
import { type PreferenceKind, readRecord } from "../../../shared/preferences/record.ts";
import { createRandom } from "../../../shared/random.ts";

const inspect = (kind: PreferenceKind, lines: readonly Record<string, unknown>[]) => {
  const inspection = new PreferenceInspection(kind);
  for (const [at, line] of lines.entries()) {
    inspection.add(readRecord(kind, line, { number: at + 1, unit: "line", file: "test" }), at + 1);
  }
  return inspection.result;
};
const pair = (prompt: string, chosen: string, rejected: string, rater?: string) => ({
  ...{ prompt, chosen, rejected },
  ...(rater === undefined ? {} : { rater }),
});

describe("pairs", () => {
  it("are counted by what they repeat, contradict and leave open", () => {
    const found = inspect("preference_pairs", [
      pair("a", "long", "s"),
      pair("a", "long", "s"),
      pair("a", "s", "long"),
      { ...pair("b", "x", "y"), chosen_rating: 3, rejected_rating: 3 },
      pair("b", "x", "y", "ada"),
      pair("b", "x", "y", "bob"),
    ]);
    expect(found).toMatchObject({
      kind: "preference_pairs",
      lines: 6,
      compared: 6,
      duplicates: 1,
      contradictions: 1,
      ties: 1,
      examples: [
        { line: 2, problem: "duplicate", earlier_line: 1 },
        { line: 3, problem: "contradiction", earlier_line: 1 },
      ],
    });
    expect(found.agreement).toMatchObject({ raters: 2, units: 1, percent: { value: 1, n: 1 } });
    expect([found.labels, found.ratings]).toEqual([null, null]);
  });

  it("say how often the longer text is the better one, in characters and in words", () => {
    const found = inspect("preference_pairs", [
      pair("a", "one two three", "four"),
      pair("b", "elephantine", "a b"),
      pair("c", "x y", "a long text of words"),
      pair("d", "same", "size"),
    ]);
    expect(found.longer_is_better.characters).toMatchObject({ value: 2.5 / 4, n: 4 });
    expect(found.longer_is_better.words).toMatchObject({ value: 1.5 / 4, n: 4 });
    const [low, high] = found.longer_is_better.characters.interval!;
    expect(low).toBeGreaterThan(0.1);
    expect(high).toBeLessThan(1);
  });

  it("name their raters in a column or in the provenance of an export", () => {
    const provenance = { rater: "eve", made: {} };
    const found = inspect("preference_pairs", [
      { ...pair("a", "x", "y"), annotator_id: 7 },
      { ...pair("a", "y", "x"), provenance },
    ]);
    expect(found).toMatchObject({ duplicates: 0, contradictions: 1, agreement: { raters: 2, percent: { value: 0 } } });
  });

  it("are none where there is no line", () => {
    expect(inspect("preference_pairs", [])).toMatchObject({
      lines: 0,
      agreement: null,
      longer_is_better: { characters: { value: null, n: 0, interval: null } },
    });
  });

  it("are counted as a plain search counts them", () => {
    const random = createRandom(5, "inspection");
    const word = () => ["a", "bb", "ccc"][random.below(3)]!;
    for (let round = 0; round < 30; round++) {
      const lines = Array.from({ length: 40 }, () => pair(word(), word(), word())).filter(
        ({ chosen, rejected }) => chosen !== rejected,
      );
      const isSame = (p: ReturnType<typeof pair>, q: ReturnType<typeof pair>) =>
        JSON.stringify(p) === JSON.stringify(q);
      const before = lines.map((line, at) => ({ line, earlier: lines.slice(0, at) }));
      const found = inspect("preference_pairs", lines);
      expect(found.duplicates).toBe(
        before.filter(({ line, earlier }) => earlier.some((one) => isSame(one, line))).length,
      );
      const turned = ({ prompt, chosen, rejected }: ReturnType<typeof pair>) => pair(prompt, rejected, chosen);
      expect(found.contradictions).toBe(
        before.filter(({ line, earlier }) => earlier.some((one) => isSame(turned(one), line))).length,
      );
    }
  });
});

describe("rankings", () => {
  it("contradict each other in any pair of texts", () => {
    const rank = (...completions: string[]) => ({ prompt: "a", completions });
    const found = inspect("rankings", [
      rank("x", "yy", "zzz"),
      rank("yy", "zzz"),
      rank("zzz", "yy"),
      rank("x", "yy", "zzz"),
    ]);
    expect(found).toMatchObject({ lines: 4, duplicates: 1, contradictions: 2 });
    // The third line contradicts the first two, and the fourth the third.
    expect(found.examples.map(({ line }) => line)).toEqual([3, 4, 4]);
    expect(found.longer_is_better.characters).toMatchObject({ value: 1 / 4, n: 4 });
  });
});

describe("labels", () => {
  it("contradict each other on one text, and their lengths are compared with each other", () => {
    const label = (completion: string, desirable: boolean, rater?: string) => ({
      ...{ prompt: "a", completion, label: desirable },
      ...(rater === undefined ? {} : { rater }),
    });
    const found = inspect("unpaired_preferences", [
      label("long text", true, "ada"),
      label("long text", false, "bob"),
      label("long text", true, "ada"),
      label("x", false),
    ]);
    expect(found).toMatchObject({
      ...{ lines: 4, duplicates: 1, contradictions: 2 },
      labels: { desirable: 2, undesirable: 2 },
      longer_is_better: { characters: { value: 0.75, n: 4 } },
      agreement: { raters: 2, units: 1, percent: { value: 0 } },
    });
  });
});

describe("ratings", () => {
  it("are compared within their prompt", () => {
    const rate = (prompt: string, completion: string, fields: Record<string, unknown>) => ({
      prompt,
      completion,
      ...fields,
    });
    const found = inspect("ratings", [
      rate("a", "long text", { rating: 5 }),
      rate("a", "short", { rating: 1 }),
      rate("a", "other", { rating: 1 }),
      rate("a", "long text", { rating: 5 }),
      rate("a", "long text", { rating: 2 }),
      rate("b", "x", { ratings: { ada: 1, bob: 3 } }),
    ]);
    expect(found).toMatchObject({
      ...{ lines: 6, duplicates: 1, contradictions: 1, ties: 1 },
      ratings: { min: 1, max: 5, mean: 16 / 6 },
      agreement: { raters: 2, units: 1, krippendorff: { interval: { n: 2 } } },
      examples: [
        { line: 4, problem: "duplicate", earlier_line: 1 },
        { line: 5, problem: "contradiction", earlier_line: 1 },
      ],
    });
    expect(found.longer_is_better.characters.n).toBe(1);
    expect(found.longer_is_better.characters.value).toBe(1);
  });
});

it("words are runs of what is no white space, of any kind", () => {
  const texts = ["", " ", "a", " a\tb\u00a0c\u2003d\n", "\u3000x", "é\u200bè", "\u{1f600} y", "a\ufeffb", "\u0085z"];
  for (const [at, text] of texts.entries()) {
    if (text.trim() === "") continue;
    const longer = "w ".repeat(at + 1);
    const words = (value: string) => value.match(/\S+/gu)?.length ?? 0;
    const { value } = inspect("preference_pairs", [pair("p", text, longer)]).longer_is_better.words;
    expect(value, JSON.stringify(text)).toBe((1 + Math.sign(words(text) - words(longer))) / 2);
  }
});

it("tell how far raters agree of whom each gives another number to every text", () => {
  const lines = Array.from({ length: 20_000 }, (_, n) => ({
    ...{ prompt: `p${n}`, completion: "x", ratings: { ada: n, bob: n + 0.5 } },
  }));
  const { agreement } = inspect("ratings", lines);
  expect(agreement).toMatchObject({
    raters: 2,
    units: 20_000,
    percent: { value: 0 },
    pairs: [{ cohen: { value: 0 } }],
  });
  expect(agreement!.krippendorff.interval!.value).toBeCloseTo(1, 6);
  expect(agreement!.pairs[0]!.cohen_linear!.value).toBeGreaterThan(0.999);
});
