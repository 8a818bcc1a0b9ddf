import { describe, expect, it } from "vitest";
import { type PatternNode, parsePattern } from "../../../shared/peft/pattern-syntax.ts";

/** The tree on one line: letters as the characters of "ab1." that they match, repetitions with their bounds. */
function printed(node: PatternNode | { readonly problem: string }): string {
  if ("problem" in node) return node.problem;
  switch (node.kind) {
    case "letter":
      return `[${[..."ab1."].filter(node.has).join("")}]`;
    case "place":
      return `@${[0, 1, 2].filter((at) => node.holds("a.", at)).join("")}`;
    case "sequence":
      return node.of.map(printed).join(" ");
    case "choice":
      return `(${node.of.map(printed).join(" | ")})`;
    case "repeat":
      return `{${printed(node.of)}}${node.least}-${node.most}`;
    case "look":
      return `<${node.ahead ? "ahead" : "behind"} ${node.wanted ? "is" : "is not"} ${printed(node.of)}>`;
  }
}

describe("parsePattern", () => {
  it.each<[string, string]>([
    ["a.", "[a] [ab1.]"],
    [String.raw`\.\d\D\w\W\S`, "[.] [1] [ab.] [ab1] [.] [ab1.]"],
    ["[^a-b][]1]", "[1.] [1]"],
    ["a|b1|", "([a] | [b] [1] | )"],
    ["a*b+1?", "{[a]}0-Infinity {[b]}1-Infinity {[1]}0-1"],
    ["a{2}b{1,}1{,3}?", "{[a]}2-2 {[b]}1-Infinity {[1]}0-3"],
    ["a{b}", "[a] [] [b] []"],
    ["(?:a|b)(?P<name>1)", "([a] | [b]) [1]"],
    ["(?=a)(?!b)(?<=1)(?<!.)", "<ahead is [a]> <ahead is not [b]> <behind is [1]> <behind is not [ab1.]>"],
    [String.raw`^$\A\Z\b\B`, "@0 @2 @0 @2 @01 @2"],
  ])("%s", (source, tree) => {
    expect(printed(parsePattern(source))).toBe(tree);
  });

  it.each<[string, string]>([
    ["(a", "has an unclosed parenthesis"],
    ["a)", "has an unmatched closing parenthesis"],
    ["[a", "has an unclosed bracket"],
    ["*a", "has * with nothing to repeat before it"],
    ["a|+", "has + with nothing to repeat before it"],
    ["a**", "repeats a repetition; add parentheses"],
    ["a*+", "has a possessive quantifier, which is not supported"],
    ["a{3,2}", "has bounds in the wrong order: {3,2}"],
    [String.raw`(a)\1`, "has a backreference, which is not supported"],
    ["(?i)a", "has an unsupported group that begins with (?"],
    ["(?>a)", "has an unsupported group that begins with (?"],
    ["(?P=a)", "has an unsupported group that begins with (?"],
    [String.raw`\q`, String.raw`has \q, which is not supported`],
    ["a\\", "ends with a backslash"],
    ["[z-a]", "has an invalid range of letters"],
  ])("refuses %s", (source, problem) => {
    expect(parsePattern(source)).toEqual({ problem });
  });

  it("rejects excessive patterns", () => {
    expect(parsePattern("a".repeat(2048))).not.toHaveProperty("problem");
    expect(parsePattern("a".repeat(2049))).toEqual({ problem: "has 2049 characters; at most 2048 are allowed" });
    const nested = (depth: number) => printed(parsePattern(`${"(".repeat(depth)}a${")".repeat(depth)}`));
    expect([nested(50), nested(51)]).toEqual(["[a]", "nests groups more than 50 deep"]);
    // Groups beside each other are not within each other.
    expect(printed(parsePattern("(a)".repeat(200)))).toBe(new Array(200).fill("[a]").join(" "));
  });
});
