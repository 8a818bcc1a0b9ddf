/**
 * Sentences of an English text, as nltk's Punkt tokenizer finds them (Kiss and Strunk, "Unsupervised Multilingual Sentence Boundary
 * Detection", 2006). Each period, question or exclamation mark before white space or closing punctuation may end a sentence; the words
 * around it decide. In time linear in the text.
 */
import { ABBREVIATIONS, ALSO_UPPER, COLLOCATIONS, NEVER_UPPER, SENTENCE_STARTERS } from "./punkt-english.ts";
import { SPACE, stripEnd, WORD } from "./python-text.ts";

interface Model {
  readonly abbreviations: ReadonlySet<string>;
  readonly collocations: ReadonlySet<string>;
  readonly starters: ReadonlySet<string>;
  readonly neverUpper: ReadonlySet<string>;
  readonly alsoUpper: ReadonlySet<string>;
}

let loaded: Model | undefined;

/** Unpacked where it is first needed. */
function model(): Model {
  loaded ??= {
    abbreviations: new Set(ABBREVIATIONS.split(" ")),
    collocations: new Set(COLLOCATIONS.split("\n")),
    starters: new Set(SENTENCE_STARTERS.split(" ")),
    neverUpper: new Set(unfronted(NEVER_UPPER)),
    alsoUpper: new Set(unfronted(ALSO_UPPER)),
  };
  return loaded;
}

function* unfronted(text: string): Generator<string> {
  let previous = "";
  for (const [, shared, rest] of text.replaceAll("\n", "").matchAll(/([0-9A-Z])([^0-9A-Z]*)/g)) {
    previous = previous.slice(0, Number.parseInt(shared!, 36)) + rest;
    yield previous;
  }
}

/** Punctuation that no word has within. */
const NON_WORD = `[)";}\\]*:@'({[!?]`;
const MULTIPLE = `(?:-{2,}|\\.{2,}|(?:\\.[${SPACE}]){2,}\\.)`;
const NOT_SPACE = `[^${SPACE}]`;
/** A mark that may end a sentence, with what follows it. */
const MARK = new RegExp(`[.?!](?=(?<after>${NON_WORD}|[${SPACE}]+(?<next>${NOT_SPACE}+)))`, "dgu");
const WORD_END = `(?=[${SPACE}]|$|${NON_WORD}|${MULTIPLE}|,(?=$|[${SPACE}]|${NON_WORD}|${MULTIPLE}))`;
const TOKEN = new RegExp(`${MULTIPLE}|(?=[^("\`{[:;&#*@)}\\]\\-,])${NOT_SPACE}+?${WORD_END}|${NOT_SPACE}`, "gu");
/** Closing punctuation at the start of a part, which belongs to the sentence before it. */
const CLOSING = new RegExp(`^["')\\]}]+?(?:[${SPACE}]+|(?=--)|(?=\\n|$))`, "u");

const NUMERIC = /^-?[.,]?\p{Nd}[\p{Nd},.-]*\.?$/u;
const INITIAL = new RegExp(`^(?!\\p{Nd})[${WORD}]\\.$`, "u");

export function sentencesOf(text: string): string[] {
  const parts: [from: number, to: number][] = [];
  let from = 0;
  for (const { end, next, context } of candidates(text)) {
    if (!endsSentence(context)) continue;
    parts.push([from, end]);
    from = next ?? end;
  }
  parts.push([from, Math.max(from, stripEnd(text).length)]);
  return realigned(text, parts);
}

interface Candidate {
  /** Behind the mark. */
  readonly end: number;
  /** Where the next word starts, if white space is between. */
  readonly next: number | undefined;
  /** The word that the mark ends, the mark, and what follows. */
  readonly context: string;
}

/** Of marks that end the same word, the last. */
function* candidates(text: string): Generator<Candidate> {
  let word: [from: number, to: number] = [0, 0];
  let previous: Candidate | undefined;
  for (const match of text.matchAll(MARK)) {
    const space = lastSpace(text, word[1], match.index);
    const found: [number, number] = [space ?? word[0], match.index];
    if (previous !== undefined && word[1] <= found[0]) yield previous;
    word = found;
    const end = match.index + 1;
    const context = text.slice(...word) + match[0] + match.groups!.after;
    previous = { end, next: match.indices!.groups!.next?.[0], context };
  }
  if (previous !== undefined) yield previous;
}

