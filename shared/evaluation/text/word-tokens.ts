/** Words and marks of an English text as nltk's word tokenizer separates them, in the manner of the Penn Treebank. */
import { SPACE, splitWords, strip, WORD } from "./python-text.ts";
import { sentencesOf } from "./sentences.ts";

type Rule = readonly [pattern: RegExp, replacement: string];

const EDGE = `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`;

const QUOTES: readonly Rule[] = [
  [/([«“‘„]|`+)/gu, " $1 "],
  [/^"/gu, "``"],
  [/(``)/gu, " $1 "],
  [/([ ([{<])("|'{2})/gu, "$1 `` "],
  [new RegExp(`(')(?!re|ve|ll|m|t|s|d|n)([${WORD}])${EDGE}`, "giu"), "$1 $2"],
];

const MARKS: readonly Rule[] = [
  [/([:,])(\P{Nd})/gu, " $1 $2"],
  [/([:,])(?=\n?$)/gu, " $1 "],
  [/\.{2,}/gu, " $& "],
  [/[;@#$%&]/gu, " $& "],
];

const BRACKETS: readonly Rule[] = [
  [/[?!]/gu, " $& "],
  [/([^'])' /gu, "$1 ' "],
  [/\*/gu, " $& "],
  [/[\][(){}<>]/gu, " $& "],
  [/--/gu, " -- "],
];

const ENDS: readonly Rule[] = [
  [/([»”’])/gu, " $1 "],
  [/''/gu, " '' "],
  [/"/gu, " '' "],
  [new RegExp(`[${SPACE}]+`, "gu"), " "],
  [/([^' ])('[sS]|'[mM]|'[dD]|') /gu, "$1 $2 "],
  [/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /gu, "$1 $2 "],
];

const contraction = (first: string, second: string, end = EDGE) =>
  [new RegExp(`${EDGE}(${first})(${second})${end}`, "giu"), " $1 $2 "] as const;
const CONTRACTIONS: readonly Rule[] = [
  contraction("can", "not"),
  contraction("d", "'ye"),
  contraction("gim", "me"),
  contraction("gon", "na"),
  contraction("got", "ta"),
  contraction("lem", "me"),
  contraction("more", "'n"),
  contraction("wan", "na", `(?=[${SPACE}])`),
  [new RegExp(` ('t)(is|was)${EDGE}`, "giu"), " $1 $2 "],
];

/** The words of all sentences. */
export function wordTokens(text: string): string[] {
  return sentencesOf(text).flatMap(tokensOfSentence);
}

/** Of one sentence. */
export function tokensOfSentence(sentence: string): string[] {
  let text = applied(sentence, QUOTES);
  text = separateLastPeriod(text, `])}>"'»”’ `, " ");
  text = applied(text, MARKS);
  text = separateLastPeriod(text, `])}>"'`, "");
  text = applied(text, BRACKETS);
  text = applied(applied(` ${text} `, ENDS), CONTRACTIONS);
  return splitWords(text);
}

function applied(text: string, rules: readonly Rule[]): string {
  return rules.reduce((changed, [pattern, replacement]) => changed.replace(pattern, replacement), text);
}

/**
 * Puts spaces around the last period if only closing marks and white space follow it, and no period stands right before it. As a
 * pattern, it would try every way to divide the white space.
 */
function separateLastPeriod(text: string, closing: string, between: string): string {
  const at = text.lastIndexOf(".");
  if (at < 1 || text[at - 1] === ".") return text;
  let end = at + 1;
  while (end < text.length && closing.includes(text[end]!)) end += 1;
  if (strip(text.slice(end)) !== "") return text;
  return `${text.slice(0, at)} .${between}${text.slice(at + 1, end)} `;
}
