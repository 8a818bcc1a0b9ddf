import { TrimtabError } from "../errors.ts";

export interface ZstdFrames {
  /** Looks at the next bytes, before they are unpacked. Throws `invalid_file` for what must not be. */
  push(chunk: Uint8Array): void;
  /** Whether the bytes so far end where a frame does. */
  readonly complete: boolean;
}

/** The window that RFC 8878 recommends every decoder to support; zstd's levels up to 19 keep within it. */
const MAX_WINDOW = 8 << 20;
/** The unpacker moves its window once for each block: this many bytes in all take it some seconds. */
const MAX_MOVED = 64 * 2 ** 30;

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const RLE_BLOCK = 1;

/**
 * Follows the frames and blocks of a zstd file (RFC 8878) and refuses those that would cost more memory or time than a dataset
 * needs: the unpacker allocates whatever window a frame claims.
 */
export function createZstdFrames(): ZstdFrames {
  let waiting: number[] = [];
  let skip = 0;
  let read = readFrame;
  let window = 0;
  let moved = 0;
  let hasChecksum = false;
  let begun = false;
  const refuse = (problem: string) => new TrimtabError("invalid_file", `the zstd file ${problem}`);
  /** Little-endian. */
  const number = (at: number, bytes: number) =>
    waiting.slice(at, at + bytes).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);

  /** Readers return how many bytes they need in all, or 0 once they have taken what is waiting. */
  function readFrame(): number {
    if (waiting.length < 4) return 4;
    const magic = number(0, 4);
    if (magic - (magic % 16) === SKIPPABLE) {
      if (waiting.length < 8) return 8;
      skip = number(4, 4);
      return 0;
    }
    if (magic !== MAGIC) throw refuse("is damaged; compress it again");
    if (waiting.length < 5) return 5;
    const flags = waiting[4]!;
    const isSingle = (flags & 0x20) !== 0;
    const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][flags >> 6]!;
    const dictionaryBytes = [0, 1, 2, 4][flags & 3]!;
    const header = 5 + (isSingle ? 0 : 1) + dictionaryBytes + sizeBytes;
    if (waiting.length < header) return header;
    if (dictionaryBytes > 0 && number(header - sizeBytes - dictionaryBytes, dictionaryBytes) !== 0) {
      throw refuse("needs a dictionary; compress it without one");
    }
    const described = waiting[5]!;
    const base = 2 ** (10 + (described >> 3));
    window = isSingle
      ? number(header - sizeBytes, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
      : base + (base / 8) * (described & 7);
    if (window > MAX_WINDOW) throw refuse("has a window of more than 8 MiB; compress it without --ultra and --long");
    hasChecksum = (flags & 4) !== 0;
    read = readBlock;
    return 0;
  }

  function readBlock(): number {
    if (waiting.length < 3) return 3;
    const header = number(0, 3);
    moved += window;
    if (moved > MAX_MOVED) throw refuse("consists of too many small blocks; compress it in one go");
    skip = ((header >> 1) & 3) === RLE_BLOCK ? 1 : header >> 3;
    if ((header & 1) === 1) {
      if (hasChecksum) skip += 4;
      read = readFrame;
    }
    return 0;
  }

  return {
    push(chunk) {
      let at = 0;
      while (at < chunk.length) {
        begun = true;
        const skipped = Math.min(skip, chunk.length - at);
        skip -= skipped;
        at += skipped;
        if (at === chunk.length) return;
        waiting.push(chunk[at++]!);
        if (read() === 0) waiting = [];
      }
    },
    get complete() {
      return begun && read === readFrame && skip === 0 && waiting.length === 0;
    },
  };
}