/** Behind the last white space between the places, unless it is the first character there. */
function lastSpace(text: string, from: number, to: number): number | undefined {
  for (let at = to - 1; at > from; at--) if (isAsciiSpace(text[at]!)) return at + 1;
  return undefined;
}

function isAsciiSpace(character: string): boolean {
  return " \t\n\r\v\f".includes(character);
}

interface Token {
  readonly text: string;
  /** In small letters; numbers are all one. */
  readonly type: string;
  readonly isPeriodFinal: boolean;
  isBreak: boolean;
  isAbbreviation: boolean;
  isEllipsis: boolean;
}

/** Whether a token other than the last ends a sentence. */
function endsSentence(context: string): boolean {
  const tokens = context
    .split("\n")
    .flatMap((line) => line.match(TOKEN) ?? [])
    .map(annotated);
  for (const [i, token] of tokens.entries()) {
    const next = tokens[i + 1];
    if (next === undefined) break;
    reconsider(token, next);
    if (token.isBreak) return true;
  }
  return false;
}

/** What a token is by itself. */
function annotated(text: string): Token {
  const lower = text.toLowerCase();
  const type = NUMERIC.test(lower) ? "##number##" : lower;
  const token: Token = {
    ...{ text, type, isPeriodFinal: text.endsWith(".") },
    ...{ isBreak: false, isAbbreviation: false, isEllipsis: false },
  };
  if (text === "." || text === "?" || text === "!") token.isBreak = true;
  else if (/^\.\.+$/.test(text)) token.isEllipsis = true;
  else if (token.isPeriodFinal && !text.endsWith("..")) {
    const bare = lower.slice(0, -1);
    const { abbreviations } = model();
    token.isAbbreviation = abbreviations.has(bare) || abbreviations.has(bare.slice(bare.lastIndexOf("-") + 1));
    token.isBreak = !token.isAbbreviation;
  }
  return token;
}

const withoutPeriod = (type: string) => (type.length > 1 && type.endsWith(".") ? type.slice(0, -1) : type);

/** What the token behind it says of a token that ends in a period. */
function reconsider(token: Token, next: Token): void {
  if (!token.isPeriodFinal) return;
  const { collocations, starters, neverUpper, alsoUpper } = model();
  const type = withoutPeriod(token.type);
  const nextType = next.isBreak ? withoutPeriod(next.type) : next.type;
  const isInitial = INITIAL.test(token.text);
  const abbreviate = () => {
    token.isBreak = false;
    token.isAbbreviation = true;
  };
  if (collocations.has(`${type} ${nextType}`)) {
    abbreviate();
    return;
  }
  const isCapital = /^\p{Uppercase}/u.test(next.text);
  if ((token.isAbbreviation || token.isEllipsis) && !isInitial) {
    if (startsSentence(next, nextType) === true || (isCapital && starters.has(nextType))) {
      token.isBreak = true;
      return;
    }
  }
  if (!isInitial && type !== "##number##") return;
  const starts = startsSentence(next, nextType);
  if (starts === false) abbreviate();
  else if (starts === undefined && isInitial && isCapital && !neverUpper.has(nextType) && !alsoUpper.has(nextType)) {
    abbreviate();
  }
}

/** Whether the token's letters say that it starts a sentence; undefined where they say nothing. */
function startsSentence(token: Token, type: string): boolean | undefined {
  if (/^[;:,.!?]$/.test(token.text)) return false;
  if (/^\p{Uppercase}/u.test(token.text) && model().neverUpper.has(type)) return true;
  return /^\p{Lowercase}/u.test(token.text) ? false : undefined;
}

/** Moves closing quotes and brackets at the start of a part to the part before it. */
function realigned(text: string, parts: readonly (readonly [from: number, to: number])[]): string[] {
  const sentences: string[] = [];
  let moved = 0;
  for (const [i, [start, to]] of parts.entries()) {
    const from = start + moved;
    const next = parts[i + 1];
    const closing = next === undefined ? null : CLOSING.exec(text.slice(...next));
    if (closing === null) {
      moved = 0;
      if (to > from) sentences.push(text.slice(from, to));
      continue;
    }
    moved = closing[0].length;
    sentences.push(text.slice(from, next![0] + stripEnd(closing[0]).length));
  }
  return sentences;
}
