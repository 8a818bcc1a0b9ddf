import { describe, expect, it } from "vitest";
import { checkFacts, relationOf, subjectPlace } from "../../../shared/edits/check-facts.ts";
import { EditFact } from "../../../shared/edits/fact.ts";

const fact = (prompt: string, subject: string, target = "red") =>
  EditFact.parse({ prompt, subject, target_new: target });

describe("subjectPlace", () => {
  it.each([
    ["The capital of France is", "France", { start: 15, end: 21 }],
    ["The category of a cat is", "cat", { start: 18, end: 21 }],
    ["法国的首都是", "法国", { start: 0, end: 2 }],
    ["The capital of France is", "france", "absent"],
    ["Paris, not Paris", "Paris", "twice"],
    ["x", "", "absent"],
    ["France is", "France ", { start: 0, end: 6 }],
    ["The capital of France is", " France", { start: 15, end: 21 }],
    ["the 😀 is", "😀", { start: 4, end: 6 }],
  ])("of %j finds %j", (prompt, subject, place) => {
    expect(subjectPlace(prompt, subject)).toEqual(place);
  });
});

describe("checkFacts", () => {
  it("finds nothing wrong with different facts, nor with the same fact twice", () => {
    expect(
      checkFacts([fact("Snow is", "Snow"), fact("Coal is", "Coal", "blue"), fact("Snow  is ", "Snow", " RED")]),
    ).toBe(undefined);
  });

  it.each([
    [
      [fact("Snow is", "Coal")],
      { index: 0, field: "subject", problem: expect.stringContaining("is not in the prompt") },
    ],
    [[fact("Coal is Coal", "Coal")], { field: "subject", problem: expect.stringContaining("more than once") }],
    [[fact("a b", " ")], { index: 0, field: "subject", problem: "must not be empty" }],
    [[fact("Snow is", "Snow", " ")], { index: 0, field: "target_new", problem: "must not be empty" }],
    [
      [fact("Coal is", "Coal"), fact("Snow is", "Snow"), fact("snow is ", "snow", "blue")],
      { index: 2, field: "target_new", with: 1, problem: expect.stringContaining("contradicts fact 1") },
    ],
    [[fact("Is Snow red", "Snow"), fact("Is Snow red", "red", "blue")], { index: 1, field: "target_new", with: 0 }],
  ])("names the fact and the field: %#", (facts, problem) => {
    expect(checkFacts(facts)).toMatchObject(problem);
  });
});

it("says what a fact says of its subject", () => {
  expect(relationOf(fact("The capital of  France is", "France"))).toBe(
    relationOf(fact("the capital of Chad is", "Chad")),
  );
  expect(relationOf(fact("The capital of France is", "France"))).not.toBe(
    relationOf(fact("The sea of Chad is", "Chad")),
  );
});
