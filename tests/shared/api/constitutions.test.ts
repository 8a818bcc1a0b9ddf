import { expect, it } from "vitest";
import {
  CreateConstitution,
  InlineConstitution,
  parseConstitutionReference,
  UpdateConstitution,
} from "../../../shared/api/constitutions.ts";
import { LIMITS } from "../../../shared/limits.ts";

const principles = [{ principle: "Be kind." }];
const problems = (
  given: unknown,
  schema = InlineConstitution as { safeParse(value: unknown): { error?: unknown } },
) => {
  const { error } = schema.safeParse(given) as { error?: { issues: { path: PropertyKey[]; message: string }[] } };
  return error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
};

it("is principles, with examples and a prompt for labels where wanted", () => {
  const examples = [{ prompt: "p", reply: "r", critique: "c", revision: "v" }];
  const label_prompt = "{{item.principle}} {{ item.prompt }}: {{item.a}} or {{item.b}}?";
  expect(problems({ principles })).toBeUndefined();
  expect(problems({ principles, examples, label_prompt, name: "kindness@3" })).toBeUndefined();
  expect(problems({ name: "kindness", principles, examples, description: "d" }, CreateConstitution)).toBeUndefined();
  expect(problems({ principles, if_version: 2 }, UpdateConstitution)).toBeUndefined();
  expect(parseConstitutionReference("kindness@3")).toEqual({ name: "kindness", version: 3 });
});

it.each([
  [{ principles: [] }, /^principles: /],
  [{ principles: [{ principle: " " }] }, /^principles\.0\.principle: must not be blank/],
  [{ principles: [{ principle: "a", asks: "b" }] }, /^principles\.0: /],
  [{ principles: [{ principle: "a".repeat(LIMITS.principleLength + 1) }] }, /^principles\.0\.principle: /],
  [{ principles: Array(LIMITS.principles + 1).fill(principles[0]) }, /^principles: /],
  [{ principles: Array(40).fill({ principle: "a".repeat(2000) }) }, /^principles: must have at most 65536 characters/],
  [{ principles, examples: [{ prompt: "p", reply: "r", critique: "c" }] }, /^examples\.0\.revision: /],
  [{ principles, label_prompt: "{{item.a}}" }, /^label_prompt: must show both/],
  [{ principles, label_prompt: "{{item.a}} {{item.b}} {{item.c}}" }, /^label_prompt: can show {{item.principle}}, /],
  [{ principles, label_prompt: "{{item.a}} {{item.b}} {{sample.output_text}}" }, /^label_prompt: can show/],
  [{ principles, label_prompt: "{{item.a}} {{item.b" }, /^label_prompt: has "{{" without/],
])("refuses %j", (given, problem) => {
  expect(problems(given)?.[0]).toMatch(problem);
});
