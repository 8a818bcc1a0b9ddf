import { alpaca } from "./alpaca.ts";
import { lima, ultrachat } from "./alternating.ts";
import { chat } from "./chat.ts";
import { dolly } from "./dolly.ts";
import { flan } from "./flan.ts";
import type { LineFormat } from "./format.ts";
import { gemini } from "./gemini.ts";
import { glaive, glaiveSample } from "./glaive.ts";
import { lmsys } from "./lmsys.ts";
import { naturalInstructions, naturalInstructionsTask } from "./natural-instructions.ts";
import { openAssistant, openAssistantMessage } from "./open-assistant.ts";
import { openorca } from "./openorca.ts";
import { p3 } from "./p3.ts";
import { PREFERENCES } from "./preference.ts";
import { promptCompletion } from "./prompt-completion.ts";
import { PAIRS } from "./question-answer.ts";
import { capybara } from "./rounds.ts";
import { selfInstruct } from "./self-instruct.ts";
import { sharegpt, sharegptItems } from "./sharegpt.ts";
import { plainText } from "./text.ts";
import { xlam } from "./xlam.ts";

/**
 * A record has the first format whose keys it all has, null or not, and which it fits. Conversations come first, since datasets
 * repeat their first turn in a `prompt` and keep compared answers beside them. Plain text comes last, since other formats often
 * include a rendered text.
 */
export const LINE_FORMATS: readonly LineFormat[] = [
  chat,
  lima,
  sharegpt,
  capybara,
  lmsys,
  gemini,
  sharegptItems,
  ultrachat,
  openAssistant,
  openAssistantMessage,
  glaive,
  glaiveSample,
  xlam,
  ...PREFERENCES,
  promptCompletion,
  openorca,
  selfInstruct,
  alpaca,
  dolly,
  naturalInstructions,
  naturalInstructionsTask,
  p3,
  flan,
  ...PAIRS,
  plainText,
];

/** Formats that are known so that their records are refused with advice: nothing can be learned from them as they are. */
export const REFUSED_FORMATS: readonly LineFormat[] = [openAssistantMessage, ...PREFERENCES];

/** Every column that a format reads; only these are worth decoding. */
export const KNOWN_COLUMNS: ReadonlySet<string> = new Set(
  LINE_FORMATS.flatMap(({ keys, columns = [] }) => [...keys, ...columns]),
);
