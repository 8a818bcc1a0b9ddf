import type { EditFact } from "../../edits/fact.ts";
import type { RecordPlace } from "../columns.ts";
import type { Example } from "../example.ts";

/** One kind of dataset, by what a record of it is: a file and a row in the registry. */
export interface DatasetKind {
  /** What its files hold, in words that follow "holds" and "needs". */
  readonly holds: string;
  /** The columns that it reads. */
  readonly columns: readonly string[];
  /** Whether a record has this kind's columns, whatever is in them. */
  recognises(record: Readonly<Record<string, unknown>>): boolean;
  /**
   * Reads one record. Throws `invalid_file` with its place, the field and what was wrong with it.
   *
   * @param format the id of the line format that the file was said to have, for examples; each record's own by default
   */
  read(value: unknown, place: RecordPlace, format?: string): ReadRecord;
  /** Checks all records of a file together; absent where each can be judged by itself. */
  tally?(): KindTally;
}

export interface ReadRecord {
  /** What a dry run shows. */
  readonly examples: readonly Example[];
  /** They are read to where a reply would begin, and nothing in them is trained on. */
  readonly prompts?: boolean;
  /** How the record is written, such as `chat` or `text and label`. */
  readonly layout: string;
  /** The same by the name that an upload may say; the kind's own by default. */
  readonly format?: string;
  /** How many lines of the dataset it stands for; 1 by default. */
  readonly count?: number;
  /** The parts of the record that are left out, by name. */
  readonly ignored: readonly string[];
  /** Whether it has anything to learn. */
  readonly trainable: boolean;
  /** What the kind's tally looks at. */
  readonly group?: string;
  /** The fact that it states, which its tally compares with the others. */
  readonly fact?: { readonly fact: EditFact; readonly place: RecordPlace };
}

/** Sees every record of a file in turn. Both throw `invalid_file`. */
export interface KindTally {
  add(record: ReadRecord): void;
  end(): void;
}
