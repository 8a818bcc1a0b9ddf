import { Decompress } from "fzstd";
import { TrimtabError } from "../errors.ts";
import type { Unpacker } from "./gzip-reader.ts";
import { createZstdFrames } from "./zstd-frames.ts";

/** As much as gzip can reach, which is more than any text does: a few bytes of zstd could stand for megabytes. */
const MAX_RATIO = 1000;
/** What a file may unpack to whatever its ratio. */
const SLACK_BYTES = 1 << 20;

/**
 * Unpacks zstd as it arrives, files of several frames included. Checksums are passed over. Throws `invalid_file` for damaged
 * bytes and `payload_too_large` past `maxBytes` unpacked bytes.
 */
export function createZstdReader(maxBytes: number): Unpacker {
  const frames = createZstdFrames();
  let unpacked: Uint8Array[] = [];
  let total = 0;
  let read = 0;
  const damaged = (cause?: unknown) =>
    new TrimtabError("invalid_file", "the zstd file is damaged or cut off; compress it again", { cause });

  const unzstd = new Decompress((block) => {
    total += block.byteLength;
    if (total > maxBytes || total > MAX_RATIO * read + SLACK_BYTES) {
      const most = total > maxBytes ? `${maxBytes} bytes` : `${MAX_RATIO} times its size`;
      throw new TrimtabError("payload_too_large", `the file unpacks to more than ${most}; split it into several files`);
    }
    // A copy, because the unpacker reads its blocks again.
    if (block.byteLength > 0) unpacked.push(new Uint8Array(block));
  });

  function run(piece: Uint8Array, isLast: boolean): Uint8Array[] {
    read += piece.length;
    frames.push(piece);
    if (isLast && !frames.complete) throw damaged();
    try {
      unzstd.push(piece, isLast);
    } catch (error) {
      throw error instanceof TrimtabError ? error : damaged(error);
    }
    const chunks = unpacked;
    unpacked = [];
    return chunks;
  }

  return {
    // A copy, because the unpacker keeps a reference until its next read.
    push: (chunk) => run(new Uint8Array(chunk), false),
    end: () => run(new Uint8Array(), true),
  };
}
