import { expect, it } from "vitest";
import { fidelityOf } from "../../../shared/evaluation/fidelity.ts";
import { shareOf } from "../../../shared/evaluation/intervals.ts";

it("counts prompts whose every instruction is followed, and instructions, strictly and loosely", () => {
  const prompts = [
    { prompt: "a", instructions: [{ kind: "no_commas" as const }, { kind: "lower_case" as const }] },
    { prompt: "b", instructions: [{ kind: "json" as const }] },
    { prompt: "c", instructions: [{ kind: "no_commas" as const }] },
  ];
  const found = fidelityOf(prompts, ["Hello", "Sure:\n{}", "one, two"]);
  expect(found).toEqual({
    prompt_strict: shareOf(0, 3),
    prompt_loose: shareOf(1, 3),
    // Four instructions of three prompts.
    instruction_strict: shareOf(1, 4, 16 / 6),
    instruction_loose: shareOf(2, 4, 16 / 6),
    kinds: {
      json: { followed: 1, n: 1 },
      lower_case: { followed: 0, n: 1 },
      no_commas: { followed: 1, n: 2 },
    },
  });
  expect(Object.keys(found.kinds)).toEqual(["json", "lower_case", "no_commas"]);
});

it("is nothing without prompts", () => {
  expect(fidelityOf([], [])).toMatchObject({ prompt_strict: null, instruction_loose: null, kinds: {} });
});
