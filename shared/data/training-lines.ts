/**
 * Reads the records of a supervised dataset, whatever their format, as one kind of example. The edge uses this to check
 * an upload and the trainer to read it, so every accepted dataset can be trained on.
 */
import { type JsonlOptions, parseJsonl } from "../formats/jsonl.ts";
import { quoteName } from "../formats/strict-json.ts";
import { Columns, isRecord, type RecordPlace, recordError } from "./columns.ts";
import type { Example } from "./example.ts";
import { PREFERENCES } from "./line-formats/preference.ts";
import { LINE_FORMATS } from "./line-formats/registry.ts";

export interface TrainingLine {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly example: Example;
}

export interface TrainingRecord {
  readonly example: Example;
  /** The name of its format in the registry. */
  readonly format: string;
  /** The parts of the record that are left out of training, by name. */
  readonly ignored: readonly string[];
}

/** Every line of an in-memory dataset. Throws `invalid_file` at the first bad line. */
export function* parseTrainingFile(
  bytes: Uint8Array,
  options: JsonlOptions = {},
): Generator<TrainingLine, void, undefined> {
  let records = 0;
  for (const { number, value } of parseJsonl(bytes, options)) {
    records += 1;
    if (isMetadata(value, records)) continue;
    yield { line: number, example: parseTrainingLine(value, number, options.name) };
  }
}

/** `readTrainingRecord` for a line of JSONL. `file` is what a message calls the file. */
export function parseTrainingLine(value: unknown, line: number, file = "the file"): Example {
  return readTrainingRecord(value, { number: line, unit: "line", file }).example;
}

/**
 * Whether this is a first record that describes the file and holds nothing to learn: `{"type": "metadata", …}`. `record` counts
 * records from 1, not lines.
 */
export function isMetadata(value: unknown, record: number): boolean {
  return record === 1 && isRecord(value) && value.type === "metadata" && formatOf(value) === undefined;
}

/** Reads one record. Throws `invalid_file` with its place, the field and what was wrong with it. */
export function readTrainingRecord(value: unknown, place: RecordPlace): TrainingRecord {
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  const wholeColumns = Object.values(value);
  if (wholeColumns.length > 0 && wholeColumns.every((column) => isRecord(column) && Object.hasOwn(column, "0"))) {
    const message = ' holds whole columns, not one example; save the data with to_json(orient="records", lines=True)';
    throw recordError(place, message);
  }
  const format = formatOf(value);
  if (format === undefined) throw recordError(place, ` fits no known format: ${unknownFormat(value)}`);
  const columns = new Columns(value, place);
  const example = format.read(columns);
  return { example, format: format.name, ignored: columns.ignored() };
}

/** Whether a record has the columns of a line format. */
export function hasKnownFormat(value: Readonly<Record<string, unknown>>): boolean {
  return formatOf(value) !== undefined;
}

function formatOf(value: Readonly<Record<string, unknown>>) {
  const fits = (is: (key: string) => boolean) => LINE_FORMATS.find(({ keys }) => keys.every(is));
  // First treats null as absent, because exports write null in columns that only other rows use.
  return fits((key) => Object.hasOwn(value, key) && value[key] != null) ?? fits((key) => Object.hasOwn(value, key));
}

function unknownFormat(value: Readonly<Record<string, unknown>>): string {
  const found = Object.keys(value).slice(0, 8).map(quoteName).join(", ") || "none";
  const list = Object.entries(value).find(([, inner]) => Array.isArray(inner) && inner.some(isRecord));
  if (list !== undefined) {
    return `its fields are ${found}; if ${quoteName(list[0])} is the list of examples, upload that list itself`;
  }
  const known = LINE_FORMATS.filter((format) => !PREFERENCES.includes(format))
    .map(({ name, keys }) => `${keys.join(" + ")} (${name})`)
    .join("; ");
  return `its fields are ${found}; expected ${known}`;
}
