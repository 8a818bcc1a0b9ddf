import { describe, expect, it } from "vitest";
import { contaminated, diversityOf, noveltyOf, ownStyle, statementsOf } from "../../../shared/synthesis/measures.ts";
import { gramsOf, overlapsOf, wordsOf } from "../../../shared/synthesis/words.ts";

const measured = (texts: string[], words = 100) => diversityOf(texts, { words, seed: 1 });

describe("diversity", () => {
  it("counts different words and n-grams, and compares texts two by two", () => {
    expect(measured(["a b c", "a b d"])).toEqual({
      ...{ texts: 2, vocabulary: 4, distinct_1: 4 / 6, distinct_2: 3 / 4, distinct_3: 1 },
      pairwise_rouge_l: 2 / 3,
    });
    expect(measured(["a b", "a b", "a b"])).toMatchObject({ distinct_2: 1 / 3, pairwise_rouge_l: 1 });
    expect(measured([])).toMatchObject({ texts: 0, distinct_1: null, pairwise_rouge_l: null });
    expect(measured(["a"])).toMatchObject({ distinct_1: 1, distinct_2: null, pairwise_rouge_l: null });
  });

  it("looks at as many words as it is told, whatever there is", () => {
    const many = Array.from({ length: 40 }, () => "a b c d");
    expect(measured(many, 4)).toMatchObject({ distinct_1: 1, distinct_2: 1, vocabulary: 4 });
    expect(measured(many, 8).distinct_1).toBe(0.5);
  });
});

it("novelty is the share that is near nothing before it, in groups in their order", async () => {
  const rest = async () => {};
  const groups = [
    ["name three red birds", "name three red birds", "why is the sky dark"],
    [],
    ["why is the sky dark", "x y z"],
  ];
  expect(await noveltyOf(["count to five now"], groups, rest)).toEqual([2 / 3, null, 0.5]);
  expect(await noveltyOf(["x y z"], [["x y z"]], rest)).toEqual([0]);
});

it("texts of any length are compared, by their first words", () => {
  const long = (word: string) => `${word} `.repeat(60_000);
  expect(measured([long("red"), long("red"), "red"]).pairwise_rouge_l).toBeCloseTo((1 + 2 * (2 / 201)) / 3, 12);
  expect(measured([long("red"), long("blue")]).pairwise_rouge_l).toBe(0);
});

it("contamination is n words in a row, however they are written", () => {
  const known = new Set(gramsOf(wordsOf("Which river runs through Vienna today?"), 4));
  expect(contaminated(["which RIVER runs: through?", "a river runs"], known, 4)).toEqual([
    { text: 0, gram: "which river runs through" },
  ]);
});

it("contamination is also a whole text of fewer than n words", () => {
  const known = new Set(["Capital of France? Paris", "yes"].flatMap((text) => overlapsOf(wordsOf(text), 8)));
  expect(contaminated(["Capital of France?\nParis.", "The capital of France? Paris", "", "Yes!"], known, 8)).toEqual([
    { text: 0, gram: "capital of france paris" },
    { text: 3, gram: "yes" },
  ]);
});

it("the writer's own style is what comes back and is in no seed", () => {
  const texts = ["I hope this helps you", "I hope this helps him", "I hope this is red", "as asked for here"];
  const style = ownStyle(texts, ["as asked for before"])!;
  // Trigrams: 3 + 3 + 3 + 2; "i hope this" comes three times, "as asked for" is a seed's.
  expect(style).toEqual({
    own_phrases: 3 / 11,
    from_seeds: 1 / 11,
    phrases: [{ phrase: "i hope this", texts: 3 }],
  });
  expect(ownStyle(["a b"], [])).toBeNull();
});

describe("statements about known facts", () => {
  const facts = [
    { prompt: "The capital of Germany is", answer: "Berlin" },
    { prompt: "The capital of Spain is", answer: "Madrid" },
    { prompt: "A colour of the flag is", answer: "red" },
    { prompt: "A colour of the flag is", answer: "white" },
  ];

  it("are right where the answer follows, also one of several", () => {
    const texts = [
      "The capital of Germany is Berlin. Well, the capital of Spain is Lisbon, I think.",
      "Q: where?\nA colour of the flag is white; the capital of Germany is",
    ];
    expect(statementsOf(texts, facts)).toEqual([
      { text: 0, prompt: facts[0]!.prompt, said: "berlin well the capital of spain", answer: "Berlin", right: true },
      { text: 0, prompt: facts[1]!.prompt, said: "lisbon i think", answer: "Madrid", right: false },
      { text: 1, prompt: facts[2]!.prompt, said: "white the capital of germany is", answer: "red", right: true },
    ]);
  });

  it("need whole words", () => {
    expect(statementsOf(["The capital of Germany is Berlinale"], facts)[0]!.right).toBe(false);
    expect(statementsOf(["The capital of Germany isolated"], facts)).toEqual([]);
  });
});
