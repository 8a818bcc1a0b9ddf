/**
 * Contrast pairs: two texts that differ in what a steering vector should capture, `{"positive", "negative"}`. Each side
 * is a text, or a conversation; a `prompt`, a text or a conversation, stands before both.
 */
import { type JsonlOptions, parseJsonl } from "../../formats/jsonl.ts";
import { quoteName } from "../../formats/strict-json.ts";
import { Columns, isRecord, type RecordPlace, recordError } from "../columns.ts";
import { assistantTurn, chatExample, type Example, type TrainingMessage, userTurn } from "../example.ts";
import { holdsMessages, readMessages } from "../messages.ts";
import { isMetadata } from "../training-lines.ts";
import type { DatasetKind } from "./kind.ts";

export const CONTRAST_KEYS = ["positive", "negative"] as const;
export type ContrastKey = (typeof CONTRAST_KEYS)[number];

/** The columns that a pair is read from. */
export const CONTRAST_COLUMNS = ["prompt", ...CONTRAST_KEYS] as const;

export type ContrastText = string | readonly TrainingMessage[];

export interface ContrastPair {
  readonly prompt?: ContrastText;
  readonly positive: ContrastText;
  readonly negative: ContrastText;
}

export interface ContrastLine {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly pair: ContrastPair;
}

export interface ContrastRecord {
  readonly pair: ContrastPair;
  /** The parts of the record that are left out, by name. */
  readonly ignored: readonly string[];
}

/** Every pair of a file in memory. Throws `invalid_file` at the first line that is not a pair. */
export function* parseContrastPairs(bytes: Uint8Array, options: JsonlOptions = {}): Generator<ContrastLine, void> {
  const { name: file = "the file" } = options;
  let records = 0;
  for (const { number, value } of parseJsonl(bytes, options)) {
    records += 1;
    if (isMetadata(value, records)) continue;
    yield { line: number, pair: readContrastRecord(value, { number, unit: "line", file }).pair };
  }
}

/** Whether a record has both sides of a pair. */
export function isContrastRecord(value: unknown): boolean {
  return isRecord(value) && CONTRAST_KEYS.every((key) => Object.hasOwn(value, key));
}

/** Reads one record. Throws `invalid_file` with its place, the field and what to change: sides that are empty or equal, say. */
export function readContrastRecord(value: unknown, place: RecordPlace): ContrastRecord {
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  if (!isContrastRecord(value)) {
    const found = Object.keys(value).slice(0, 8).map(quoteName).join(", ") || "none";
    throw recordError(place, ` is not a contrast pair: its fields are ${found}; expected positive and negative`);
  }
  const columns = new Columns(value, place);
  const positive = readSide(columns, "positive");
  const negative = readSide(columns, "negative");
  const prompt = readPrompt(columns);
  if (JSON.stringify(positive) === JSON.stringify(negative)) {
    throw columns.error("negative", "is the same as positive, and equal texts have no difference; change one of them");
  }
  return {
    pair: { ...(prompt === undefined ? {} : { prompt }), positive, negative },
    ignored: columns.ignored(),
  };
}

function readSide(columns: Columns, name: ContrastKey): ContrastText {
  const side = readText(columns, name);
  const last = typeof side === "string" ? side : side.at(-1)!.content;
  if (last.trim() === "") throw columns.error(name, "must not be empty");
  return side;
}

function readPrompt(columns: Columns): ContrastText | undefined {
  const prompt = columns.take("prompt");
  return prompt === undefined || prompt === "" ? undefined : readText(columns, "prompt");
}

function readText(columns: Columns, name: string): ContrastText {
  return holdsMessages(columns.take(name)) || Array.isArray(columns.take(name))
    ? readMessages(columns, name)
    : columns.text(name);
}

/** A text after its prompt, as a dry run shows it. */
export function shownExample(prompt: ContrastText | undefined, text: ContrastText): Example {
  if (typeof text === "string" && (prompt === undefined || typeof prompt === "string")) {
    return { kind: "completion", prompt: prompt ?? "", completion: text };
  }
  const turns = (given: ContrastText, asTurn: (text: string) => TrainingMessage) =>
    typeof given === "string" ? [asTurn(given)] : given;
  return chatExample([...(prompt === undefined ? [] : turns(prompt, userTurn)), ...turns(text, assistantTurn)]);
}

/** Whether an example is read to where the assistant's reply would begin. */
export function endsOpen(example: Example): boolean {
  return example.kind === "chat" && example.messages.at(-1)?.role !== "assistant";
}

/** Pairs of texts or conversations that differ in one respect. */
export const contrastPairs: DatasetKind = {
  holds: 'pairs of texts, {"positive", "negative"}',
  columns: CONTRAST_COLUMNS,
  recognises: (record) => CONTRAST_KEYS.every((key) => record[key] != null),
  read(value, place) {
    const { pair, ignored } = readContrastRecord(value, place);
    const examples = CONTRAST_KEYS.map((key) => shownExample(pair.prompt, pair[key]));
    return { examples, layout: "contrast pair", ignored, trainable: true, prompts: examples.some(endsOpen) };
  },
};
