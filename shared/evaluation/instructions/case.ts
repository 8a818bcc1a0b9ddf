/** How a text's letters must be written. */
import { BOUNDS, instructionKind, isWithin } from "./kind.ts";

/** No capital letter, and at least one small one. */
export const lowerCase = instructionKind(
  "lower_case",
  {},
  (text) => /\p{Ll}/u.test(text) && !/[\p{Lu}\p{Lt}]/u.test(text),
);

/** No small letter, and at least one capital. */
export const upperCase = instructionKind(
  "upper_case",
  {},
  (text) => /\p{Lu}/u.test(text) && !/[\p{Ll}\p{Lt}]/u.test(text),
);

/** How many words are in capitals; a single capital letter is a word too, as in IFEval. */
export const capitalWords = instructionKind("capital_words", BOUNDS, (text, bounds) => {
  const words = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  return isWithin(words.filter((word) => /\p{Lu}/u.test(word) && !/\p{Ll}/u.test(word)).length, bounds);
});
