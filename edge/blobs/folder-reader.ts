import { TrimtabError } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import type { StoredFolder } from "./stored-folder.ts";

/** Reads files of one stored folder. Never returns bytes whose digest differs from their record. */
export class FolderReader {
  readonly #bucket: R2Bucket;
  readonly #folder: StoredFolder;

  constructor(bucket: R2Bucket, folder: StoredFolder) {
    this.#bucket = bucket;
    this.#folder = folder;
  }

  has(name: string): boolean {
    return this.#folder.files.some((file) => file.name === name);
  }

  get names(): readonly string[] {
    return this.#folder.files.map(({ name }) => name);
  }

  /** The whole file. Throws `corrupt_blob` when it is missing or its bytes are not what was stored. */
  async bytes(name: string): Promise<Uint8Array> {
    const record = this.#folder.files.find((file) => file.name === name);
    const object = record === undefined ? null : await this.#bucket.get(this.#folder.prefix + name);
    if (record === undefined || object === null) {
      throw new TrimtabError("corrupt_blob", `the stored file ${name} of ${this.#folder.digest} is missing`);
    }
    const bytes = new Uint8Array(await object.arrayBuffer());
    if ((await sha256Hex(bytes)) !== record.sha256) {
      throw new TrimtabError(
        "corrupt_blob",
        `the stored file ${name} of ${this.#folder.digest} does not have its digest`,
      );
    }
    return bytes;
  }

  async text(name: string): Promise<string> {
    return new TextDecoder().decode(await this.bytes(name));
  }

  async json(name: string): Promise<unknown> {
    return JSON.parse(await this.text(name));
  }
}
