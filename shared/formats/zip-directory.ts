/** Reads the central directory of a zip archive of plain files (PKWARE's APPNOTE 6.3). */
import { TrimtabError } from "../errors.ts";
import { quoteName } from "./strict-json.ts";

export interface ZippedFile {
  readonly name: string;
  readonly deflated: boolean;
  /** A view into the archive. */
  readonly packed: Uint8Array;
  /** The unpacked size in bytes that the archive claims. The unpacker must enforce it. */
  readonly size: number;
}

const END = { signature: 0x06054b50, bytes: 22 };
const ENTRY = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };
const MAX_COMMENT = 65_535;
/** Marks a number that is stored in a zip64 record instead. */
const IN_ZIP64 = 0xffff_ffff;
const STORED = 0;
const DEFLATED = 8;
const UNIX = 3;
const FILE_TYPE = 0xf000;
const LINK = 0xa000;

/**
 * The plain files, in directory order; folders are skipped. No two files share bytes, which bounds the unpacked size by the
 * archive's size. Throws `invalid_file` for a damaged archive, a name that leaves the folder or appears twice, a link, an
 * encrypted file, and a compression method other than deflate.
 */
export function readZipDirectory(archive: Uint8Array): ZippedFile[] {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const end = findEnd(view);
  const start = view.getUint32(end + 16, true);
  const names = new Set<string>();
  const entries: Entry[] = [];
  for (let at = start, left = view.getUint16(end + 10, true); left > 0; left--) {
    const entry = readEntry(archive, view, { at, start, end });
    // With two files of one name, two readers may pick different ones.
    if (names.has(entry.name)) throw refuse(`holds ${quoteName(entry.name)} twice`);
    names.add(entry.name);
    entries.push(entry);
    at = entry.next;
  }
  requireApart(entries);
  return entries.filter(({ name }) => !name.endsWith("/"));
}

interface Entry extends ZippedFile {
  /** The range of the archive that this entry occupies. */
  readonly from: number;
  readonly to: number;
  /** Where the next entry of the directory begins. */
  readonly next: number;
}

/** The entry at `at` of a directory that lies from `start` to `end`. */
function readEntry(
  archive: Uint8Array,
  view: DataView,
  { at, start, end }: { at: number; start: number; end: number },
): Entry {
  const short = (field: number) => view.getUint16(at + field, true);
  const long = (field: number) => view.getUint32(at + field, true);
  if (at + ENTRY.bytes > end || long(0) !== ENTRY.signature) throw damaged();
  const next = at + ENTRY.bytes + short(28) + short(30) + short(32);
  if (next > end) throw damaged();
  const name = new TextDecoder().decode(archive.subarray(at + ENTRY.bytes, at + ENTRY.bytes + short(28)));
  if (name.startsWith("/") || name.split("/").includes("..")) {
    throw refuse(`holds a file named ${quoteName(name)}, which is outside the folder`);
  }
  if (view.getUint8(at + 5) === UNIX && (short(40) & FILE_TYPE) === LINK) {
    throw refuse(`holds ${quoteName(name)}, which is a link; only plain files are allowed`);
  }
  const [method, packedSize, size, from] = [short(10), long(20), long(24), long(42)];
  if (packedSize === IN_ZIP64 || size === IN_ZIP64 || from === IN_ZIP64) {
    throw refuse("is a zip64 archive; pack it as a plain zip or tar archive");
  }
  if ((short(8) & 1) === 1) throw refuse(`holds ${quoteName(name)}, which is encrypted`);
  if (method !== STORED && method !== DEFLATED) {
    throw refuse(`holds ${quoteName(name)}, which uses compression method ${method}; only deflate is supported`);
  }
  if (from + LOCAL.bytes > start || view.getUint32(from, true) !== LOCAL.signature) throw damaged();
  const data = from + LOCAL.bytes + view.getUint16(from + 26, true) + view.getUint16(from + 28, true);
  const to = data + packedSize;
  if (to > start || (method === STORED && packedSize !== size)) throw damaged();
  return { name, deflated: method === DEFLATED, packed: archive.subarray(data, to), size, from, to, next };
}

/** The end-of-directory record, which a comment may follow. */
function findEnd(view: DataView): number {
  const last = view.byteLength - END.bytes;
  for (let at = last; at >= 0 && at >= last - MAX_COMMENT; at--) {
    if (view.getUint32(at, true) === END.signature) return at;
  }
  throw damaged();
}

/** Overlapping entries would let a small archive unpack to any size. */
function requireApart(entries: readonly Entry[]): void {
  let end = 0;
  for (const { from, to, name } of entries.toSorted((a, b) => a.from - b.from)) {
    if (from < end) throw refuse(`is damaged: ${quoteName(name)} shares bytes with another file`);
    end = to;
  }
}

function damaged(): TrimtabError {
  return refuse("is damaged or not a zip archive");
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_file", `The archive ${problem}.`, { param: "file" });
}
