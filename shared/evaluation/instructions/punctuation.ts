/** Which marks a text must not have. */
import { instructionKind } from "./kind.ts";

export const noCommas = instructionKind("no_commas", {}, (text) => !/[,，、،]/u.test(text));

/** A question mark at the end of every sentence is not asked for: one in the text is enough. */
export const question = instructionKind("question", {}, (text) => /[?？]/u.test(text));
