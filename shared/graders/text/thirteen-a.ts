import { splitWords, trimEnd } from "./words.ts";

/** Characters that are words of their own: all of ASCII's punctuation but the apostrophe, hyphen, comma and period. */
const SYMBOLS = /[{-~[-` -&(-+:-@/]/g;
const ENTITIES: readonly (readonly [entity: string, character: string])[] = [
  ["&quot;", '"'],
  ["&amp;", "&"],
  ["&lt;", "<"],
  ["&gt;", ">"],
];

/**
 * The words that BLEU counts, as mteval-v13a makes them and sacrebleu by default: symbols stand alone, and so do commas and
 * periods unless they are inside a number, and a hyphen after a digit. Knows no language: a text without spaces is one word.
 */
export function thirteenA(text: string): string[] {
  let line = trimEnd(text).replaceAll("<skipped>", "").replaceAll("-\n", "").replaceAll("\n", " ");
  for (const [entity, character] of ENTITIES) line = line.replaceAll(entity, character);
  const apart = ` ${line} `
    .replace(SYMBOLS, " $& ")
    .replace(/([^0-9])([.,])/gu, "$1 $2 ")
    .replace(/([.,])([^0-9])/gu, " $1 $2")
    .replace(/([0-9])(-)/g, "$1 $2 ");
  return splitWords(apart);
}
