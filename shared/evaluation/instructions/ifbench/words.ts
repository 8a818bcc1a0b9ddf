/** IFBench's instructions on every word of a text. */

import { beginsWithVerb } from "../../text/first-verb.ts";
import {
  firstOf,
  hasLetterOrDigit,
  lengthOf,
  PUNCTUATION,
  splitWords,
  strip,
  stripOf,
  withoutPunctuation,
} from "../../text/python-text.ts";
import { sentencesOf } from "../../text/sentences.ts";
import { syllablesOf } from "../../text/syllables.ts";
import { wordTokens } from "../../text/word-tokens.ts";
import { Count, instructionKind, Phrase, Place } from "../kind.ts";

/** The words without marks, in small letters. */
const plainWords = (text: string) => splitWords(withoutPunctuation(text.toLowerCase()));

const ALPHABET = "abcdefghijklmnopqrstuvwxyz";

/** Each word begins with the next letter, and `a` follows `z`. */
export const alphabet = instructionKind("words:alphabet", {}, (text) => {
  const letters = splitWords(withoutPunctuation(text)).map((word) => firstOf(word.toLowerCase())!);
  const start = letters[0] === undefined ? -1 : ALPHABET.indexOf(letters[0]);
  return start >= 0 && letters.every((letter, i) => letter === ALPHABET[(start + i) % 26]);
});

/** One paragraph with three vowels at most. */
export const vowel = instructionKind("words:vowel", {}, (text) => {
  const paragraph = strip(text);
  return !paragraph.includes("\n") && new Set(paragraph.toLowerCase().match(/[aeiou]/g)).size <= 3;
});

/** Two consonants side by side in every word. */
export const consonants = instructionKind("words:consonants", {}, (text) =>
  splitWords(text.toLowerCase()).every((word) => /[bcdfghj-np-tv-z]{2}/.test(word)),
);

/** Ten palindromes of five letters or more. */
export const palindrome = instructionKind("words:palindrome", {}, (text) => {
  const palindromes = plainWords(text).filter((word) => {
    const letters = [...word];
    return letters.length >= 5 && letters.every((letter, i) => letter === letters[letters.length - 1 - i]);
  });
  return palindromes.length >= 10;
});

const PRIMES = new Set([
  2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
]);

export const primeLengths = instructionKind("words:prime_lengths", {}, (text) =>
  splitWords(withoutPunctuation(text)).every((word) => PRIMES.has(lengthOf(word))),
);

export const repeats = instructionKind("words:repeats", { small_n: Count }, (text, { small_n }) => {
  const counts = new Map<string, number>();
  for (const word of plainWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts.values()].every((count) => count <= small_n);
});

export const startVerb = instructionKind("words:start_verb", {}, beginsWithVerb);

/** Words with odd and even numbers of syllables take turns. */
export const oddEvenSyllables = instructionKind("words:odd_even_syllables", {}, (text) => {
  const parities = plainWords(text).map((word) => syllablesOf(word) % 2);
  return parities.every((parity, i) => i === 0 || parity !== parities[i - 1]);
});

/** The last word of each sentence begins the next. */
export const lastFirst = instructionKind("words:last_first", {}, (text) => {
  const marks = `${PUNCTUATION} `;
  const sentences = sentencesOf(text);
  return sentences.slice(1).every((sentence, i) => {
    const last = splitWords(stripOf(sentences[i]!, marks, { start: false })).at(-1);
    const first = splitWords(stripOf(sentence, marks, { end: false }))[0];
    return last !== undefined && first !== undefined && last.toLowerCase() === first.toLowerCase();
  });
});

/** Each line ends with the word that it began with. */
export const paragraphLastFirst = instructionKind("words:paragraph_last_first", {}, (text) =>
  text.split("\n").every((line) => {
    const words = splitWords(stripOf(strip(line).toLowerCase(), `${PUNCTUATION} `));
    return words[0] === words.at(-1);
  }),
);

/** No two words in a row begin with the same letter. */
export const noConsecutive = instructionKind("words:no_consecutive", {}, (text) => {
  const letters = plainWords(text).map(firstOf);
  return letters.every((letter, i) => i === 0 || letter !== letters[i - 1]);
});

/** The keyword as the mth word of the nth sentence; marks are no words. */
export const keywordsSpecificPosition = instructionKind(
  "words:keywords_specific_position",
  { keyword: Phrase, n: Place, m: Place },
  (text, { keyword, n, m }) => {
    const sentence = sentencesOf(text)[n - 1];
    const words = sentence === undefined ? [] : wordTokens(sentence).filter(hasLetterOrDigit);
    return words[m - 1]?.toLowerCase() === keyword.toLowerCase();
  },
);

/** The keyword as the second word and as the last but one, before a mark at the end. */
export const wordsPosition = instructionKind("words:words_position", { keyword: Phrase }, (text, { keyword }) => {
  const words = wordTokens(text);
  const endsInMark = words.length >= 2 && PUNCTUATION.includes(words.at(-1)!);
  if (words.length < (endsInMark ? 3 : 2)) return false;
  return [words[1]!, words.at(endsInMark ? -3 : -2)!].every((word) => word.toLowerCase() === keyword.toLowerCase());
});
