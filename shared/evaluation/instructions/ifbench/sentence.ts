/** IFBench's instructions on each sentence of a text. */
import { findPhrase, firstOf, PUNCTUATION, splitWords, stripOf, withoutPunctuation } from "../../text/python-text.ts";
import { sentencesOf } from "../../text/sentences.ts";
import { Count, instructionKind, Phrase, Place } from "../kind.ts";

/** Each sentence has more words that alliterate with the word before them than the sentence before it. */
export const alliterationIncrement = instructionKind("sentence:alliteration_increment", {}, (text) => {
  let previous = -1;
  return sentencesOf(text).every((sentence) => {
    const count = alliterationOf(sentence);
    const isMore = count > previous;
    previous = count;
    return isMore;
  });
});

/** The words in runs of two or more with the same first letter. */
function alliterationOf(sentence: string): number {
  const letters = splitWords(sentence.toLowerCase())
    .map((word) => firstOf(stripOf(word, `${PUNCTUATION} `, { end: false })))
    .filter((letter) => letter !== undefined);
  return letters.filter((letter, i) => letter === letters[i - 1] || letter === letters[i + 1]).length;
}

/** The keyword in the Nth sentence, by itself and in any case. */
export const keyword = instructionKind("sentence:keyword", { word: Phrase, N: Place }, (text, { word, N }) => {
  const sentence = sentencesOf(text)[N - 1];
  return sentence !== undefined && findPhrase(word, { whole: true }).test(sentence);
});

/** Each sentence has exactly so many words more than the one before it. */
export const increment = instructionKind("sentence:increment", { small_n: Count }, (text, { small_n }) => {
  const counts = sentencesOf(text).map((sentence) => splitWords(withoutPunctuation(sentence)).length);
  return counts.every((count, i) => i === 0 || count === counts[i - 1]! + small_n);
});
