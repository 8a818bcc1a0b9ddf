import { expect, it } from "vitest";
import { withLeadingSpace, withoutTrailingSpace } from "../../../trainer/edits/target-text.ts";

it.each([
  ["The capital of France is", "Lyon", " Lyon"],
  ["The capital of France is:", "Lyon", " Lyon"],
  ["The capital of France is", " Lyon", " Lyon"],
  ["The capital of France is", ", they say, Lyon", ", they say, Lyon"],
  ['She said "', "No", " No"],
  ["She said (", "No", "No"],
  ["It is as cold as", "-5 degrees", " -5 degrees"],
  ["The share is", ".5", " .5"],
  ["It is well", "-known", "-known"],
  ["Q: Where?\n", "A", "A"],
  ["法国的首都是", "里昂", "里昂"],
  ["The answer is", "里昂", "里昂"],
  ["", "Lyon", "Lyon"],
])("after %j, %j is %j", (prompt, target, joined) => {
  expect(withLeadingSpace(prompt, target)).toBe(joined);
});

it("takes spaces off a prompt's end, and leaves line breaks", () => {
  expect(withoutTrailingSpace("is  \t")).toBe("is");
  expect(withoutTrailingSpace("is\n ")).toBe("is\n");
});
