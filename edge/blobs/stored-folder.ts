import type { StoredFile } from "../../shared/api/artefacts.ts";

/** A folder in R2: file `name` lies at `prefix + name`; the digests are checked when it is loaded. */
export interface StoredFolder {
  readonly digest: string;
  /** Ends with a slash. */
  readonly prefix: string;
  readonly files: readonly StoredFile[];
}
