import type { Columns } from "../columns.ts";
import type { Example } from "../example.ts";

/** One way in which people write the records of a dataset: a file and a row in the registry. */
export interface LineFormat {
  /** The format's name in messages. */
  readonly name: string;
  /** The columns that identify a record of this format. */
  readonly keys: readonly string[];
  /** Makes an example from a record. Ignores columns that it does not take. Throws `invalid_file`, naming the field. */
  read(columns: Columns): Example;
}
