import { hex } from "../../shared/formats/digest.ts";

/** R2 wants all parts of an upload but the last to have the same size, of at least 5 MiB. */
const PART_BYTES = 8 * 1024 * 1024;

/** Writes a blob of unknown size, holding at most one part of it in memory. Nothing is stored before `finish`. */
export class BlobWriter {
  readonly #bucket: R2Bucket;
  readonly #key: string;
  readonly #parts: R2UploadedPart[] = [];
  readonly #hash: WritableStreamDefaultWriter<ArrayBuffer | ArrayBufferView>;
  readonly #digest: Promise<ArrayBuffer>;
  #part = new Uint8Array(64 * 1024);
  #filled = 0;
  #bytes = 0;
  #upload: R2MultipartUpload | undefined;

  constructor(bucket: R2Bucket, key: string) {
    this.#bucket = bucket;
    this.#key = key;
    const stream = new crypto.DigestStream("SHA-256");
    this.#hash = stream.getWriter();
    this.#digest = stream.digest;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#hash.write(chunk);
    this.#bytes += chunk.byteLength;
    for (let unwritten = chunk; unwritten.byteLength > 0; ) {
      const taken = unwritten.subarray(0, PART_BYTES - this.#filled);
      this.#reserve(this.#filled + taken.byteLength);
      this.#part.set(taken, this.#filled);
      this.#filled += taken.byteLength;
      unwritten = unwritten.subarray(taken.byteLength);
      if (this.#filled === PART_BYTES) await this.#flush();
    }
  }

  /** Stores the blob. Returns its size and SHA-256. */
  async finish(): Promise<{ bytes: number; sha256: string }> {
    await this.#hash.close();
    const sha256 = hex(await this.#digest);
    if (this.#upload === undefined) {
      await this.#bucket.put(this.#key, this.#part.subarray(0, this.#filled), { sha256 });
    } else {
      if (this.#filled > 0) await this.#flush();
      await this.#upload.complete(this.#parts);
    }
    return { bytes: this.#bytes, sha256 };
  }

  async abort(): Promise<void> {
    await this.#hash.abort("the upload was given up").catch(() => {});
    // The digest of an aborted stream rejects, and nobody awaits it.
    this.#digest.catch(() => {});
    await this.#upload?.abort();
  }

  async #flush(): Promise<void> {
    this.#upload ??= await this.#bucket.createMultipartUpload(this.#key);
    this.#parts.push(await this.#upload.uploadPart(this.#parts.length + 1, this.#part.subarray(0, this.#filled)));
    this.#filled = 0;
  }

  /** Most uploads are small, so the part's memory grows as it fills. */
  #reserve(bytes: number): void {
    if (bytes <= this.#part.byteLength) return;
    const larger = new Uint8Array(Math.min(PART_BYTES, Math.max(bytes, 2 * this.#part.byteLength)));
    larger.set(this.#part.subarray(0, this.#filled));
    this.#part = larger;
  }
}
