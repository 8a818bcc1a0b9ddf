import type { Columns } from "../columns.ts";
import type { Example } from "../example.ts";

/** One way in which people write the records of a dataset: a file and a row in the registry. */
export interface LineFormat {
  /** What messages call it. */
  readonly name: string;
  /** The columns by which a record is known to be of this format. */
  readonly keys: readonly string[];
  /** Makes the example of a record. Columns that it does not take are ignored. Throws `invalid_file`, naming the field. */
  read(columns: Columns): Example;
}
