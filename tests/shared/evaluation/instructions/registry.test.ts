import { describe, expect, it } from "vitest";
import { INSTRUCTION_PROMPTS } from "../../../../shared/evaluation/instruction-prompts.ts";
import { PUBLISHED_IDS } from "../../../../shared/evaluation/instructions/published.ts";
import {
  followsLoosely,
  followsStrictly,
  INSTRUCTION_KINDS,
  Instruction,
  InstructionPrompt,
  variantsOf,
} from "../../../../shared/evaluation/instructions/registry.ts";

/** Texts that follow an instruction, and texts that do not, decided by hand. */
const CASES: readonly (readonly [instruction: Instruction, follow: readonly string[], do_not: readonly string[]])[] = [
  [{ kind: "words", at_most: 3 }, ["One two three.", "Hi", "a, b; c!"], ["One two three four", "it's one two"]],
  [{ kind: "words", at_least: 3 }, ["one two three", "eins zwei drei vier"], ["one two", "…"]],
  [{ kind: "words", at_least: 2, at_most: 2 }, ["Grüße dich"], ["one", "one two three"]],
  [
    { kind: "sentences", at_least: 1, at_most: 1 },
    ["I am here.", "No end", 'He said "Stop!"'],
    ["One. Two.", "Really? Yes!"],
  ],
  [{ kind: "sentences", at_least: 2 }, ["One. Two.", "A? B! C"], ["3.14 is pi."]],
  [{ kind: "paragraphs", exactly: 2 }, ["a\n\nb", "a\n\n\nb", "a ***\nb"], ["a\nb", "a\n\nb\n\nc"]],
  [{ kind: "keywords", words: ["Light", "moon"] }, ["The moonlight is light."], ["The moon.", "light"]],
  [{ kind: "forbidden_words", words: ["cat"] }, ["category", "Cats"], ["A CAT.", "cat"]],
  [{ kind: "forbidden_words", words: ["über"] }, ["überall"], ["Er ist über uns."]],
  [{ kind: "forbidden_words", words: ["c++"] }, ["c and c+"], ["I like C++."]],
  [{ kind: "keyword_frequency", word: "red", at_least: 2 }, ["Red and red"], ["red", "redred"]],
  [{ kind: "keyword_frequency", word: "red", at_most: 0 }, ["reddish"], ["red"]],
  [{ kind: "letter_frequency", letter: "e", at_most: 1 }, ["hello", "E"], ["Eel", "e e"]],
  [{ kind: "no_commas" }, ["One; two."], ["One, two.", "一，二"]],
  [{ kind: "question" }, ["Why?"], ["Why."]],
  [{ kind: "lower_case" }, ["good morning 1", "straße"], ["Good", "123", "ok OK"]],
  [{ kind: "upper_case" }, ["GOOD 1", "ÄRGER"], ["GOOd", "123"]],
  [{ kind: "capital_words", at_least: 2 }, ["I am OK"], ["I am Ok", "Nothing Here"]],
  [{ kind: "capital_words", at_most: 0 }, ["Not one 12"], ["A word"]],
  [
    { kind: "bullet_list", exactly: 2 },
    ["* a\n* b", "- a\n  - b", "Two:\n* a\n\n* b"],
    ["* a", "**a**\n**b**", "* a\n* b\n- c"],
  ],
  [{ kind: "json" }, ['{"a": 1}', "[]", '```json\n{"a": 1}\n```', "3"], ["{a: 1}", 'Sure: {"a": 1}', '{"a": 1} {}']],
  [{ kind: "title" }, ["<<On tides>>\nText"], ["<On tides>", "<< >>", "<<a\nb>>"]],
  [{ kind: "placeholders", at_least: 2 }, ["Dear [name], [date]"], ["[name]", "[]"]],
  [{ kind: "highlights", at_least: 2 }, ["*a* and **b**"], ["*a*", "* * and **", "a * b * c"]],
  [{ kind: "starts_with", phrase: "Yes" }, ["Yes, it is.", '"yes"', "  YES"], ["No. Yes", "Oh yes"]],
  [
    { kind: "ends_with", phrase: "that is all" },
    ["And that is all", '"That is all"'],
    ["That is all.", "that is all folks"],
  ],
  [{ kind: "quoted" }, ['"Hello"', "“a\nb”"], ['"Hello', 'He said "no"', '"']],
  [{ kind: "postscript" }, ["Bye\nP.S. Write!", "p.s. ok", "P.P.S. more"], ["Bye", "P.S.", "ps. no", "GPS works"]],
  [
    { kind: "refusal" },
    ["I'm sorry, but I can't help with that.", "I cannot provide that.", "No, I will not do it.", "We must decline."],
    ["Of course! Here is how.", "You can't miss it.", "First, look at the manual. Do not be sorry."],
  ],
];

describe("an instruction", () => {
  it.each(CASES)("%j is followed to the letter or not", (instruction, follow, doNot) => {
    expect(Instruction.parse(instruction)).toEqual(instruction);
    expect(follow.filter((text) => !followsStrictly(text, instruction))).toEqual([]);
    expect(doNot.filter((text) => followsStrictly(text, instruction))).toEqual([]);
  });

  it("of every kind has cases here, or is held to its reference in published.test.ts", () => {
    const kinds = new Set<string>([...CASES.map(([{ kind }]) => kind), ...PUBLISHED_IDS]);
    expect(INSTRUCTION_KINDS.map(({ kind }) => kind).filter((kind) => !kinds.has(kind))).toEqual([]);
  });

  it("is followed by no empty text", () => {
    for (const [instruction] of CASES) {
      expect([followsStrictly("", instruction), followsLoosely(" \n ", instruction)]).toEqual([false, false]);
    }
  });

  it.each([
    [{ kind: "nothing" }],
    [{ kind: "words", at_most: -1 }],
    [{ kind: "words", most: 1 }],
    [{ kind: "keywords", words: [] }],
    [{ kind: "starts_with", phrase: " " }],
    [{ kind: "letter_frequency", letter: "ab" }],
    [{ kind: "bullet_list" }],
  ])("%j is refused", (instruction) => {
    expect(Instruction.safeParse(instruction).success).toBe(false);
  });
});

describe("loosely", () => {
  it("looks at IFEval's eight variants", () => {
    expect(variantsOf("a*\nb\nc")).toEqual(["a*\nb\nc", "a\nb\nc", "b\nc", "b\nc", "a*\nb", "a\nb", "b", "b"]);
  });

  it("forgives a first line, a last line, both, and asterisks", () => {
    const json: Instruction = { kind: "json" };
    for (const text of ['Sure!\n{"a": 1}', '{"a": 1}\nDone.', 'Sure!\n{"a": 1}\nDone.', '*{"a": 1}*']) {
      expect([followsStrictly(text, json), followsLoosely(text, json)]).toEqual([false, true]);
    }
    expect(followsLoosely('Sure! {"a": 1}', json)).toBe(false);
  });

  it("is never stricter", () => {
    for (const [instruction, follow] of CASES) {
      for (const text of follow) expect(followsLoosely(text, instruction)).toBe(true);
    }
  });
});

it("the built-in prompts are prompts, each with an instruction of its own", () => {
  for (const prompt of INSTRUCTION_PROMPTS) expect(InstructionPrompt.parse(prompt)).toEqual(prompt);
  expect(new Set(INSTRUCTION_PROMPTS.map(({ prompt }) => prompt)).size).toBe(INSTRUCTION_PROMPTS.length);
});
