import { expect, test } from "vitest";
import { parseTrainingLine } from "../../../../shared/data/training-lines.ts";

const turn = { role: "assistant", content: "a" };

test.each([
  { prompt: "p", chosen: "c", rejected: "r" },
  { chosen: [turn], rejected: [turn] },
])("%j is refused, with what to keep of it", (line) => {
  expect(() => parseTrainingLine(line, 7, "d")).toThrow("line 7 of d: chosen: is half of a preference pair");
});

test("OpenAI's preference pairs are refused", () => {
  const line = { input: { messages: [turn] }, preferred_output: [turn], non_preferred_output: [turn] };
  expect(() => parseTrainingLine(line, 1)).toThrow("preferred_output: is half of a preference pair");
});

test("beside a conversation, pairs are columns that are not trained on", () => {
  expect(parseTrainingLine({ messages: [turn], chosen: "c", rejected: "r" }, 1)).toEqual({
    kind: "chat",
    messages: [turn],
  });
});
