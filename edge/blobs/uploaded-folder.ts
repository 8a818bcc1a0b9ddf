import type { StoredFile } from "../../shared/api/artefacts.ts";
import { type ErrorCode, TrimtabError } from "../../shared/errors.ts";
import { hex } from "../../shared/formats/digest.ts";

/** Files that were uploaded to R2 and are not trusted yet. Whatever is wrong with them is an error with the folder's code. */
export class UploadedFolder {
  readonly #bucket: R2Bucket;
  readonly #prefix: string;
  readonly #code: ErrorCode;

  constructor(bucket: R2Bucket, prefix: string, code: ErrorCode) {
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#code = code;
  }

  /** The bytes of a file, or of a part of it. */
  async read(name: string, range?: { offset: number; length: number }): Promise<Uint8Array> {
    // R2 refuses an empty range.
    if (range?.length === 0) return new Uint8Array();
    const object = await this.#bucket.get(this.#prefix + name, range === undefined ? {} : { range });
    if (object === null) throw this.#missing(name);
    return new Uint8Array(await object.arrayBuffer());
  }

  /**
   * Checks that every file is stored with the size and the digest that its list claims. R2 computed the digest when it stored the
   * bytes.
   */
  async verify(files: readonly StoredFile[]): Promise<void> {
    for (const file of files) {
      const head = await this.#bucket.head(this.#prefix + file.name);
      if (head === null) throw this.#missing(file.name);
      const stored = head.checksums.sha256;
      const digest = stored === undefined ? "unknown" : hex(stored);
      if (head.size !== file.bytes || digest !== file.sha256) {
        throw new TrimtabError(
          this.#code,
          `${file.name} is listed with ${file.bytes} bytes and digest ${file.sha256}, but ${head.size} bytes with digest ${digest} were uploaded. Upload it again.`,
          { data: { name: file.name } },
        );
      }
    }
  }

  /** Reads a whole stored file, to notice if it has changed since it was stored. */
  async requireDigest(name: string, sha256: string): Promise<void> {
    const object = await this.#bucket.get(this.#prefix + name);
    if (object === null) throw this.#missing(name);
    const digest = new crypto.DigestStream("SHA-256");
    await object.body.pipeTo(digest);
    if (hex(await digest.digest) === sha256) return;
    throw new TrimtabError(this.#code, `the stored file ${name} does not have its digest`, { data: { name } });
  }

  #missing(name: string): TrimtabError {
    return new TrimtabError(this.#code, `${name} was not uploaded. Upload it, then publish again.`, { data: { name } });
  }
}
