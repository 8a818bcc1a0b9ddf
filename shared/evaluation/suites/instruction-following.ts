import { INSTRUCTION_PROMPTS } from "../instruction-prompts.ts";
import type { Instruction } from "../instructions/registry.ts";
import { type Graded, gradedOf, gradedShare } from "./grades.ts";
import type { GenerateSuite, SuiteItem } from "./suite.ts";

interface InstructionItem extends SuiteItem {
  readonly prompt: string;
  readonly instructions: readonly Instruction[];
}

/** Prompts in the published form, whose ids and settings are IFEval's and IFBench's. */
const PUBLISHED_FORM: readonly (readonly [prompt: string, ...instructions: Instruction[]])[] = [
  ["Describe a harbour. Use the words gull and rope.", { kind: "keywords:existence", keywords: ["gull", "rope"] }],
  [
    "Write about winter. The word snow must appear at least 3 times.",
    { kind: "keywords:frequency", keyword: "snow", frequency: 3, relation: "at least" },
  ],
  [
    "Describe a garden without the words flower and tree.",
    { kind: "keywords:forbidden_words", forbidden_words: ["flower", "tree"] },
  ],
  [
    "Write one sentence in which the letter m appears at least 5 times.",
    { kind: "keywords:letter_frequency", letter: "m", let_frequency: 5, let_relation: "at least" },
  ],
  ["Answer in Spanish only: what do you eat for breakfast?", { kind: "language:response_language", language: "es" }],
  [
    "Explain what a bridge is for in fewer than 4 sentences.",
    { kind: "length_constraints:number_sentences", num_sentences: 4, relation: "less than" },
  ],
  [
    "Write two paragraphs about trains. Separate them with ***.",
    { kind: "length_constraints:number_paragraphs", num_paragraphs: 2 },
  ],
  [
    "Write a note to a neighbour in fewer than 40 words and without commas.",
    { kind: "length_constraints:number_words", num_words: 40, relation: "less than" },
    { kind: "punctuation:no_comma" },
  ],
  [
    "Write a form letter with at least 3 placeholders in square brackets, such as [name].",
    { kind: "detectable_content:number_placeholders", num_placeholders: 3 },
  ],
  [
    "Give exactly 4 tips for packing a bag, as bullets that begin with *.",
    { kind: "detectable_format:number_bullet_lists", num_bullets: 4 },
  ],
  [
    "Give two different names for a boat, and separate them with six asterisks: ******.",
    { kind: "combination:two_responses" },
  ],
  ["WRITE A GREETING IN ENGLISH, IN CAPITAL LETTERS ONLY.", { kind: "change_case:english_capital" }],
  ["Write a greeting with no whitespace in it.", { kind: "format:no_whitespace" }],
  ["Write each word of a short greeting on a line of its own.", { kind: "format:newline" }],
  ["Count from 10 to 50, but print only the multiples of 7.", { kind: "custom:multiples" }],
  [
    "Use at least 3 different coordinating conjunctions in a text about rain.",
    { kind: "count:conjunctions", small_n: 3 },
  ],
  [
    "Write three sentences. Each must have exactly 1 word more than the one before it.",
    { kind: "sentence:increment", small_n: 1 },
  ],
  [
    "Answer with one of yes/no/maybe and nothing else: is ice cold?",
    { kind: "format:options", options: "yes/no/maybe" },
  ],
  ["Name three towns. Each word of your answer must begin with a capital.", { kind: "format:title_case" }],
  ["Describe the sea in words of which none is used more than twice.", { kind: "words:repeats", small_n: 2 }],
];

const ITEMS: readonly InstructionItem[] = [
  ...INSTRUCTION_PROMPTS.map(({ prompt, instructions }, i) => ({
    ...{ id: `plain-${i + 1}`, group: "plain", prompt, instructions },
  })),
  ...PUBLISHED_FORM.map(([prompt, ...instructions], i) => ({
    ...{ id: `published-${i + 1}`, group: "published", prompt, instructions },
  })),
];

const criterion = (mode: "strict" | "loose") => ({
  ...{ type: "instructions", name: mode, mode, instructions: "{{item.instructions}}" },
});

/** Each instruction of each reply: the grade is the share that is followed. */
function ofInstructions(graded: readonly Graded<InstructionItem>[], mode: "strict" | "loose") {
  const all = graded.flatMap(({ item, index, grade }) => {
    const followed = Math.round(grade(mode) * item.instructions.length);
    return item.instructions.map((_, i) => ({ value: Number(i < followed), index }));
  });
  return { kind: "share" as const, values: all.map(({ value }) => value), items: all.map(({ index }) => index) };
}

export const instructionFollowing: GenerateSuite<InstructionItem> = {
  name: "instruction_following",
  title: "Verifiable instructions",
  description:
    "Short requests whose instructions a program can verify: lengths, words, case, lists, formats. IFEval's four accuracies.",
  scores: {
    prompt_strict: "Of the prompts, those whose every instruction is followed to the letter. Higher is better.",
    prompt_loose: "The same, where the reply may have a line around the answer, or asterisks in it. Higher is better.",
    instruction_strict: "Of all instructions, those that are followed to the letter. Higher is better.",
    instruction_loose: "The same, loosely. Higher is better.",
  },
  mode: "generate",
  items: () => ITEMS,
  input_messages: [{ role: "user", content: "{{item.prompt}}" }],
  max_tokens: 160,
  criteria: [criterion("strict"), criterion("loose")],
  measure(items, results) {
    const graded = gradedOf(items, results);
    const all = (mode: string) => gradedShare(graded, ({ grade }) => Number(grade(mode) === 1));
    return {
      prompt_strict: all("strict"),
      prompt_loose: all("loose"),
      instruction_strict: ofInstructions(graded, "strict"),
      instruction_loose: ofInstructions(graded, "loose"),
    };
  },
};
