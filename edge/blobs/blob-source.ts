/** Where bytes lie in R2, and what they must be. */
export interface BlobSource {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
}
