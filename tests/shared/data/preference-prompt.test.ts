import { describe, expect, it } from "vitest";
import { sharedText, sharedTurns } from "../../../shared/data/preference-prompt.ts";

describe("sharedText", () => {
  it.each([
    ["Q: hi A: yes", "Q: hi A: no", "Q: hi A:"],
    ["the sky is blue", "the sky is bright", "the sky is"],
    ["a\n\nyes", "a\n\nno", "a"],
    ["good day", "goods", ""],
    ["one two", "one two three", "one"],
    ["one two three", "one two", "one"],
    ["a  b", "a \tb", "a"],
    ["yes", "no", ""],
    ["", "no", ""],
  ])("of %j and %j is %j", (chosen, rejected, shared) => {
    expect(sharedText(chosen, rejected)).toBe(shared);
  });
});

describe("sharedTurns", () => {
  const turns = (text: string) =>
    [...text].map((content) => ({
      role: content === content.toUpperCase() ? ("assistant" as const) : ("user" as const),
      content,
    }));

  it.each([
    ["aB", "aC", undefined, 1],
    ["aBcD", "aBcE", undefined, 3],
    ["aBcD", "aEcD", undefined, 1],
    ["aB", "cB", undefined, 0],
    ["aBcD", "aBeD", undefined, 0],
    ["aB", "aBcD", undefined, 2],
    ["aB", "aC", "a", 1],
    ["aB", "aC", "x", 0],
  ])("%s and %s with the prompt %s share %i", (chosen, rejected, prompt, shared) => {
    expect(sharedTurns(turns(chosen), turns(rejected), prompt)).toBe(shared);
  });

  it("takes a prompt's own turns", () => {
    expect(sharedTurns(turns("aBcD"), turns("aBcE"), turns("a"))).toBe(1);
    expect(sharedTurns(turns("aBcD"), turns("aBcE"), turns("aBc"))).toBe(3);
    expect(sharedTurns(turns("aB"), turns("aC"), turns("x"))).toBe(0);
    expect(sharedTurns(turns("aB"), turns("aC"), turns("aBc"))).toBe(0);
  });
});
