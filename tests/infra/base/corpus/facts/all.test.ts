import { describe, expect, it } from "vitest";
import { FACTS, RELATIONS } from "../../../../../infra/base/corpus/facts/all.ts";
import { heldOutCompletion, phrase, splitCompletion } from "../../../../../infra/base/corpus/relation.ts";

describe("the tables of facts", () => {
  it("state at least 900 facts in 26 relations", () => {
    expect(FACTS.length).toBeGreaterThanOrEqual(900);
    expect(RELATIONS.length).toBe(26);
  });

  it("have each subject once per relation, plain ASCII and no empty cells", () => {
    for (const { name, pairs } of RELATIONS) {
      const subjects = pairs.map(([subject]) => subject);
      expect(new Set(subjects).size, name).toBe(subjects.length);
      for (const cell of pairs.flat()) expect(cell, name).toMatch(/^[\w][\w' ,.-]*$/);
    }
  });

  it("give every relation at least seven phrasings, four of them completions", () => {
    for (const { name, completions, statements, questions } of RELATIONS) {
      expect(new Set([...completions, ...statements, ...questions]).size, name).toBeGreaterThanOrEqual(7);
      expect(completions.length, name).toBeGreaterThanOrEqual(4);
      for (const completion of completions) {
        expect(completion).toMatch(/\{a?s\}|\{A?S\}|\{As\}/);
        expect(completion).toMatch(/ \{a?o\}\.$/);
      }
    }
  });

  it("never give one prompt two answers", () => {
    const answers = new Map<string, string>();
    for (const fact of FACTS) {
      for (const completion of fact.relation.completions) {
        const { prompt, answer } = splitCompletion(completion, fact);
        expect(answers.get(prompt) ?? answer, prompt).toBe(answer);
        answers.set(prompt, answer);
      }
    }
  });

  it("never hold out a prompt that is part of another phrasing of any fact", () => {
    const trained = FACTS.flatMap((fact) => {
      const { completions, statements, questions } = fact.relation;
      const heldOut = heldOutCompletion(fact);
      return [...completions, ...statements, ...questions]
        .filter((template) => template !== heldOut)
        .map((template) => phrase(template, fact).toLowerCase());
    }).join("\n");
    const leaks = FACTS.map((fact) => splitCompletion(heldOutCompletion(fact), fact).prompt.toLowerCase()).filter(
      (prompt) => trained.includes(`${prompt} `),
    );
    expect(leaks).toEqual([]);
  });
});
