import type { ErrorCode } from "../../errors.ts";

/**
 * What a kind of artefact is: a content-addressed folder that a job publishes or a tenant uploads. A kind is one file and one row
 * in the registry; how the API shows it is the `object`.
 */
export interface ArtefactKindRow {
  /** What may be stored: names come from this list and from nowhere else. */
  readonly fileNames: readonly RegExp[];
  readonly requiredFiles: readonly string[];
  /** Checks that the allowed names make a whole. Throws invalid_request for `param`. */
  checkNames(names: ReadonlySet<string>, param: string): void;
  /** The folder of a tenant that its artefacts lie in. */
  readonly folder: string;
  /** The code of the error for one that is not sound. */
  readonly unsound: ErrorCode;
  /** The file that ties it to its base, checked before it is published; null where its files alone say what it is. */
  readonly manifest: string | null;
  /** What it adds to a request that names it: a delta on the base, or weights of its own. null: it has no name and serves nothing. */
  readonly serves: "delta" | "weights" | null;
  /** The object of the API that shows it once it is stored. */
  readonly object: "delta" | "model";
}
