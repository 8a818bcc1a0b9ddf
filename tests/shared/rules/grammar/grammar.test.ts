import { describe, expect, it } from "vitest";
import { compileRule } from "../../../../shared/rules/compile.ts";
import { acceptsBytes, byteVocabulary } from "../vocabularies.ts";

const compile = (grammar: string) => compileRule({ grammar }, byteVocabulary);

describe("grammars in GBNF", () => {
  it("have comments, escapes, classes and rules over several lines", () => {
    const rule = compile(
      [
        "# a greeting",
        'root ::= greeting " "',
        "  name{1,2}   # once or twice",
        '  | "\\x41\\u00e9\\U0001F600\\n"',
        'greeting ::= ("hi" | "hello")',
        "name ::= [A-Z] [^A-Z\\]\\-\\n]* | .",
      ].join("\n"),
    );
    for (const text of ["hi Ada", "hello AdaBob", "Aé😀\n", "hi ?", "hi ]"])
      expect(acceptsBytes(rule, text), text).toBe(true);
    for (const text of ["hi ", "hey Ada", "hi Ada--", "Aé😀"]) expect(acceptsBytes(rule, text), text).toBe(false);
  });

  it.each([
    ["start ::= [a]", /no rule named root/],
    ['root ::= "a" |\n thing', /line 2 of the grammar refers to thing, which no rule defines/],
    ['root ::= "a"\nroot ::= "b"', /line 2 of the grammar defines root a second time/],
    ["root ::= list\nlist ::= list [a] | [a]", /list \(line 2 of the grammar\) begins with itself \(left recursion\)/],
    ["root ::= a\na ::= b? a [x]\nb ::= [y]", /begins with itself/],
    ["root: [a]", /line 1 of the grammar has :: a definition without ::=/],
    ["root ::= [a]\n%import common.WORD", /line 2 of the grammar has %import: a directive of Lark/],
    ["root ::= /[a-z]+/", /a regular expression between slashes/],
    ["root ::= 'a'", /single quotes/],
    ["root ::= <digit>", /angle brackets/],
    ['root ::= ("a"', /line 1 of the grammar has an unclosed parenthesis/],
    ['root ::= "a" )', /does not belong to a rule/],
    ["root ::= * [a]", /a repetition with nothing before it/],
    ['root ::= "a\n', /line 1 of the grammar ends inside quotes or brackets/],
    ['root ::= "\\q"', /the unknown escape \\q/],
    ["root ::= [b-a]", /a range of characters in the wrong order/],
    ['root ::= "a"{3,2}', /bounds in the wrong order/],
    ['root ::= "a"{20000}', /repeats more than 10000 times/],
    ['root ::= "a" root', /no text satisfies the rule/],
    [`root ::= ${"(".repeat(60)}"a"${")".repeat(60)}`, /nests groups more than 50 deep/],
  ])("refuses %j", (grammar, message) => {
    expect(() => compile(grammar)).toThrow(message);
  });
});
