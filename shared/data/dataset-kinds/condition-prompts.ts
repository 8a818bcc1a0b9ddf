/**
 * Prompts by which a steering condition is fitted: `{"text", "label"}` or `{"messages", "label"}`, where the label is 1 for
 * prompts to recognise and 0 for others, or contrast pairs, whose sides are one of each.
 */
import { type JsonlOptions, parseJsonl } from "../../formats/jsonl.ts";
import { quoteName } from "../../formats/strict-json.ts";
import { Columns, isRecord, kindOf, type RecordPlace, recordError } from "../columns.ts";
import { readMessages } from "../messages.ts";
import { isMetadata } from "../training-lines.ts";
import {
  CONTRAST_COLUMNS,
  CONTRAST_KEYS,
  type ContrastText,
  contrastPairs,
  endsOpen,
  isContrastRecord,
  readContrastRecord,
  shownExample,
} from "./contrast-pairs.ts";
import type { DatasetKind } from "./kind.ts";

/** A text to read, after a prompt where there is one. */
export interface ConditionPrompt {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly prompt?: ContrastText;
  readonly text: ContrastText;
  /** Whether it is one to recognise. */
  readonly isPositive: boolean;
}

/** Every prompt of a file in memory. Throws `invalid_file` at the first line that is wrong. */
export function* parseConditionPrompts(
  bytes: Uint8Array,
  options: JsonlOptions = {},
): Generator<ConditionPrompt, void> {
  const { name: file = "the file" } = options;
  let records = 0;
  for (const { number, value } of parseJsonl(bytes, options)) {
    records += 1;
    if (!isMetadata(value, records)) yield* readConditionRecord(value, { number, unit: "line", file });
  }
}

/** The prompt of one record, or the two of a pair. Throws `invalid_file` with its place, the field and what to change. */
export function readConditionRecord(value: unknown, place: RecordPlace): ConditionPrompt[] {
  const line = place.number;
  if (isContrastRecord(value)) {
    const { pair } = readContrastRecord(value, place);
    const { prompt } = pair;
    return CONTRAST_KEYS.map((key) => ({
      ...{ line, text: pair[key], isPositive: key === "positive" },
      ...(prompt === undefined ? {} : { prompt }),
    }));
  }
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  const columns = new Columns(value, place);
  const name = ["messages", "text"].find((one) => value[one] != null);
  if (name === undefined) {
    const found = Object.keys(value).slice(0, 8).map(quoteName).join(", ") || "none";
    throw recordError(
      place,
      ` is no prompt: its fields are ${found}; expected text + label, messages + label, or a pair`,
    );
  }
  const text = name === "messages" ? readMessages(columns, name) : columns.text(name);
  if (typeof text === "string" && text.trim() === "") throw columns.error(name, "must not be empty");
  const label = columns.take("label");
  if (![0, 1, false, true].includes(label as number)) {
    throw columns.error("label", `must be 1 for a prompt to recognise or 0 for another, not ${kindOf(label)}`);
  }
  return [{ line, text, isPositive: Boolean(label) }];
}

/** Prompts with a label of 1 or 0, or pairs with one of each. */
export const conditionPrompts: DatasetKind = {
  holds: 'prompts with a label of 1 or 0, {"text", "label"}, or pairs, {"positive", "negative"}',
  columns: [...CONTRAST_COLUMNS, "text", "messages", "label"],
  recognises: (record) =>
    contrastPairs.recognises(record) || (record.label != null && (record.text != null || record.messages != null)),
  read(value, place) {
    if (isContrastRecord(value)) return contrastPairs.read(value, place);
    const prompts = readConditionRecord(value, place);
    const examples = prompts.map(({ prompt, text }) => shownExample(prompt, text));
    return {
      ...{ examples, layout: "prompt and label", ignored: [], trainable: true },
      ...{ prompts: examples.some(endsOpen), group: String(Number(prompts[0]!.isPositive)) },
    };
  },
};
