import { describe, expect, it } from "vitest";
import { isRankingRecord, readRankingRecord } from "../../../shared/data/ranking.ts";

const place = { number: 4, unit: "line", file: "ranks.jsonl" } as const;
const refusal = (value: unknown) => {
  try {
    readRankingRecord(value, place);
  } catch (error) {
    return error;
  }
  return expect.fail("was not refused");
};

describe("a ranking", () => {
  it("has its best completion first, as they stand or by their ranks", () => {
    const record = { prompt: "p", completions: ["a", "b", "c"], id: 1 };
    expect(readRankingRecord(record, place)).toEqual({
      ranking: { prompt: "p", completions: ["a", "b", "c"] },
      ignored: ["id"],
    });
    const ranked = readRankingRecord({ ...record, ranks: [3, 1, 2.5] }, place);
    expect(ranked.ranking.completions).toEqual(["b", "c", "a"]);
    // A table's cell.
    const cell = { prompt: "p", completions: '["a", "b"]', ranks: "[2, 1]" };
    expect(readRankingRecord(cell, place).ranking.completions).toEqual(["b", "a"]);
  });

  it("may be of turns behind a conversation, with tools", () => {
    const turn = (content: string) => [{ role: "assistant", content }];
    const record = { prompt: [{ role: "user", content: "hi" }], completions: [turn("a"), turn("b")] };
    expect(readRankingRecord(record, place).ranking).toEqual(record);
    const mixed = readRankingRecord({ prompt: "hi", completions: ["a", turn("b")] }, place);
    expect(mixed.ranking).toEqual({ prompt: "hi", completions: [turn("a"), turn("b")] });
    expect(isRankingRecord(record)).toBe(true);
    expect(isRankingRecord({ prompt: "p", completion: "a" })).toBe(false);
  });

  it.each([
    [7, " is not a JSON object"],
    [{ prompt: "p", completions: "a" }, ": completions: must be a list, or the JSON text of one"],
    [{ prompt: "p", completions: 5 }, ": completions: must be a list of completions, not the number 5"],
    [{ prompt: "p", completions: ["a"] }, ": completions: must have 2 to 16 completions, but has 1"],
    [{ prompt: "p", completions: Array.from({ length: 17 }, (_, k) => `${k}`) }, ": completions: must have 2 to 16"],
    [{ completions: ["a", "b"] }, ": prompt: must be a text, not empty"],
    [{ prompt: "p", completions: ["a", " "] }, ": completions[1]: must not be empty"],
    [
      { prompt: "p", completions: ["a", [{ role: "user", content: "b" }]] },
      ": completions[1]: must end with the assistant",
    ],
    [{ prompt: "p", completions: ["a", "b", "a"] }, ": completions[2]: is the same as completions[0]"],
    [
      { prompt: "p", completions: ["a", "b", [{ role: "assistant", content: "a" }]] },
      ": completions[2]: is the same as completions[0], so neither is better; remove one of them",
    ],
    [{ prompt: "p", completions: ["a", "b"], ranks: [1, 1] }, ": ranks[1]: is the same as ranks[0]: ties"],
    [{ prompt: "p", completions: ["a", "b"], ranks: ["1", 2] }, ": ranks[0]: must be a number"],
    [{ prompt: "p", completions: ["a", "b"], ranks: [1, 2, 3] }, ": ranks: must be a list of 2 numbers"],
  ])("refuses %j", (value, message) => {
    expect(refusal(value)).toMatchObject({
      code: "invalid_file",
      message: expect.stringContaining(`line 4 of ranks.jsonl${message}`),
    });
  });
});
