/** Which words and letters a text must have, and which not. */
import { z } from "zod";
import { BOUNDS, instructionKind, isWithin, Phrase } from "./kind.ts";

const Words = z.array(Phrase).min(1).max(20);

const pattern = (phrase: string) => phrase.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
/** At the edges of words, in any alphabet: `\b` knows only ASCII. */
const wholeWord = (phrase: string) => new RegExp(`(?<![\\p{L}\\p{N}_])${pattern(phrase)}(?![\\p{L}\\p{N}_])`, "giu");

/** All of the words, anywhere and in any case. */
export const keywords = instructionKind("keywords", { words: Words }, (text, { words }) =>
  words.every((word) => text.toLowerCase().includes(word.toLowerCase())),
);

/** None of the words, as whole words. */
export const forbiddenWords = instructionKind("forbidden_words", { words: Words }, (text, { words }) =>
  words.every((word) => !wholeWord(word).test(text)),
);

/** How often a word occurs, as a whole word. */
export const keywordFrequency = instructionKind("keyword_frequency", { word: Phrase, ...BOUNDS }, (text, settings) =>
  isWithin(text.match(wholeWord(settings.word))?.length ?? 0, settings),
);

/** How often a letter occurs, in either case. */
export const letterFrequency = instructionKind(
  "letter_frequency",
  { letter: z.string().regex(/^\p{L}$/u, "must be one letter"), ...BOUNDS },
  (text, settings) => isWithin(text.toLowerCase().split(settings.letter.toLowerCase()).length - 1, settings),
);
