/** IFBench's instructions on how many words, names, numbers and marks a text has. */
import { countOf, PUNCTUATION, splitWords, stripOf, withoutPunctuation, wordsIn } from "../../text/python-text.ts";
import { wordTokens } from "../../text/word-tokens.ts";
import { Count, instructionKind, Phrase, Place } from "../kind.ts";

export const wordCountRange = instructionKind(
  "count:word_count_range",
  { min_words: Count, max_words: Count },
  (text, { min_words, max_words }) => {
    const count = wordsIn(text).length;
    return count >= min_words && count <= max_words;
  },
);

/** A word without the marks around it; a mark by itself is an empty word, which IFBench counts as one. */
export const bare = (word: string) => stripOf(word, `${PUNCTUATION} `);

export const uniqueWordCount = instructionKind(
  "count:unique_word_count",
  { N: Count },
  (text, { N }) => new Set(splitWords(text.toLowerCase()).map(bare)).size >= N,
);

const CONJUNCTIONS = new Set(["and", "but", "for", "nor", "or", "so", "yet"]);

/** As they are written: `and` and `And` are two. */
export const conjunctions = instructionKind(
  "count:conjunctions",
  { small_n: Count },
  (text, { small_n }) =>
    new Set(splitWords(text).filter((word) => CONJUNCTIONS.has(bare(word).toLowerCase()))).size >= small_n,
);

const NAMES = [
  ..."Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason Mia Ethan Charlotte Alexander Amelia Benjamin".split(
    " ",
  ),
  ..."Harper Leo Zoe Daniel Chloe Samuel Lily Matthew Grace Owen Abigail Gabriel Ella Jacob Scarlett Nathan".split(" "),
  ..."Victoria Elijah Layla Nicholas Audrey David Hannah Christopher Penelope Thomas Nora Andrew Aria Joseph".split(
    " ",
  ),
  ..."Claire Ryan Stella Jonathan".split(" "),
];

/** Of the names that IFBench's prompts list. */
export const personNames = instructionKind("count:person_names", { N: Count }, (text, { N }) => {
  const words = new Set(wordsIn(text));
  return NAMES.filter((name) => words.has(name)).length >= N;
});

/** Runs of digits, once the marks within numbers are gone. */
export const numbers = instructionKind(
  "count:numbers",
  { N: Count },
  (text, { N }) => (withoutPunctuation(text).match(/\p{Nd}+/gu)?.length ?? 0) === N,
);

/** Each of `.,!?;:`, and `?!`, `!?` or `‽` besides. */
export const punctuation = instructionKind("count:punctuation", {}, (text) => {
  if (!/!\?|\?!|‽/u.test(text)) return false;
  const rest = text.includes("?!") ? text.replace("?!", "") : text.replace("!?", "");
  return [...".,!?;:"].every((mark) => rest.includes(mark));
});

/** Every Nth word, but for marks and numbers, has a character that Japanese is written with. */
export const wordsJapanese = instructionKind("count:words_japanese", { N: Place }, (text, { N }) =>
  splitWords(text).every((word, i) => {
    const inner = bare(word);
    if ((i + 1) % N !== 0 || inner === "" || /^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u.test(inner)) return true;
    return /[\u3040-\u30ff\u4e00-\u9fff]/u.test(inner);
  }),
);

const PRONOUNS = new Set(
  [
    "i me we us you he him she her it they them my mine our ours your yours his hers its their theirs myself ourselves",
    "yourself yourselves himself herself itself themselves this that these those who whom whose which what whoever whomever",
    "whatever whichever anybody anyone anything everybody everyone everything nobody nothing somebody someone something each",
    "either neither both all some any none",
  ].flatMap((words) => words.split(" ")),
);

export const pronouns = instructionKind(
  "count:pronouns",
  { N: Count },
  (text, { N }) => wordTokens(text.replaceAll("/", " ").toLowerCase()).filter((word) => PRONOUNS.has(word)).length >= N,
);

/** Five keywords once, twice, three, five and seven times. */
export const keywordsMultiple = instructionKind(
  "count:keywords_multiple",
  { keyword1: Phrase, keyword2: Phrase, keyword3: Phrase, keyword4: Phrase, keyword5: Phrase },
  (text, { keyword1, keyword2, keyword3, keyword4, keyword5 }) => {
    const lower = text.toLowerCase();
    const counts = [keyword1, keyword2, keyword3, keyword4, keyword5].map((word) => countOf(lower, word.toLowerCase()));
    return counts.join() === "1,2,3,5,7";
  },
);
