import type { Columns } from "../columns.ts";
import type { Example } from "../example.ts";

/** One way in which people write the records of a dataset: a file and a row in the registry. */
export interface LineFormat {
  /** By which an upload may say that it is of this format, and by which its facts name it. */
  readonly id: string;
  /** The format's name in messages. */
  readonly name: string;
  /** The columns that identify a record of this format. */
  readonly keys: readonly string[];
  /** Columns that it reads beside those. */
  readonly columns?: readonly string[];
  /** Whether a record that has the columns also holds what this format puts into them; absent where the columns are enough. */
  fits?(record: Readonly<Record<string, unknown>>): boolean;
  /** Makes an example, or several, from a record. Ignores columns that it does not take. Throws `invalid_file`, naming the field. */
  read(columns: Columns): Example | readonly Example[];
}
