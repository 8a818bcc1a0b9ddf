/** IFBench's instructions on shares: of kinds of sentences, of stop words, and of what a text has in common with another. */
import { z } from "zod";
import { lengthOf, strip, wordsIn } from "../../text/python-text.ts";
import { sentencesOf } from "../../text/sentences.ts";
import { STOP_WORDS } from "../../text/stop-words.ts";
import { instructionKind, LongText } from "../kind.ts";

const Percentage = z.number().min(0).max(100);

export const stopWords = instructionKind("ratio:stop_words", { percentage: Percentage }, (text, { percentage }) => {
  const words = wordsIn(text);
  if (words.length === 0) return false;
  const stops = words.filter((word) => STOP_WORDS.has(word.toLowerCase())).length;
  return (stops / words.length) * 100 <= percentage;
});

function endingIn(sentences: readonly string[], mark: string): number {
  return sentences.filter((sentence) => sentence.endsWith(mark)).length;
}

/** Two statements to each question. */
export const sentenceType = instructionKind("ratio:sentence_type", {}, (text) => {
  const sentences = sentencesOf(text);
  return endingIn(sentences, ".") === 2 * endingIn(sentences, "?");
});

/** As many statements as questions and exclamations. */
export const sentenceBalance = instructionKind("ratio:sentence_balance", {}, (text) => {
  const sentences = sentencesOf(text);
  const [statements, questions, calls] = [".", "?", "!"].map((mark) => endingIn(sentences, mark));
  return statements === questions && questions === calls;
});

/** Three sentences of the same number of characters. IFBench does not look whether their words differ. */
export const sentenceWords = instructionKind("ratio:sentence_words", {}, (text) => {
  const lengths = sentencesOf(text).map((sentence) => lengthOf(strip(sentence)));
  return lengths.length === 3 && new Set(lengths).size === 1;
});

/** The share of the text's runs of three characters that are in the reference too, within 2 points. */
export const overlap = instructionKind(
  "ratio:overlap",
  { reference_text: LongText, percentage: Percentage },
  (text, { reference_text, percentage }) => {
    const [own, reference] = [trigramsOf(text), trigramsOf(reference_text)];
    if (own.size === 0) return false;
    let shared = 0;
    for (const trigram of own) if (reference.has(trigram)) shared += 1;
    const share = (shared / own.size) * 100;
    return share >= percentage - 2 && share <= percentage + 2;
  },
);

function trigramsOf(text: string): Set<string> {
  const characters = [...text];
  return new Set(characters.slice(2).map((character, i) => characters[i]! + characters[i + 1]! + character));
}
