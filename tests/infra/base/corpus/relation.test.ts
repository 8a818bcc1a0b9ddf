import { describe, expect, it } from "vitest";
import { createRandom } from "../../../../infra/base/corpus/random.ts";
import {
  answerFact,
  completeFact,
  type Fact,
  heldOutCompletion,
  parsePairs,
  parseRows,
  phrase,
  type Relation,
  shortAnswer,
  splitCompletion,
  stateFact,
} from "../../../../infra/base/corpus/relation.ts";

const relation: Relation = {
  name: "home",
  completions: ["The home of {as} is {ao}.", "{As} sleeps in {ao}.", "Look for {as} in {ao}."],
  statements: ["{Ao} is home to the {s}."],
  questions: ["Where does {as} live?"],
  answer: "In {ao}",
  pairs: [["owl", "nest"]],
};
const fact: Fact = { relation, subject: "owl", object: "nest" };

describe("tables", () => {
  it("reads rows from lines and semicolons", () => {
    expect(parsePairs("a|b; c d|e\n f|g\n")).toEqual([
      ["a", "b"],
      ["c d", "e"],
      ["f", "g"],
    ]);
    expect(parseRows("a|b|c\nd|-|f")).toEqual([
      ["a", "b", "c"],
      ["d", "-", "f"],
    ]);
  });
});

describe("phrase", () => {
  it("fills in subject and object, with articles and capitals if the placeholder asks for them", () => {
    expect(phrase("{As} and {ao}: {S}, {O}, {s}, {o}. {Ao}", fact)).toBe(
      "An owl and a nest: Owl, Nest, owl, nest. A nest",
    );
  });

  it("leaves a dollar sign in a name unchanged", () => {
    expect(phrase("{s} $&", { ...fact, subject: "$1" })).toBe("$1 $&");
  });
});

describe("the held-out completion", () => {
  it("splits into a prompt and the object that finishes it", () => {
    expect(splitCompletion("The home of {as} is {ao}.", fact)).toEqual({
      prompt: "The home of an owl is",
      answer: "a nest",
    });
  });

  it("is never drawn", () => {
    const random = createRandom(1);
    const heldOut = phrase(heldOutCompletion(fact), fact);
    const written = new Set<string>();
    for (let i = 0; i < 300; i++) {
      for (const write of [stateFact, completeFact, answerFact]) written.add(write(fact, random));
    }
    expect(written).not.toContain(heldOut);
    // The other two completions and the statement.
    expect(written.size).toBe(3);
  });

  it("depends on the fact, so that training has every phrasing with other facts", () => {
    const chosen = Array.from({ length: 60 }, (_, i) => heldOutCompletion({ ...fact, subject: `animal ${i}` }));
    expect(new Set(chosen).size).toBe(3);
  });
});

it("gives short answers", () => {
  expect(shortAnswer(fact)).toBe("In a nest.");
});
