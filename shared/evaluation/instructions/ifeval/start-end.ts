/** IFEval's instructions on how a text ends, on marks around it, and on commas. */
import { strip, stripOf } from "../../text/python-text.ts";
import { instructionKind, LongText } from "../kind.ts";

/** The phrase at the end, with nothing but quotation marks after it. */
export const endChecker = instructionKind("startend:end_checker", { end_phrase: LongText }, (text, { end_phrase }) =>
  stripOf(strip(text), '"').toLowerCase().endsWith(strip(end_phrase).toLowerCase()),
);

/** The whole text in double quotation marks. */
export const quotation = instructionKind("startend:quotation", {}, (text) => {
  const bare = strip(text);
  return bare.length > 1 && bare.startsWith('"') && bare.endsWith('"');
});

export const noComma = instructionKind("punctuation:no_comma", {}, (text) => !text.includes(","));
