/** Whether a text begins with a verb, by a table of what nltk's tagger takes for one. */
import { FIRST_VERBS } from "./first-verbs.ts";
import { isPunctuation } from "./python-text.ts";
import { wordTokens } from "./word-tokens.ts";

let loaded: ReadonlyMap<string, readonly [capital: number, small: number]> | undefined;

function verbs(): ReadonlyMap<string, readonly [capital: number, small: number]> {
  loaded ??= new Map(
    Object.entries(FIRST_VERBS).flatMap(([masks, words]) => {
      const [capital, small] = [masks.slice(0, 2), masks.slice(2)].map((mask) => Number.parseInt(mask, 16));
      return words.split(" ").map((word) => [word, [capital!, small!]] as const);
    }),
  );
  return loaded;
}

const DETERMINERS = new Set(
  "your my his her this that these those all each its their our some any no every".split(" "),
);
const PREPOSITIONS = new Set(
  "to in on at of for with from as by into about out up down over off through against".split(" "),
);

/** The first two sentences hold the words that decide. */
const LOOKED_AT = 2_000;

export function beginsWithVerb(text: string): boolean {
  const [first, next = "."] = wordTokens(text.trimStart().slice(0, LOOKED_AT));
  if (first === undefined) return false;
  const masks = verbs().get(first.toLowerCase());
  if (masks === undefined) return /^[A-Z]?[a-z]{3,}(?:ing|ed)$/.test(first) && !NO_VERBS.test(first);
  return ((masks[/^[a-z]/.test(first) ? 1 : 0] >> bitOf(next)) & 1) === 1;
}

/** What ends like a form of a verb and is none. */
const NO_VERBS = /thing$|(?:morn|even|ceil|build|wedd|spr|str|s)ing$|[^aeiou]red$/i;

function bitOf(next: string): number {
  const lower = next.toLowerCase();
  if (lower === "a" || lower === "an") return 0;
  if (lower === "the") return 1;
  if (DETERMINERS.has(lower)) return 2;
  if (PREPOSITIONS.has(lower)) return 3;
  if (isPunctuation(next[0]!)) return 4;
  return /^\p{Uppercase}/u.test(next) ? 5 : 6;
}
