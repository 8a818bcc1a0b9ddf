import { TrimtabError } from "../../shared/errors.ts";

/** A file that is read in ranges, as Parquet's reader asks for. */
export interface StoredFile {
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/** A file in the store, read in ranges. Throws `corrupt_blob` when its bytes are missing. */
export function storedFile(bucket: R2Bucket, key: string, byteLength: number): StoredFile {
  return {
    byteLength,
    async slice(start: number, end = byteLength): Promise<ArrayBuffer> {
      // R2 refuses an empty range.
      if (end <= start) return new ArrayBuffer(0);
      const object = await bucket.get(key, { range: { offset: start, length: end - start } });
      if (object === null) throw new TrimtabError("corrupt_blob", "The uploaded bytes are missing from the store.");
      return object.arrayBuffer();
    },
  };
}
