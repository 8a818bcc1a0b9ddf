import { expect, it } from "vitest";
import { EditFact } from "../../../shared/edits/fact.ts";
import { scorePrompts } from "../../../trainer/edits/score-prompts.ts";

const fact = (prompt: string, subject: string, given: object = {}) =>
  EditFact.parse({ prompt, subject, target_new: "red", ...given });
const snow = fact("The colour of snow is", "snow");
const coal = fact("The colour of coal is", "coal");

it("makes paraphrases behind other texts, and neighbours of other subjects that are not edited", () => {
  const { paraphrases, neighbours } = scorePrompts(snow, {
    facts: [snow, coal, fact("Ice feels", "Ice")],
    known: [
      { subject: "France", prompt: "The capital of France is" },
      { subject: "grass", prompt: "The colour of grass is" },
    ],
    prefixes: ["It was late", "unused"],
  });
  expect(paraphrases).toEqual({
    source: "templates",
    texts: ["It was late. The colour of snow is", "It is well known that The colour of snow is"],
  });
  // Grass is of the same relation; the colour of coal is edited too.
  expect(neighbours.texts).toEqual(["The colour of grass is", "The colour of France is", "The colour of Ice is"]);
});

it("takes the caller's prompts, even none", () => {
  const given = fact("The colour of snow is", "snow", { paraphrases: ["Snow has the colour"], neighbours: [] });
  expect(scorePrompts(given, { facts: [given, coal], known: [], prefixes: [] })).toEqual({
    paraphrases: { source: "given", texts: ["Snow has the colour"] },
    neighbours: { source: "given", texts: [] },
  });
  expect(scorePrompts(snow, { facts: [snow], known: [], prefixes: [] }).neighbours).toEqual({
    source: "none",
    texts: [],
  });
});
