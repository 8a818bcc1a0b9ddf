/** Writes POSIX tar archives (ustar, IEEE 1003.1-1988): a folder of plain files as one stream. */
import { TrimtabError } from "../errors.ts";

const BLOCK = 512;
const MAX_NAME_BYTES = 100;

/** Offsets of the header's fields. Numbers are stored as octal text, zero-terminated. */
const FIELD = {
  name: 0,
  mode: 100,
  owner: 108,
  group: 116,
  size: 124,
  time: 136,
  checksum: 148,
  type: 156,
  magic: 257,
};

/** The header before a file's bytes and the zeros after them. Throws `internal_error` for a name that does not fit. */
export function tarEntry(
  name: string,
  byteLength: number,
): { readonly header: Uint8Array; readonly padding: Uint8Array } {
  const encoded = new TextEncoder().encode(name);
  if (
    encoded.length > MAX_NAME_BYTES ||
    name.startsWith("/") ||
    name.split("/").includes("..") ||
    name.includes("\0")
  ) {
    throw new TrimtabError("internal_error", `${JSON.stringify(name)} cannot be a file name in a tar archive`);
  }
  const header = new Uint8Array(BLOCK);
  const text = (at: number, value: string) => header.set(new TextEncoder().encode(value), at);
  const octal = (at: number, value: number, digits: number) => text(at, value.toString(8).padStart(digits, "0"));
  header.set(encoded, FIELD.name);
  octal(FIELD.mode, 0o644, 7);
  octal(FIELD.owner, 0, 7);
  octal(FIELD.group, 0, 7);
  octal(FIELD.size, byteLength, 11);
  // Always the start of the epoch, so that the same folder always gives the same archive.
  octal(FIELD.time, 0, 11);
  text(FIELD.type, "0");
  text(FIELD.magic, "ustar\x0000");
  // The checksum is computed with its own field set to spaces.
  header.fill(0x20, FIELD.checksum, FIELD.checksum + 8);
  const sum = header.reduce((total, byte) => total + byte, 0);
  text(FIELD.checksum, `${sum.toString(8).padStart(6, "0")}\0 `);
  return { header, padding: new Uint8Array((BLOCK - (byteLength % BLOCK)) % BLOCK) };
}

/** How many bytes a file takes in an archive, with its header and padding. */
export const tarEntryBytes = (byteLength: number): number => BLOCK * (1 + Math.ceil(byteLength / BLOCK));

/** The end marker of an archive. */
export const tarEnd = (): Uint8Array => new Uint8Array(2 * BLOCK);
