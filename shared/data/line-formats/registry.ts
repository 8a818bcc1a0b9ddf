import { alpaca, dolly } from "./alpaca.ts";
import { chat, gemini, lmsys, sharegpt } from "./chat.ts";
import { flan } from "./flan.ts";
import type { LineFormat } from "./format.ts";
import { PREFERENCES } from "./preference.ts";
import { plainText, promptCompletion } from "./prompt-completion.ts";
import { openorca, PAIRS } from "./question-answer.ts";

/**
 * A record has the first format whose keys it all has, null or not. Conversations come first, since datasets repeat
 * their first turn in a `prompt` and keep compared answers beside them. Plain text comes last, since other formats
 * often include a rendered text.
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

/** Every column that a format reads; only these are worth decoding. */
export const KNOWN_COLUMNS: ReadonlySet<string> = new Set([
  ...LINE_FORMATS.flatMap(({ keys }) => keys),
  ...["tools", "functions", "parallel_tool_calls", "system", "system_prompt", "systemInstruction"],
  ...["input", "context", "history", "definition", "label"],
]);
