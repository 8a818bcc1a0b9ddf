/**
 * Reads the records of a supervised dataset, whatever their format, as one kind of example. The edge uses this to check
 * an upload and the trainer to read it, so every accepted dataset can be trained on.
 */

import { TrimtabError } from "../errors.ts";
import { type JsonlOptions, parseJsonl } from "../formats/jsonl.ts";
import { quoteName } from "../formats/strict-json.ts";
import { Columns, isRecord, type RecordPlace, recordError } from "./columns.ts";
import type { Example } from "./example.ts";
import type { LineFormat } from "./line-formats/format.ts";
import { LINE_FORMATS, REFUSED_FORMATS } from "./line-formats/registry.ts";

export interface TrainingLine {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly example: Example;
}

export interface TrainingRecord {
  /** At least one. */
  readonly examples: readonly Example[];
  readonly format: LineFormat;
  /** The parts of the record that are left out of training, by name. */
  readonly ignored: readonly string[];
}

export interface TrainingFileOptions extends JsonlOptions {
  /** The id of the format that the file was said to have; each line's own by default. */
  readonly format?: string | undefined;
}

/** Every example of an in-memory dataset; a line may hold several. Throws `invalid_file` at the first bad line. */
export function* parseTrainingFile(
  bytes: Uint8Array,
  options: TrainingFileOptions = {},
): Generator<TrainingLine, void, undefined> {
  const { name: file = "the file", format } = options;
  let records = 0;
  for (const { number, value } of parseJsonl(bytes, options)) {
    records += 1;
    if (isMetadata(value, records)) continue;
    for (const example of readTrainingRecord(value, { number, unit: "line", file }, format).examples) {
      yield { line: number, example };
    }
  }
}

/** The only example of a line of JSONL, or its first. `file` is what a message calls the file. */
export function parseTrainingLine(value: unknown, line: number, file = "the file"): Example {
  return readTrainingRecord(value, { number: line, unit: "line", file }).examples[0]!;
}

/**
 * Whether this is a first record that describes the file and holds nothing to learn: `{"type": "metadata", …}`. `record` counts
 * records from 1, not lines.
 */
export function isMetadata(value: unknown, record: number): boolean {
  return record === 1 && isRecord(value) && value.type === "metadata" && formatOf(value) === undefined;
}

/**
 * Reads one record. Throws `invalid_file` with its place, the field and what was wrong with it.
 *
 * @param said the id of the format that it must have; by default the one that its columns show
 */
export function readTrainingRecord(value: unknown, place: RecordPlace, said?: string): TrainingRecord {
  if (!isRecord(value)) throw recordError(place, " is not a JSON object");
  const wholeColumns = Object.values(value);
  if (wholeColumns.length > 0 && wholeColumns.every((column) => isRecord(column) && Object.hasOwn(column, "0"))) {
    const message = ' holds whole columns, not one example; save the data with to_json(orient="records", lines=True)';
    throw recordError(place, message);
  }
  const format = said === undefined ? formatOf(value) : saidFormat(said, value, place);
  if (format === undefined) throw recordError(place, ` fits no known format: ${unknownFormat(value)}`);
  const columns = new Columns(value, place);
  const read = format.read(columns);
  return { examples: Array.isArray(read) ? read : [read as Example], format, ignored: columns.ignored() };
}

/** Whether a record has the columns of a line format. */
export function hasKnownFormat(value: Readonly<Record<string, unknown>>): boolean {
  return formatOf(value) !== undefined;
}

function formatOf(value: Readonly<Record<string, unknown>>): LineFormat | undefined {
  const named = (is: (key: string) => boolean) => LINE_FORMATS.filter(({ keys }) => keys.every(is));
  // First treats null as absent, because exports write null in columns that only other rows use.
  const candidates = named((key) => Object.hasOwn(value, key) && value[key] != null);
  const fitting = candidates.find((format) => format.fits?.(value) ?? true);
  return fitting ?? named((key) => Object.hasOwn(value, key)).find(({ fits }) => fits === undefined);
}

function saidFormat(id: string, value: Readonly<Record<string, unknown>>, place: RecordPlace): LineFormat {
  const format = LINE_FORMATS.find((one) => one.id === id);
  if (format === undefined) throw new TrimtabError("internal_error", `There is no format ${JSON.stringify(id)}.`);
  const missing = format.keys.find((key) => !Object.hasOwn(value, key));
  if (missing === undefined) return format;
  const found = Object.keys(value).slice(0, 8).map(quoteName).join(", ") || "none";
  const message = ` is not ${format.name}, as the upload's format says: it has no ${missing}; its fields are ${found}`;
  throw recordError(place, message, missing);
}

function unknownFormat(value: Readonly<Record<string, unknown>>): string {
  const found = Object.keys(value).slice(0, 8).map(quoteName).join(", ") || "none";
  const list = Object.entries(value).find(([, inner]) => Array.isArray(inner) && inner.some(isRecord));
  if (list !== undefined) {
    return `its fields are ${found}; if ${quoteName(list[0])} is the list of examples, upload that list itself`;
  }
  const known = LINE_FORMATS.filter((format) => !REFUSED_FORMATS.includes(format))
    .map(({ name, keys }) => `${keys.join(" + ")} (${name})`)
    .join("; ");
  return `its fields are ${found}; expected ${known}`;
}
