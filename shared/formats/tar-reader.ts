/**
 * Reads POSIX tar archives of plain files: ustar (IEEE 1003.1-1988), pax headers (1003.1-2001) and GNU tar's long names.
 */
import { TrimtabError } from "../errors.ts";
import { parsePaxRecords } from "./pax.ts";
import { quoteName } from "./strict-json.ts";

const BLOCK = 512;

/**
 * The plain files of an archive, name → bytes (views into `archive`). Folders are skipped. Throws `invalid_file` for a
 * damaged archive, a name that leaves the folder or appears twice, links (which can point anywhere), devices, and files
 * with holes.
 */
export function readTar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let forAll: Extended = {};
  let forNext: Extended = {};
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return files;
    requireChecksum(header);
    const type = String.fromCharCode(header[156]!);
    const describesOther = EXTENSIONS.has(type);
    const extended = describesOther ? {} : { ...forAll, ...forNext };
    const size = extended.size ?? sizeOf(header);
    const name = extended.name ?? headerName(header);
    const start = at + BLOCK;
    if (size > archive.length - start) throw refuse(`ends in the middle of ${quoteName(name)}`);
    const bytes = archive.subarray(start, start + size);
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if (type === "g") forAll = { ...forAll, ...readPax(bytes) };
    else if (type === "x") forNext = { ...forNext, ...readPax(bytes) };
    else if (type === "L") forNext = { ...forNext, name: text(bytes, 0, bytes.length) };
    else if (type !== "K") {
      forNext = {};
      addEntry(files, { name, type, bytes });
    }
  }
  throw refuse("has no end marker; it may be truncated");
}

/** The fields that earlier headers set for a file. */
interface Extended {
  name?: string;
  size?: number;
}

/** Headers that describe the next file (x, and GNU's L and K for long names and link targets) or all that follow (g). */
const EXTENSIONS: ReadonlySet<string> = new Set(["x", "g", "L", "K"]);

const SPARSE = "holds a file with holes (sparse); pack it without --sparse";

/** Times, owners and the like do not matter here. */
function readPax(bytes: Uint8Array): Extended {
  const records = parsePaxRecords(bytes);
  if (records === undefined) throw refuse("is damaged: a pax header has an invalid record");
  const sparse = [...records.keys()].find((key) => key.startsWith("GNU.sparse."));
  if (sparse !== undefined) throw refuse(SPARSE);
  const path = records.get("path");
  const size = records.get("size");
  if (size !== undefined && !/^\d{1,15}$/.test(size)) throw refuse("is damaged: a pax header has an invalid size");
  return {
    ...(path === undefined ? {} : { name: path }),
    ...(size === undefined ? {} : { size: Number(size) }),
  };
}

function addEntry(
  files: Map<string, Uint8Array>,
  { name, type, bytes }: { name: string; type: string; bytes: Uint8Array },
): void {
  // Before ustar, a folder was a file whose name ends with a slash.
  if (type === "5" || (type === "\0" && name.endsWith("/"))) return;
  if (type === "S") throw refuse(SPARSE);
  if (type !== "0" && type !== "\0" && type !== "7") {
    throw refuse(`holds ${quoteName(name)}, which is a link or a device; only plain files are allowed`);
  }
  const plain = name.replace(/^(\.\/)+/, "");
  if (plain === "" || plain.startsWith("/") || plain.split("/").includes("..") || plain.includes("\0")) {
    throw refuse(`holds a file named ${quoteName(name)}, which is outside the folder`);
  }
  if (files.has(plain)) throw refuse(`holds ${quoteName(plain)} twice`);
  files.set(plain, bytes);
}

function headerName(header: Uint8Array): string {
  // GNU tar's format writes "ustar " here and has other fields in place of ustar's name prefix.
  const prefix = text(header, 257, 6) === "ustar" ? text(header, 345, 155) : "";
  return (prefix === "" ? "" : `${prefix}/`) + text(header, 0, 100);
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

/** Octal digits, or a binary number if the first bit is set (GNU tar's form for 8 GB and more). */
function sizeOf(header: Uint8Array): number {
  if ((header[124]! & 0x80) === 0) return octal(header, 124, 12);
  return header.subarray(125, 136).reduce((size, byte) => size * 256 + byte, header[124]! & 0x7f);
}

function octal(header: Uint8Array, at: number, length: number): number {
  const digits = text(header, at, length).trim();
  if (!/^[0-7]{1,12}$/.test(digits)) throw refuse("is damaged or not a tar archive: a header has an invalid number");
  return Number.parseInt(digits, 8);
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_file", `The archive ${problem}.`, { param: "file" });
}
