import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { PageStore } from "../loop/update.ts";

const WIDTH = Float32Array.BYTES_PER_ELEMENT;

/**
 * A page store in a file that is unlinked as soon as it is open, so that nothing remains however the process ends. Throws what
 * `node:fs` throws.
 */
export class PageFile implements PageStore {
  readonly #descriptor: number;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${randomBytes(6).toString("hex")}.pages`);
    this.#descriptor = openSync(path, "wx+", 0o600);
    rmSync(path);
  }

  read(start: number, into: Float32Array): void {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    let done = 0;
    while (done < bytes.length) {
      const read = readSync(this.#descriptor, bytes, done, bytes.length - done, WIDTH * start + done);
      // Nothing has been written past the end yet.
      if (read === 0) break;
      done += read;
    }
    bytes.fill(0, done);
  }

  write(start: number, from: Float32Array): void {
    const bytes = new Uint8Array(from.buffer, from.byteOffset, from.byteLength);
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#descriptor, bytes, done, bytes.length - done, WIDTH * start + done);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
