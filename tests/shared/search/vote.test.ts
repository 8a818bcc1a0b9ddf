import { expect, it } from "vitest";
import { vote } from "../../../shared/search/vote.ts";

const asked = vote.schema.parse({ method: "vote" });
const choose = (texts: readonly (readonly [text: string, likelihood: number])[]) =>
  vote.choose(
    asked,
    texts.map(([text, likelihood], index) => ({ index, text, likelihood, score: likelihood })),
  );

it("chooses the first text with the answer of most", () => {
  expect(asked).toEqual({ method: "vote", best_of: 4, answer: "last_line" });
  const texts = [
    ["so\nno", -1] as const,
    ["then\nyes", -9] as const,
    ["hence\nyes", -1] as const,
    ["?", -0.1] as const,
  ];
  expect(choose(texts)).toEqual({ at: 1, score: 0.5 });
});

it("breaks a tie by likelihood, and takes the likeliest text where none has an answer", () => {
  const tie = [["a", -3] as const, ["b", -1] as const, ["a", -2] as const, ["b", -2] as const];
  expect(choose(tie)).toEqual({ at: 1, score: 0.5 });
  expect(choose([["?", -3] as const, ["!", -1] as const])).toEqual({ at: 1, score: 0 });
});
