/** Reads the directory of a zip archive of plain files (PKWARE's APPNOTE 6.3): where each lies and what it unpacks to. */
import { TrimtabError } from "../errors.ts";
import { quoteName } from "./strict-json.ts";

export interface ZippedFile {
  readonly name: string;
  readonly deflated: boolean;
  /** A view into the archive. */
  readonly packed: Uint8Array;
  /** Bytes when unpacked, as the archive says: whoever unpacks has to hold it to that. */
  readonly size: number;
}

const END = { signature: 0x06054b50, bytes: 22 };
const ENTRY = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };
const MAX_COMMENT = 65_535;
/** Stands where the number is in a zip64 record. */
const ELSEWHERE = 0xffff_ffff;
const STORED = 0;
const DEFLATED = 8;
const UNIX = 3;
const FILE_TYPE = 0xf000;
const LINK = 0xa000;

/**
 * The plain files, in the directory's order; folders are passed over. No two share bytes, so the archive is unpacked in the
 * time that its own size takes. Throws `invalid_file` for a damaged archive, a name that leaves its folder or is there twice,
 * a link, and what is encrypted or packed otherwise than deflated.
 */
export function readZipDirectory(archive: Uint8Array): ZippedFile[] {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const end = findEnd(view);
  const start = view.getUint32(end + 16, true);
  const names = new Set<string>();
  const entries: Entry[] = [];
  for (let at = start, left = view.getUint16(end + 10, true); left > 0; left--) {
    const entry = readEntry(archive, view, { at, start, end });
    // Of two files of one name, two readers may take different ones.
    if (names.has(entry.name)) throw refuse(`holds ${quoteName(entry.name)} twice`);
    names.add(entry.name);
    entries.push(entry);
    at = entry.next;
  }
  requireApart(entries);
  return entries.filter(({ name }) => !name.endsWith("/"));
}

interface Entry extends ZippedFile {
  /** The bytes of the archive that are its own. */
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
    throw refuse(`holds a file named ${quoteName(name)}, which leaves its folder`);
  }
  if (view.getUint8(at + 5) === UNIX && (short(40) & FILE_TYPE) === LINK) {
    throw refuse(`holds ${quoteName(name)}, which is a link; only plain files are taken`);
  }
  const [method, packedSize, size, from] = [short(10), long(20), long(24), long(42)];
  if (packedSize === ELSEWHERE || size === ELSEWHERE || from === ELSEWHERE) {
    throw refuse("is a zip64 archive; pack it as a plain zip or tar archive");
  }
  if ((short(8) & 1) === 1) throw refuse(`holds ${quoteName(name)}, which is encrypted`);
  if (method !== STORED && method !== DEFLATED) {
    throw refuse(`holds ${quoteName(name)}, which is packed by method ${method}; only deflated files are read`);
  }
  if (from + LOCAL.bytes > start || view.getUint32(from, true) !== LOCAL.signature) throw damaged();
  const data = from + LOCAL.bytes + view.getUint16(from + 26, true) + view.getUint16(from + 28, true);
  const to = data + packedSize;
  if (to > start || (method === STORED && packedSize !== size)) throw damaged();
  return { name, deflated: method === DEFLATED, packed: archive.subarray(data, to), size, from, to, next };
}

/** The record at the end, which a comment may follow. */
function findEnd(view: DataView): number {
  const last = view.byteLength - END.bytes;
  for (let at = last; at >= 0 && at >= last - MAX_COMMENT; at--) {
    if (view.getUint32(at, true) === END.signature) return at;
  }
  throw damaged();
}

/** Entries over the same bytes would make a small archive unpack to any size. */
function requireApart(entries: readonly Entry[]): void {
  let end = 0;
  for (const { from, to, name } of entries.toSorted((a, b) => a.from - b.from)) {
    if (from < end) throw refuse(`is damaged: ${quoteName(name)} shares bytes with another file`);
    end = to;
  }
}

function damaged(): TrimtabError {
  return refuse("is damaged, or is no zip archive");
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_file", `The archive ${problem}.`, { param: "file" });
}
