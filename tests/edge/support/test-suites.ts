import { SUITES } from "../../../shared/evaluation/suites/registry.ts";
import type {
  ChooseItem,
  ChooseSuite,
  GenerateSuite,
  Suite,
  SuiteItem,
} from "../../../shared/evaluation/suites/suite.ts";

type Word = SuiteItem & { readonly word: string; readonly answer: string };

/** A suite of each mode, small enough to be followed. */
export const SHOUTING: GenerateSuite<Word> = {
  mode: "generate",
  name: "test_shouting",
  title: "Shouting",
  description: "Says a word in capitals.",
  scores: { shouted: "The share of words in capitals; higher is better", length: "Characters of a reply" },
  items: () =>
    ["ahoy", "belay", "heave"].map((word) => ({ id: word, group: "words", word, answer: word.toUpperCase() })),
  input_messages: [{ role: "user", content: "{{item.word}}" }],
  max_tokens: 8,
  criteria: [
    {
      type: "string_check",
      name: "exact",
      operation: "eq",
      input: "{{sample.output_text}}",
      reference: "{{item.answer}}",
    },
  ],
  measure: (_, results) => ({
    shouted: {
      kind: "share",
      values: results.map(({ grades }) => grades.exact!),
      items: results.map(({ item }) => item),
    },
    length: { kind: "mean", values: results.map(({ text }) => text.length), items: results.map(({ item }) => item) },
  }),
};

export const CHOOSING: ChooseSuite<ChooseItem> = {
  mode: "choose",
  name: "test_choosing",
  title: "Choosing",
  description: "Finds the likelier end.",
  scores: { right: "The share of right choices; higher is better" },
  items: () => [
    { id: "a", group: "ends", prompt: "Sun", choices: [" rise", " dive"], answer: 0 },
    { id: "b", group: "ends", prompt: "Moon", choices: [" dive", " rise"], answer: 0 },
  ],
  measure: (items, results) => ({
    right: {
      kind: "share",
      values: results.map(({ item, logprobs }) =>
        logprobs.indexOf(Math.max(...logprobs)) === items[item]!.answer ? 1 : 0,
      ),
      items: results.map(({ item }) => item),
    },
  }),
};

/** Adds both to the suites that ship, for the tests of one file. */
export function addTestSuites(): void {
  const all = SUITES as Suite[];
  for (const suite of [SHOUTING, CHOOSING] as unknown as Suite[]) if (!all.includes(suite)) all.push(suite);
}
