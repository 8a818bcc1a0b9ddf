/** Flips bytes of what is stored, as a bad disk does. */
import { closeSync, fstatSync, openSync, readdirSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Files of stored blobs below a state folder. */
export function storedBlobs(state: string): Set<string> {
  const folder = join(state, "storage", "r2");
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\/blobs$/.test(entry.parentPath.replaceAll("\\", "/")))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Set(found);
}

/** Flips every bit of a file's byte at a share of its length. */
export function flipByte(path: string, share: number): void {
  const file = openSync(path, "r+");
  try {
    const at = Math.min(fstatSync(file).size - 1, Math.floor(fstatSync(file).size * share));
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, at);
    byte[0] = byte[0]! ^ 0xff;
    writeSync(file, byte, 0, 1, at);
  } finally {
    closeSync(file);
  }
}
