/** IFEval's instructions on words and letters. Words are texts here; IFEval reads some of them as patterns. */
import { z } from "zod";
import { countOf, findPhrase } from "../../text/python-text.ts";
import { Count, instructionKind, isRelated, Phrase, Relation } from "../kind.ts";

const Words = z.array(Phrase).min(1).max(100);

/** Every keyword, anywhere and in any case. */
export const existence = instructionKind("keywords:existence", { keywords: Words }, (text, { keywords }) =>
  keywords.every((keyword) => findPhrase(keyword, { whole: false }).test(text)),
);

export const frequency = instructionKind(
  "keywords:frequency",
  { keyword: Phrase, frequency: Count, relation: Relation },
  (text, { keyword, frequency, relation }) =>
    isRelated(text.match(findPhrase(keyword, { whole: false }))?.length ?? 0, relation, frequency),
);

/** None of the words by itself. */
export const forbiddenWords = instructionKind(
  "keywords:forbidden_words",
  { forbidden_words: Words },
  (text, { forbidden_words }) => forbidden_words.every((word) => !findPhrase(word, { whole: true }).test(text)),
);

/** For a character that is no English letter, IFEval draws another letter; here, that character is counted. */
export const letterFrequency = instructionKind(
  "keywords:letter_frequency",
  {
    letter: z.string().regex(/^[^\s]$/u, "must be one character"),
    let_frequency: Count,
    let_relation: Relation,
  },
  (text, { letter, let_frequency, let_relation }) =>
    isRelated(countOf(text.toLowerCase(), letter.toLowerCase()), let_relation, let_frequency),
);
