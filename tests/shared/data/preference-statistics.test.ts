import { expect, it } from "vitest";
import { textOf } from "../../../shared/data/completion.ts";
import { PreferenceTally } from "../../../shared/data/preference-statistics.ts";

it("counts repetitions, contradictions and how often the longer answer is the better one", () => {
  const tally = new PreferenceTally();
  expect(tally.statistics).toEqual({ pairs: 0, duplicates: 0, contradictions: 0, lengthBias: 0.5 });
  const pair = (prompt: string, chosen: string, rejected: string) => tally.add({ prompt, chosen, rejected });
  pair("a", "long", "s");
  pair("a", "long", "s");
  pair("a", "s", "long");
  pair("b", "s", "long");
  pair("b", "x", "y");
  expect(tally.statistics).toEqual({ pairs: 5, duplicates: 1, contradictions: 1, lengthBias: 2.5 / 5 });
});

it("knows a text and a turn that say the same, and tells calls apart", () => {
  const turn = { role: "assistant" as const, content: "x" };
  const tally = new PreferenceTally();
  tally.add({ prompt: "a", chosen: "x", rejected: "y" });
  tally.add({ prompt: "a", chosen: [turn], rejected: "y" });
  expect(tally.statistics.duplicates).toBe(1);
  expect(textOf([turn, { ...turn, tool_calls: [1] }])).toBe("x\nx[1]");
});
