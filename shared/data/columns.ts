import { TrimtabError } from "../errors.ts";

/** A record's place in its file, for messages: `line 7 of train.jsonl`. */
export interface RecordPlace {
  /** Counted from 1, in the file's own unit. */
  readonly number: number;
  /** The file form's word for a record. */
  readonly unit: "line" | "row" | "entry";
  readonly file: string;
}

/**
 * The columns of one record. Readers take the columns that they understand; the rest are left out of training and named
 * to the uploader. A column that is null counts as absent.
 */
export class Columns {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #place: RecordPlace;
  readonly #taken = new Set<string>();
  readonly #ignored = new Set<string>();

  constructor(values: Readonly<Record<string, unknown>>, place: RecordPlace) {
    this.#values = values;
    this.#place = place;
  }

  /** The names of the columns that are not null. */
  get names(): string[] {
    return Object.keys(this.#values).filter((name) => this.#values[name] != null);
  }

  /** Whether the record has the column, even if it is null. */
  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  /** The value of a column, undefined where it is absent or null. */
  peek(name: string): unknown {
    return this.has(name) ? (this.#values[name] ?? undefined) : undefined;
  }

  /** The same; marks the column as taken. */
  take(name: string): unknown {
    this.#taken.add(name);
    return this.peek(name);
  }

  text(name: string): string {
    const value = this.take(name);
    if (typeof value === "string") return value;
    throw this.error(name, `must be a text, not ${kindOf(value)}`);
  }

  optionalText(name: string): string | undefined {
    return this.take(name) === undefined ? undefined : this.text(name);
  }

  /** A column that holds a list or an object, or, in a table's cell, its JSON text; undefined if it is empty. */
  json(name: string): unknown {
    const value = this.take(name);
    if (typeof value !== "string") return value;
    if (value.trim() === "") return undefined;
    try {
      return JSON.parse(value);
    } catch {
      throw this.error(
        name,
        /^\s*[[{]\s*['{]/.test(value)
          ? "is a list as Python prints it, not JSON; write the column with json.dumps, or save the data as JSONL or Parquet"
          : "must be a list, or the JSON text of one",
      );
    }
  }

  /** Names something inside a column that is left out of training: `messages[].id`. */
  ignore(path: string): void {
    this.#ignored.add(path);
  }

  /** Everything of the record that is left out of training, by name. */
  ignored(): string[] {
    return [...this.names.filter((name) => !this.#taken.has(name)), ...this.#ignored];
  }

  /** The error for a field: `line 7 of train.jsonl: messages[0].role: must be …`. */
  error(field: string, problem: string): TrimtabError {
    return recordError(this.#place, `: ${field}: ${problem}`, field);
  }
}

/** `problem` follows on the record's place; `field` is the column to change. */
export function recordError({ unit, number, file }: RecordPlace, problem: string, field?: string): TrimtabError {
  return new TrimtabError("invalid_file", `${unit} ${number} of ${file}${problem}`, {
    data: { line: number, ...(field === undefined ? {} : { field }) },
  });
}

/** The kind of a value, in plain words. */
export function kindOf(value: unknown): string {
  if (value == null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? "a text" : `the ${typeof value} ${String(value)}`;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
