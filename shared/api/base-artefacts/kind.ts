/** A kind of file that is computed from a base alone and kept beside it, for every tenant's later jobs. */
export interface BaseArtefactKind {
  /** What it is, for error messages. */
  readonly holds: string;
  readonly name: RegExp;
  /** The most bytes of one file. */
  readonly bytes: number;
  readonly contentType: string;
}
