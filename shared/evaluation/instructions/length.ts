/** How long a text must be. */
import { z } from "zod";
import { BOUNDS, instructionKind, isWithin } from "./kind.ts";

/** Runs of letters, digits and `_`, as IFEval counts words; an apostrophe separates. */
export const words = instructionKind("words", BOUNDS, (text, bounds) =>
  isWithin(text.match(/[\p{L}\p{N}\p{M}_]+/gu)?.length ?? 0, bounds),
);

/** What ends in `.`, `!` or `?` before white space or the end; a rest without such an end counts too. */
export const sentences = instructionKind("sentences", BOUNDS, (text, bounds) => {
  let count = 0;
  let hasLetter = false;
  for (const word of text.split(/\s+/u)) {
    hasLetter ||= /[\p{L}\p{N}]/u.test(word);
    if (!hasLetter || !endsSentence(word)) continue;
    count += 1;
    hasLetter = false;
  }
  return isWithin(count + Number(hasLetter), bounds);
});

/** A mark that ends a sentence, and nothing but closing quotes and brackets behind it. */
function endsSentence(word: string): boolean {
  let end = word.length;
  while (end > 0 && `"'”’)]`.includes(word[end - 1]!)) end -= 1;
  return end > 0 && ".!?".includes(word[end - 1]!);
}

/** Parts with a blank line, or a line of `***`, between them. */
export const paragraphs = instructionKind(
  "paragraphs",
  { exactly: z.int().min(1).max(100) },
  (text, { exactly }) =>
    text.split(/\n\s*(?:\*\*\*\s*)?\n|\s?\*\*\*\s?/u).filter((part) => part.trim() !== "").length === exactly,
);
