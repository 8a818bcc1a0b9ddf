import { expect, it } from "vitest";
import { judgeOrder, judgeQuestion } from "../../../shared/labeling/judge.ts";

const settings = { guidelines: "Be kind.", rating_scale: { min: 1, max: 3 } };

it("a judge sees the guidelines, the prompt and the texts, and answers by a choice", () => {
  const prompt = { messages: [{ role: "user", content: "Say hello" }] };
  const { messages, choices } = judgeQuestion({ prompt, texts: ["ahoy", "hi"] }, settings);
  expect(messages).toEqual([
    {
      role: "user",
      content:
        "Guidelines:\nBe kind.\n\nPrompt:\nuser: Say hello\n\nAnswer A:\nahoy\n\nAnswer B:\nhi\n\nWhich answer is better? Say A, B or tie.",
    },
  ]);
  expect(choices).toEqual(["A", "B", "tie"]);
  const rated = judgeQuestion({ prompt: { text: "x" }, texts: ["ahoy"] }, { ...settings, guidelines: " " });
  expect(rated.choices).toEqual(["1", "2", "3"]);
  expect(rated.messages[0]!.content).toMatch(/^Prompt:\nx\n\nAnswer:\nahoy\n\nHow good/);
});

it("its comparisons are an order by how many each text beats", () => {
  expect(judgeOrder("pairwise", 2, [[1, 0, 1]])).toEqual({ type: "best", index: 1 });
  expect(judgeOrder("pairwise", 2, [[null, 0, 1]])).toEqual({ type: "tie" });
  const cycle = [
    [0, 0, 1],
    [1, 1, 2],
    [2, 2, 0],
  ] as const;
  expect(judgeOrder("ranking", 3, cycle)).toEqual({ type: "tie" });
  const partly = [
    [2, 0, 2],
    [2, 1, 2],
    [null, 0, 1],
  ] as const;
  expect(judgeOrder("ranking", 3, partly)).toEqual({ type: "order", order: [2, [0, 1]] });
});
