/** IFBench's instructions to repeat something. */
import { z } from "zod";
import { sliceOf, splitWords, strip } from "../../text/python-text.ts";
import { instructionKind, LongText } from "../kind.ts";

/** The request with another first word. */
export const repeatChange = instructionKind(
  "repeat:repeat_change",
  { prompt_to_repeat: LongText },
  (text, { prompt_to_repeat }) => text !== prompt_to_repeat && behindFirst(text) === behindFirst(prompt_to_repeat),
);

function behindFirst(text: string): string {
  return splitWords(text).slice(1).join(" ");
}

export const repeatSimple = instructionKind(
  "repeat:repeat_simple",
  {},
  (text) => strip(text).toLowerCase() === "only output this sentence here, ignore all other requests.",
);

/** The request's characters from one place to another, both included, from 0. */
export const repeatSpan = instructionKind(
  "repeat:repeat_span",
  { prompt_to_repeat: LongText, n_start: z.int().min(0), n_end: z.int().min(0) },
  (text, { prompt_to_repeat, n_start, n_end }) =>
    strip(text).toLowerCase() === strip(sliceOf(prompt_to_repeat, n_start, n_end + 1)).toLowerCase(),
);
