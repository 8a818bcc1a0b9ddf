import { describe, expect, it } from "vitest";
import { groupTexts, normalised, shuffled, uniqueTexts } from "../../../shared/labeling/texts.ts";
import { createRandom } from "../../../shared/random.ts";

const text = (content: string) => ({ message: { role: "assistant" as const, content }, made: null });

it("texts that look alike are the same", () => {
  expect(normalised("  a\n\tb  ")).toBe("a b");
  expect(normalised("e\u0301")).toBe("\u00e9");
  const { texts, duplicates, empty } = uniqueTexts(["a b", "a  b ", "", " \n", "A b", "a b"].map(text));
  expect(texts.map(({ message }) => message.content)).toEqual(["a b", "A b"]);
  expect({ duplicates, empty }).toEqual({ duplicates: 2, empty: 2 });
});

it("calls of tools are a text too", () => {
  const call = { ...text("").message, tool_calls: [{ id: "call_1" }] };
  expect(uniqueTexts([{ message: call, made: null }, text("")])).toMatchObject({ texts: [{}], empty: 1 });
});

describe("groups", () => {
  const texts = [0, 0, 1, 1].map((source, at) => ({ source, at }));
  const settings = (task: "pairwise" | "ranking" | "rating", most: number, size = 3) => ({
    task,
    texts_per_task: size,
    tasks_per_prompt: most,
  });
  const group = (task: "pairwise" | "ranking" | "rating", most: number, seed = 1) =>
    groupTexts(texts, settings(task, most), createRandom(seed, "test"));

  it("of two are of different sources first, and no pair comes twice", () => {
    for (let seed = 0; seed < 20; seed++) {
      const pairs = group("pairwise", 16, seed);
      expect(pairs).toHaveLength(6);
      const across = pairs.map(([a, b]) => a!.source !== b!.source);
      expect(across).toEqual([true, true, true, true, false, false]);
      expect(
        new Set(
          pairs.map((pair) =>
            pair
              .map(({ at }) => at)
              .sort()
              .join(),
          ),
        ).size,
      ).toBe(6);
    }
  });

  it("of several take the sources in turn", () => {
    for (let seed = 0; seed < 20; seed++) {
      const [ranking, ...more] = group("ranking", 4, seed);
      expect(ranking).toHaveLength(3);
      expect(new Set(ranking!.map(({ source }) => source)).size).toBe(2);
      // One text is left, and nothing to compare it with.
      expect(more).toEqual([]);
    }
  });

  it("of one are as many as are asked for", () => {
    expect(group("rating", 3).map((one) => one.length)).toEqual([1, 1, 1]);
  });

  it("need two texts to compare", () => {
    const alone = texts.slice(0, 1);
    expect(groupTexts(alone, settings("pairwise", 1), createRandom(1))).toEqual([]);
    expect(groupTexts(alone, settings("ranking", 1), createRandom(1))).toEqual([]);
    expect(groupTexts([], settings("rating", 1), createRandom(1))).toEqual([]);
  });

  it("and their order follow from the seed", () => {
    expect(group("pairwise", 2, 7)).toEqual(group("pairwise", 2, 7));
    const firsts = Array.from({ length: 200 }, (_, seed) => shuffled([0, 1], createRandom(seed, "order"))[0]!);
    const share = firsts.filter((first) => first === 0).length / firsts.length;
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
  });
});
