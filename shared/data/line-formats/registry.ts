import { alpaca, dolly } from "./alpaca.ts";
import { chat, gemini, lmsys, sharegpt } from "./chat.ts";
import { flan } from "./flan.ts";
import type { LineFormat } from "./format.ts";
import { PREFERENCES } from "./preference.ts";
import { plainText, promptCompletion } from "./prompt-completion.ts";
import { openorca, PAIRS } from "./question-answer.ts";

/**
 * A record is of the first format all of whose keys it has, null or not. Conversations come first, since datasets repeat their
 * first turn in a `prompt` and hold answers that were compared; a plain text last, since others have it rendered beside its parts.
 */
export const LINE_FORMATS: readonly LineFormat[] = [
  chat,
  sharegpt,
  lmsys,
  gemini,
  ...PREFERENCES,
  promptCompletion,
  openorca,
  alpaca,
  dolly,
  flan,
  ...PAIRS,
  plainText,
];

/** Every column that some format reads: the only ones that are worth decoding. */
export const KNOWN_COLUMNS: ReadonlySet<string> = new Set([
  ...LINE_FORMATS.flatMap(({ keys }) => keys),
  ...["tools", "functions", "parallel_tool_calls", "system", "system_prompt", "systemInstruction"],
  ...["input", "context", "history", "definition", "label"],
]);
