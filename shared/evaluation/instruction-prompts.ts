/** Prompts with verifiable instructions for models whose folder brings none. */
import type { InstructionPrompt } from "./instructions/registry.ts";

export const INSTRUCTION_PROMPTS: readonly InstructionPrompt[] = [
  { prompt: "Say hello. Use no commas.", instructions: [{ kind: "no_commas" }] },
  { prompt: "Describe a dog in at most 15 words.", instructions: [{ kind: "words", at_most: 15 }] },
  { prompt: "Describe the sea in at least 20 words.", instructions: [{ kind: "words", at_least: 20 }] },
  { prompt: "Who are you? Answer in one sentence.", instructions: [{ kind: "sentences", at_least: 1, at_most: 1 }] },
  {
    prompt: "Write about the moon. Use the word light.",
    instructions: [{ kind: "keywords", words: ["light"] }],
  },
  {
    prompt: "Write about bread without the word flour.",
    instructions: [{ kind: "forbidden_words", words: ["flour"] }],
  },
  {
    prompt: "Write a sentence with the word green at least twice.",
    instructions: [{ kind: "keyword_frequency", word: "green", at_least: 2 }],
  },
  { prompt: "Say good morning in small letters only.", instructions: [{ kind: "lower_case" }] },
  { prompt: "SAY GOOD NIGHT IN CAPITAL LETTERS ONLY.", instructions: [{ kind: "upper_case" }] },
  {
    prompt: "Name three colours as a list of 3 bullets that begin with *.",
    instructions: [{ kind: "bullet_list", exactly: 3 }],
  },
  {
    prompt: "Name two animals as a list of 2 bullets that begin with -.",
    instructions: [{ kind: "bullet_list", exactly: 2 }],
  },
  { prompt: "Give the name Anna and the age 7 as JSON.", instructions: [{ kind: "json" }] },
  { prompt: "Answer in JSON alone: what is the capital of France?", instructions: [{ kind: "json" }] },
  { prompt: "Begin your answer with Yes. Is the sky blue?", instructions: [{ kind: "starts_with", phrase: "Yes" }] },
  {
    prompt: "End your answer with the words that is all. What is your name?",
    instructions: [{ kind: "ends_with", phrase: "that is all" }],
  },
  { prompt: "Put your whole answer in double quotation marks. How are you?", instructions: [{ kind: "quoted" }] },
  { prompt: "Ask me a question.", instructions: [{ kind: "question" }] },
  { prompt: "Write a title in double angle brackets, such as <<Rain>>.", instructions: [{ kind: "title" }] },
  {
    prompt: "Write an invitation with one placeholder in square brackets.",
    instructions: [{ kind: "placeholders", at_least: 1 }],
  },
  { prompt: "Name a fruit and highlight it with *asterisks*.", instructions: [{ kind: "highlights", at_least: 1 }] },
  { prompt: "Say goodbye and add a postscript that begins with P.S.", instructions: [{ kind: "postscript" }] },
  {
    prompt: "Repeat these words without commas and in small letters: Red, Blue, Green",
    instructions: [
      { kind: "no_commas" },
      { kind: "lower_case" },
      { kind: "keywords", words: ["red", "blue", "green"] },
    ],
  },
  {
    prompt: "Thank me in at most 10 words. Use the word friend and no commas.",
    instructions: [{ kind: "words", at_most: 10 }, { kind: "keywords", words: ["friend"] }, { kind: "no_commas" }],
  },
  {
    prompt: "What is 2 + 2? Answer in one sentence of at least 4 words.",
    instructions: [
      { kind: "sentences", at_least: 1, at_most: 1 },
      { kind: "words", at_least: 4 },
    ],
  },
];
