/** How a text must begin and end. */
import { instructionKind, Phrase } from "./kind.ts";

/** Quotation marks around a text do not belong to what it ends with. */
const bare = (text: string) =>
  text
    .trim()
    .replace(/^["“]+|["”]+$/gu, "")
    .trim()
    .toLowerCase();

export const startsWith = instructionKind("starts_with", { phrase: Phrase }, (text, { phrase }) =>
  bare(text).startsWith(phrase.toLowerCase()),
);

/** With nothing after it. */
export const endsWith = instructionKind("ends_with", { phrase: Phrase }, (text, { phrase }) =>
  bare(text).endsWith(phrase.toLowerCase()),
);

/** The whole text in double quotation marks. */
export const quoted = instructionKind("quoted", {}, (text) => /^["“].*["”]$/su.test(text.trim()));

/** A postscript: a line that begins with `P.S.` or `P.P.S`, with something behind it. */
export const postscript = instructionKind("postscript", {}, (text) =>
  text.split("\n").some((line) => /^p\.\s?(?:p\.\s?)?s(?:\.|(?=\s))[^\S\n]*[^\s.]/iu.test(line.trimStart())),
);
