/** IFBench's instructions that are one request each: lists, counts and texts in reverse. */
import { firstOf, PUNCTUATION, splitWords, strip, stripOf, WORD, withoutPunctuation } from "../../text/python-text.ts";
import { sentencesOf } from "../../text/sentences.ts";
import { instructionKind } from "../kind.ts";

/** The multiples of 7 from 10 to 50, and no other number. */
export const multiples = instructionKind(
  "custom:multiples",
  {},
  (text) => (text.match(/\p{Nd}+/gu) ?? []).join() === "14,21,28,35,42,49",
);

const OPTION = new RegExp(`^[A-Ea-e][.|)]\\s*[${WORD}]`, "u");

/** Four questions of five options, each longer than the one before it, with nothing before the first. */
export const mcqCountLength = instructionKind("custom:mcq_count_length", {}, (text) => {
  if (!text.startsWith("Question")) return false;
  const questions = text
    .split(/Question \p{Nd}+[.|):;]?/u)
    .map(strip)
    .filter((question) => question !== "");
  if (questions.length !== 4) return false;
  const lengths = questions.map(lengthOfQuestion);
  return lengths.every((length, i) => length !== undefined && (i === 0 || length > lengths[i - 1]!));
});

/** The characters before its options; undefined for a question without five of them. */
function lengthOfQuestion(question: string): number | undefined {
  const lines = question.split("\n").map(strip);
  const options = lines.filter((line) => OPTION.test(line));
  if (options.length !== 5) return undefined;
  const before = lines.slice(0, lines.indexOf(options[0]!));
  return [...strip(before.map((line) => ` ${line}`).join(""))].length;
}

/** Without accents, and without what ASCII has not. */
function ascii(text: string): string {
  return text.normalize("NFKD").replaceAll(/[^\0-\x7f]/g, "");
}

/** Lines in reverse order from one that names Zimbabwe on: 52 at least. */
export const reverseNewline = instructionKind("custom:reverse_newline", {}, (text) => {
  const lines = text
    .split("\n")
    .map((line) => stripOf(line, `${PUNCTUATION} `))
    .filter((line) => line !== "");
  const from = lines.findIndex((line) => line.includes("Zimbabwe"));
  const listed = from < 0 ? [] : lines.slice(from).map(ascii);
  return listed.length >= 52 && listed.every((line, i) => i === 0 || line <= listed[i - 1]!);
});

/** The words of one sentence from last to first, with the bald eagle in it. */
export const wordReverse = instructionKind("custom:word_reverse", {}, (text) => {
  const turned = splitWords(withoutPunctuation(text.toLowerCase())).reverse().join(" ");
  return turned.includes("bald eagle") && sentencesOf(turned).includes(turned);
});

export const characterReverse = instructionKind("custom:character_reverse", {}, (text) =>
  text.toLowerCase().includes("elgae dlab"),
);

/** 26 sentences that begin with a to z. */
export const sentenceAlphabet = instructionKind("custom:sentence_alphabet", {}, (text) => {
  const letters = sentencesOf(text).map((sentence) => firstOf(strip(sentence).toLowerCase()));
  return letters.join("") === "abcdefghijklmnopqrstuvwxyz";
});

const CAPITALS = [
  ..."Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam".split(
    " ",
  ),
  ..."Warsaw London Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana".split(
    " ",
  ),
  "Zagreb",
];

/** The capitals of Europe north of 45 degrees, from north to south. */
export const europeanCapitalsSort = instructionKind("custom:european_capitals_sort", {}, (text) => {
  const names = ascii(text)
    .split(",")
    .map(strip)
    .filter((name) => name !== "");
  return names.join() === CAPITALS.join();
});

/** Dates of Napoleon's life, with commas between them. */
export const dateFormatList = instructionKind("custom:date_format_list", {}, (text) =>
  text.split(",").every((part) => {
    const [, year, month, day] = /^(\p{Nd}{4})-(\p{Nd}{2})-(\p{Nd}{2})$/u.exec(strip(part))?.map(Number) ?? [];
    if (year === undefined || year < 1769 || year > 1821 || month! > 12) return false;
    // A month of 0 has any day, as IFBench has it.
    return day! <= ([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month!] || 99);
  }),
);
