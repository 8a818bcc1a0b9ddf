import type { ErrorCode } from "../../errors.ts";

/**
 * A kind of artefact: a content-addressed folder that a job publishes or a tenant uploads. A kind is one file and one registry
 * row.
 */
export interface ArtefactKindRow {
  /** The names that its files may have; no others are stored. */
  readonly fileNames: readonly RegExp[];
  readonly requiredFiles: readonly string[];
  /** Checks that allowed names together make a complete artefact. Throws `invalid_request` for `param`. */
  checkNames(names: ReadonlySet<string>, param: string): void;
  /** The tenant's folder in which its artefacts are stored. */
  readonly folder: string;
  /** The error code for an unsound one. */
  readonly unsound: ErrorCode;
  /** The file that ties it to its base, checked before it is published; null if it has none. */
  readonly manifest: string | null;
  /**
   * Its contribution to a request that names it: a delta on the base, or a complete set of weights. null if it gets no
   * model name and serves nothing.
   */
  readonly serves: "delta" | "weights" | null;
  /** How the API shows one that a tenant uploads or merges: the row of `SHOWN` in edge/objects/tenant/artefacts.ts. */
  readonly object: "delta" | "model";
}
