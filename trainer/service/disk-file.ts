import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { ByteSource } from "../../shared/formats/safetensors.ts";

const CHUNK = 1 << 22;

/**
 * A file on disk, read in parts on demand: a base's weights may be larger than what training keeps in memory. It stays open, so
 * that the same bytes are read even if another file takes over its name.
 */
export class DiskFile implements ByteSource {
  readonly byteLength: number;
  readonly #descriptor: number;

  /** Throws what `node:fs` throws. */
  constructor(path: string) {
    this.#descriptor = openSync(path, "r");
    this.byteLength = fstatSync(this.#descriptor).size;
  }

  /** A copy of the bytes; shorter if the file ends before `end`. */
  subarray(start: number, end: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(end, this.byteLength) - start));
    let done = 0;
    while (done < bytes.length) {
      const read = readSync(this.#descriptor, bytes, done, bytes.length - done, start + done);
      if (read === 0) return bytes.subarray(0, done);
      done += read;
    }
    return bytes;
  }

  /** SHA-256 of the bytes, in hexadecimal. Yields to the event loop between chunks. */
  async digest(): Promise<string> {
    const hash = createHash("sha256");
    for (let at = 0; at < this.byteLength; at += CHUNK) {
      hash.update(this.subarray(at, at + CHUNK));
      await new Promise((resume) => setImmediate(resume));
    }
    return hash.digest("hex");
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
