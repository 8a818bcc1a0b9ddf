/**
 * Reads completions with a label that says whether they are desirable:
 *
 *   {"prompt", "completion", "label": true}   texts or lists of turns
 *   {"messages", "label": true}               the last turn is the completion
 */
import { TrimtabError } from "../errors.ts";
import { type JsonlOptions, parseJsonl } from "../formats/jsonl.ts";
import { quoteName } from "../formats/strict-json.ts";
import { Columns, isRecord, kindOf, type RecordPlace, recordError } from "./columns.ts";
import { readCompletion, readLastTurn, readWritten } from "./completion.ts";
import type { TrainingMessage } from "./example.ts";
import { readTools } from "./tools.ts";
import { isMetadata } from "./training-lines.ts";

export interface UnpairedPreference {
  readonly prompt: string | readonly TrainingMessage[];
  readonly completion: string | readonly TrainingMessage[];
  /** Whether it is desirable. */
  readonly label: boolean;
  readonly tools?: readonly unknown[];
}

export interface UnpairedLine {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly unpaired: UnpairedPreference;
}

export interface UnpairedRecord {
  readonly unpaired: UnpairedPreference;
  /** The parts of the record that are left out, by name. */
  readonly ignored: readonly string[];
}

/** The columns that a labelled completion is read from. */
export const UNPAIRED_COLUMNS = ["prompt", "completion", "messages", "label", "tools", "functions"] as const;

/** Whether a record has a completion with a label of two values. */
export function isUnpairedRecord(value: Readonly<Record<string, unknown>>): boolean {
  return isLabel(value.label) && (value.completion != null || value.messages != null);
}

const isLabel = (value: unknown) => typeof value === "boolean" || value === 0 || value === 1;

/** Every line of a file in memory. Throws `invalid_file` at the first line that is wrong. */
export function* parseUnpaired(bytes: Uint8Array, options: JsonlOptions = {}): Generator<UnpairedLine, void> {
  const { name: file = "the file" } = options;
  let records = 0;
  for (const { number, value } of parseJsonl(bytes, options)) {
    records += 1;
    if (isMetadata(value, records)) continue;
    yield { line: number, unpaired: readUnpairedRecord(value, { number, unit: "line", file }).unpaired };
  }
}

/** Reads one record. Throws `invalid_file` with its place, the field and what to change. */
export function readUnpairedRecord(value: unknown, place: RecordPlace): UnpairedRecord {
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  const columns = new Columns(value, place);
  if (value.completion == null && value.messages == null) {
    const found = Object.keys(value).slice(0, 8).map(quoteName).join(", ") || "none";
    throw recordError(
      place,
      ` is no labelled completion: its fields are ${found}; expected prompt + completion + label, or messages + label`,
    );
  }
  const label = columns.take("label");
  if (!isLabel(label)) {
    throw columns.error("label", `must be true for a desirable completion or false for another, not ${kindOf(label)}`);
  }
  const tools = readTools(columns);
  const read = value.completion == null ? readLastTurn(columns, "messages") : answered(columns);
  const unpaired = { ...read, label: Boolean(label), ...(tools === undefined ? {} : { tools }) };
  return { unpaired, ignored: columns.ignored() };
}

/** Throws `invalid_file` unless a file has both labels, without which there is nothing to tell apart. */
export function requireBothLabels(lines: Iterable<UnpairedLine>, name: string): void {
  requireLabels(new Set([...lines].map(({ unpaired }) => String(unpaired.label))), name);
}

/** The same, given the labels that occur. */
export function requireLabels(labels: ReadonlySet<string>, name: string): void {
  if (labels.size !== 1) return;
  const [only] = labels;
  throw new TrimtabError(
    "invalid_file",
    `every line of ${name} has the label ${only}; completions of both labels are needed to learn what sets them apart`,
  );
}

function answered(columns: Columns): Pick<UnpairedPreference, "prompt" | "completion"> {
  return { prompt: readWritten(columns, "prompt"), completion: readCompletion(columns, "completion") };
}
