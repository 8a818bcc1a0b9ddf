/** IFEval's instructions on how long a text is. */
import { SPACE, splitWords, strip, stripOf, wordsIn } from "../../text/python-text.ts";
import { sentencesOf } from "../../text/sentences.ts";
import { Count, instructionKind, isRelated, Phrase, Place, Relation } from "../kind.ts";

export const numberSentences = instructionKind(
  "length_constraints:number_sentences",
  { num_sentences: Count, relation: Relation },
  (text, { num_sentences, relation }) => isRelated(sentencesOf(text).length, relation, num_sentences),
);

export const numberWords = instructionKind(
  "length_constraints:number_words",
  { num_words: Count, relation: Relation },
  (text, { num_words, relation }) => isRelated(wordsIn(text).length, relation, num_words),
);

const DIVIDER = new RegExp(`[${SPACE}]?\\*\\*\\*[${SPACE}]?`, "u");

/** Paragraphs with `***` between them; the first and the last may be empty and do not count then. */
export const numberParagraphs = instructionKind(
  "length_constraints:number_paragraphs",
  { num_paragraphs: Count },
  (text, { num_paragraphs }) => {
    const parts = text.split(DIVIDER).map(strip);
    const empty = parts.flatMap((part, i) => (part === "" ? [i] : []));
    if (empty.some((i) => i !== 0 && i !== parts.length - 1)) return false;
    return parts.length - empty.length === num_paragraphs;
  },
);

/** Paragraphs with a blank line between them, of which one begins with a word. */
export const nthParagraphFirstWord = instructionKind(
  "length_constraints:nth_paragraph_first_word",
  { num_paragraphs: Place, nth_paragraph: Place, first_word: Phrase },
  (text, { num_paragraphs, nth_paragraph, first_word }) => {
    const paragraphs = text.split("\n\n").map(strip);
    const count = paragraphs.filter((paragraph) => paragraph !== "").length;
    // The nth of all parts, empty ones too, as IFEval takes it.
    const first = nth_paragraph <= count ? splitWords(paragraphs[nth_paragraph - 1]!)[0] : undefined;
    if (first === undefined) return false;
    const bare = stripOf(stripOf(first, "'", { end: false }), '"', { end: false });
    return count === num_paragraphs && /^[^.,?!'"]*/u.exec(bare)![0].toLowerCase() === first_word.toLowerCase();
  },
);
