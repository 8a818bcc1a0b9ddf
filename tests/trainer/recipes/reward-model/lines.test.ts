import { describe, expect, it } from "vitest";
import { JOB_TYPES } from "../../../../shared/api/methods.ts";
import { kindOfFile, type RewardKind, rewardLines } from "../../../../trainer/recipes/reward-model/lines.ts";

const settings = (given: object = {}) => JOB_TYPES.reward_model.settings.parse(given);
const file = (lines: readonly unknown[]) => ({
  ...{ name: "f.jsonl", digest: "d" },
  bytes: new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")),
});
const read = (kind: RewardKind, lines: readonly unknown[], given: object = {}) =>
  rewardLines(file(lines), kind, { settings: settings(given), seed: 1 });
const margins = (given: object) => ({ hyperparameters: given });
const pair = { prompt: "p", chosen: "good", rejected: "bad" };
const example = (completion: string, prompt = "p") => ({ kind: "completion", prompt, completion });

describe("the lines of a reward model", () => {
  it("are pairs with a margin of their own, or what their ratings differ by", () => {
    const lines = [
      pair,
      { ...pair, margin: 0.5, chosen_rating: 5, rejected_rating: 1 },
      { ...pair, chosen_rating: 5, rejected_rating: 2 },
    ];
    const found = read("preference_pairs", lines, margins({ rating_margin: 0.25 }));
    expect(found.map(({ line, columns }) => [line, columns!.margin])).toEqual([
      [1, 0],
      [2, 0.5],
      [3, 0.75],
    ]);
    expect(found[0]!.examples).toEqual([example("good"), example("bad")]);
    expect(read("preference_pairs", lines)[2]!.columns).toEqual({ margin: 0 });
  });

  it("are rankings, skipping a first line that describes the file", () => {
    const lines = [{ type: "metadata" }, { prompt: "p", completions: ["a", "b", "c"] }];
    expect(read("rankings", lines)).toEqual([
      { line: 2, examples: ["a", "b", "c"].map((text) => example(text)), columns: {}, prompt: '"p"' },
    ]);
    expect(kindOfFile(file(lines), "training_file")).toBe("rankings");
  });

  it("are ratings with a number for their prompt", () => {
    const lines = [
      { prompt: "p", completion: "a", rating: 1 },
      { prompt: "q", completion: "a", ratings: { anna: 2, ben: 3 } },
      { prompt: "p", completion: "b", rating: 3 },
    ];
    const found = read("ratings", lines);
    expect(found.map(({ columns }) => columns)).toEqual([
      { rating: 1, prompt: 0 },
      { rating: 2.5, prompt: 1 },
      { rating: 3, prompt: 0 },
    ]);
  });

  it("are every two of a prompt's ratings that differ, if pairs are asked for", () => {
    const lines = [
      { prompt: "p", completion: "a", rating: 1 },
      { prompt: "p", completion: "b", rating: 3 },
      { prompt: "q", completion: "x", rating: 9 },
      { prompt: "p", completion: "c", rating: 3 },
    ];
    const given = { ratings: "pairs", ...margins({ rating_margin: 2 }) };
    const found = read("ratings", lines, given);
    expect(found.map(({ line, examples, columns }) => [line, examples, columns])).toEqual([
      [2, [example("b"), example("a")], { margin: 4 }],
      [4, [example("c"), example("a")], { margin: 4 }],
    ]);
    const twice = [lines[0], { ...lines[0], rating: 2 }];
    expect(() => read("ratings", twice, given)).toThrow("line 2 of f.jsonl has the completion of line 1");
    const asTurn = [{ role: "assistant", content: "a" }];
    expect(() => read("ratings", [...lines, { ...lines[0], completion: asTurn, rating: 2 }], given)).toThrow(
      "line 5 of f.jsonl has the completion of line 1",
    );
    // The same rating again is no contradiction.
    expect(read("ratings", [...lines, lines[0]], given)).toHaveLength(4);
    expect(() => read("ratings", [lines[0], lines[2]], given)).toThrow("no prompt with two completions");
  });

  it("are at most eight pairs for each rating of a prompt, drawn by the seed, however many it has", () => {
    const few = Array.from({ length: 17 }, (_, i) => ({ prompt: "few", completion: `c${i}`, rating: i }));
    const many = Array.from({ length: 3000 }, (_, i) => ({ prompt: "many", completion: `c${i}`, rating: i }));
    const given = { ratings: "pairs", ...margins({ rating_margin: 1 }) };
    const found = read("ratings", [...few, ...many], given);
    const of = (prompt: string) => found.filter((line) => line.prompt === JSON.stringify(prompt));
    expect([of("few").length, of("many").length]).toEqual([(17 * 16) / 2, 8 * 3000]);
    const key = ({ examples }: (typeof found)[number]) => JSON.stringify(examples);
    expect(new Set(found.map(key)).size).toBe(found.length);
    expect(found.every(({ columns }) => columns!.margin! > 0)).toBe(true);
    expect(found.every(({ line }, i) => i === 0 || line >= found[i - 1]!.line)).toBe(true);
    expect(read("ratings", [...few, ...many], given).map(key)).toEqual(found.map(key));
  });

  it("are of one kind, and the first line that is not is named", () => {
    expect(kindOfFile(file([pair]), "training_file")).toBe("preference_pairs");
    expect(() => kindOfFile(file([pair, { prompt: "p", completions: ["a", "b"] }]), "training_file")).toThrow(
      "line 2 of f.jsonl",
    );
    expect(() => kindOfFile(file([{ text: "a" }]), "validation_file")).toThrow("f.jsonl must hold");
  });
});
