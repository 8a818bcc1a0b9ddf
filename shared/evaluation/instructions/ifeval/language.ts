/** IFEval's instructions on the language and case of a whole text. */
import { z } from "zod";
import { LANGUAGES, languageOf } from "../../text/language.ts";
import { isLower, isUpper } from "../../text/python-text.ts";
import { wordTokens } from "../../text/word-tokens.ts";
import { Count, instructionKind, isRelated, Relation } from "../kind.ts";

/** A text without letters is in any language. */
function isIn(text: string, language: string): boolean {
  return (languageOf(text) ?? language) === language;
}

export const responseLanguage = instructionKind(
  "language:response_language",
  { language: z.enum(LANGUAGES) },
  (text, { language }) => isIn(text, language),
);

export const englishCapital = instructionKind(
  "change_case:english_capital",
  {},
  // The detector knows words by how they are mostly written.
  (text) => isUpper(text) && isIn(text.toLowerCase(), "en"),
);

export const englishLowercase = instructionKind(
  "change_case:english_lowercase",
  {},
  (text) => isLower(text) && isIn(text, "en"),
);

/** Words in capitals; a single capital letter is one. */
export const capitalWordFrequency = instructionKind(
  "change_case:capital_word_frequency",
  { capital_frequency: Count, capital_relation: Relation },
  (text, { capital_frequency, capital_relation }) =>
    isRelated(wordTokens(text).filter(isUpper).length, capital_relation, capital_frequency),
);
