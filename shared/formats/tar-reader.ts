/** Reads POSIX tar archives of plain files (ustar, IEEE 1003.1-1988, and the variants that GNU tar and Python write). */
import { TrimtabError } from "../errors.ts";
import { quoteName } from "./strict-json.ts";

const BLOCK = 512;

/**
 * The plain files of an archive, name → bytes (views into `archive`). Folders and pax headers are skipped. Throws
 * `invalid_file` for a damaged archive, a name that leaves the folder or appears twice, and links (which can point
 * anywhere) or devices.
 */
export function readTar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return files;
    requireChecksum(header);
    const size = octal(header, 124, 12);
    const prefix = text(header, 345, 155);
    const name = (prefix === "" || text(header, 257, 5) !== "ustar" ? "" : `${prefix}/`) + text(header, 0, 100);
    const start = at + BLOCK;
    if (start + size > archive.length) throw refuse(`ends in the middle of ${quoteName(name)}`);
    addEntry(files, { name, type: String.fromCharCode(header[156]!), bytes: archive.subarray(start, start + size) });
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw refuse("has no end marker; it may be truncated");
}

function addEntry(
  files: Map<string, Uint8Array>,
  { name, type, bytes }: { name: string; type: string; bytes: Uint8Array },
): void {
  // Pax headers hold times and owners. They can also hold names, but only ones too long to be valid here.
  if (type === "5" || type === "x" || type === "g") return;
  if (type !== "0" && type !== "\0" && type !== "7") {
    throw refuse(`holds ${quoteName(name)}, which is a link or a device; only plain files are allowed`);
  }
  const plain = name.replace(/^(\.\/)+/, "");
  if (plain === "" || plain.startsWith("/") || plain.split("/").includes("..")) {
    throw refuse(`holds a file named ${quoteName(name)}, which is outside the folder`);
  }
  if (files.has(plain)) throw refuse(`holds ${quoteName(plain)} twice`);
  files.set(plain, bytes);
}

function requireChecksum(header: Uint8Array): void {
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : header[at]!;
  if (sum !== octal(header, 148, 8)) throw refuse("is damaged or not a tar archive: a header has a wrong checksum");
}

function text(header: Uint8Array, at: number, length: number): string {
  const bytes = header.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function octal(header: Uint8Array, at: number, length: number): number {
  const digits = text(header, at, length).trim();
  if (!/^[0-7]{1,11}$/.test(digits)) throw refuse("is damaged or not a tar archive: a header has an invalid number");
  return Number.parseInt(digits, 8);
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_file", `The archive ${problem}.`, { param: "file" });
}
