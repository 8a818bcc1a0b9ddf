/** IFBench's instructions on brackets, quotes, lines, lists and templates. */
import {
  countOf,
  hasSpace,
  isLower,
  isUpper,
  PUNCTUATION,
  sliceOf,
  splitWords,
  strip,
  stripOf,
  WORD,
  withoutPunctuation,
} from "../../text/python-text.ts";
import { sentencesOf } from "../../text/sentences.ts";
import { wordTokens } from "../../text/word-tokens.ts";
import { instructionKind, Phrase } from "../kind.ts";

const CLOSED_BY: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** Brackets five deep. One that closes another than the last one opened starts the count anew. */
export const parentheses = instructionKind("format:parentheses", {}, (text) => {
  let open: string[] = [];
  let deepest = 0;
  for (const character of text) {
    if (Object.hasOwn(CLOSED_BY, character)) {
      open.push(CLOSED_BY[character]!);
      deepest = Math.max(deepest, open.length);
    } else if (character === ")" || character === "]" || character === "}") {
      if (open.at(-1) !== character) {
        open = [];
        deepest = 0;
      } else {
        open.pop();
        if (deepest >= 5) return true;
      }
    }
  }
  return false;
});

/** Double and single quotes in turns, three deep and closed. */
export const quotes = instructionKind("format:quotes", {}, (text) => {
  const open: string[] = [];
  let deepest = 0;
  for (const character of text) {
    if (open.length > 0 && character === open.at(-1)) {
      open.pop();
      if (deepest - open.length >= 3) return true;
    } else if (character === '"' || character === "'") {
      open.push(character);
      deepest = Math.max(deepest, open.length);
    }
  }
  return false;
});

const LETTERED = new RegExp(`^[^${WORD}]*[aA][^${WORD}]*[bB][^${WORD}]*[cC]`, "u");

/** One of the options and nothing else. They are separated by `/`, by `or` or by commas; options a, b and c are taken to the letter. */
export const options = instructionKind("format:options", { options: Phrase }, (text, { options }) => {
  const separator = ["/", "or"].find((part) => options.includes(part)) ?? ",";
  const allowed = options.split(separator).map(strip);
  if (LETTERED.test(options)) return allowed.includes(text);
  const plain = (option: string) => stripOf(option, `${PUNCTUATION} `).toLowerCase();
  return allowed.some((option) => plain(option) === plain(text));
});

/** Each word on a line of its own. */
export const newline = instructionKind("format:newline", {}, (text) => {
  const plain = withoutPunctuation(text);
  const lines = strip(plain)
    .split("\n")
    .filter((line) => line !== "");
  return lines.length === splitWords(plain).length;
});

const EMOJI = /(?![0-9#*]|\p{Regional_Indicator})\p{Emoji}/u;
const isEmoji = (character: string | undefined) => character !== undefined && EMOJI.test(character);

/** An emoji ends each sentence, or begins the next. */
export const emoji = instructionKind("format:emoji", {}, (text) => {
  const sentences = sentencesOf(text).map((sentence) => [...strip(withoutPunctuation(sentence))]);
  return sentences.every((sentence, i) => {
    if (sentence.length === 0) return false;
    return isEmoji(sentence.at(-1)) || isEmoji(sentence.at(-2)) || isEmoji(sentences[i + 1]?.[0]);
  });
});

/** Each line is indented further than the one before it. */
export const lineIndent = instructionKind("format:line_indent", {}, (text) => {
  const indents = withoutSomeBlanks(text.split("\n")).map((line) => /^ */.exec(line)![0].length);
  return indents.every((indent, i) => i === 0 || indent > indents[i - 1]!);
});

/**
 * IFBench removes blank lines from the list that it walks through, and so passes over the line after each; of equal blank lines, the
 * first is removed.
 */
function withoutSomeBlanks(lines: readonly string[]): string[] {
  const kept: (string | undefined)[] = [];
  // Of each blank line, where it is kept, last first: any of several equal ones may go.
  const passed = new Map<string, number[]>();
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (strip(line) !== "") {
      kept.push(line);
      continue;
    }
    const earlier = passed.get(line)?.shift();
    if (earlier !== undefined) {
      kept[earlier] = undefined;
      passed.get(line)!.push(kept.push(line) - 1);
    }
    at += 1;
    const next = lines[at];
    if (next === undefined) break;
    const place = kept.push(next) - 1;
    if (strip(next) !== "") continue;
    const places = passed.get(next);
    if (places === undefined) passed.set(next, [place]);
    else places.push(place);
  }
  return kept.filter((line) => line !== undefined);
}

/** No quote right behind another, and none at the end. */
export const quoteUnquote = instructionKind("format:quote_unquote", {}, (text) => {
  const joined = splitWords(text.replaceAll(`'"'`, "")).join("");
  return !joined.includes('""') && !stripOf(joined, `0123456789${PUNCTUATION.replace('"', "")}`).endsWith('"');
});

/** The marker of list items, twice at least. */
export const list = instructionKind("format:list", { sep: Phrase }, (text, { sep }) => countOf(text, sep) >= 2);

/** Something in italics, by HTML, and text behind it. */
export const thesis = instructionKind("format:thesis", {}, (text) => {
  const from = text.includes("<i>") ? text.indexOf("<i>") : text.indexOf("<em>");
  if (from < 0) return false;
  const rest = text.slice(from);
  const end = rest.includes("</i>") ? rest.indexOf("</i>") : rest.indexOf("</em>");
  return end >= 0 && strip(rest.slice(3, end)) !== "" && strip(rest.slice(end + 4)) !== "";
});

/** A `-` behind each `*`, before the next. */
export const subBullets = instructionKind("format:sub-bullets", {}, (text) =>
  text
    .split("*")
    .slice(1)
    .every((bullet) => bullet.includes("-")),
);

/** Two sentences or more, then two lines or more that begin with `*`; IFBench takes a blank line for the end of the sentences. */
export const noBulletsBullets = instructionKind("format:no_bullets_bullets", {}, (text) => {
  let [sentences, bullets] = [0, 0];
  let isBefore = true;
  for (const line of text.split("\n").map(strip)) {
    if (line.startsWith("*")) {
      if (sentences < 2) return false;
      isBefore = false;
      bullets += 1;
    } else if (isBefore) {
      const count = sentencesOf(line).length;
      isBefore = count > 0;
      sentences += count;
    } else return false;
  }
  return bullets >= 2;
});

/** No word begins with a small letter. */
export const titleCase = instructionKind("format:title_case", {}, (text) =>
  wordTokens(text).every((word) => {
    const [first, rest] = [sliceOf(word, 0, 1), sliceOf(word, 1, word.length)];
    return !/^\p{L}/u.test(first) || !isLower(first) || (rest !== "" && !isLower(rest) && !isUpper(rest));
  }),
);

export const outputTemplate = instructionKind("format:output_template", {}, (text) =>
  ["My Answer:", "My Conclusion:", "Future Outlook:"].every((part) => text.includes(part)),
);

export const noWhitespace = instructionKind("format:no_whitespace", {}, (text) => !hasSpace(text));
