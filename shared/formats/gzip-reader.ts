import { Gunzip } from "fflate";
import { TrimtabError } from "../errors.ts";
import { joinBytes } from "./join-bytes.ts";

/** Unpacks a compressed file as it arrives. */
export interface Unpacker {
  /** Returns the unpacked bytes. */
  push(chunk: Uint8Array): Uint8Array[];
  /** Throws `invalid_file` if the archive is cut off. */
  end(): Uint8Array[];
}

/**
 * The size of an input piece, small enough that its unpacked bytes (at most 1000 times as many) are counted before they
 * pile up.
 */
const PIECE_BYTES = 4096;
/** A member's checksum and length, after its data (RFC 1952). */
const FOOTER_BYTES = 8;
/** A member without data; a file that is shorter has no member. */
const LEAST_BYTES = 18;

/**
 * Unpacks gzip as it arrives, archives of several members included, and checks every member's checksum. Throws
 * `invalid_file` for damaged bytes and `payload_too_large` past `maxBytes` unpacked bytes, whatever size the archive
 * claims.
 */
export function createGzipReader(maxBytes: number): Unpacker {
  let unpacked: Uint8Array[] = [];
  let total = 0;
  let read = 0;
  let checksum = 0;
  /** The last bytes that were read: enough to hold a footer when the next member is noticed. */
  let recent: Uint8Array = new Uint8Array();
  const damaged = (cause?: unknown) =>
    new TrimtabError("invalid_file", "the gzip file is damaged or cut off; compress it again", { cause });

  /** Checks the member whose footer ends at offset `end` of the input. */
  function endMember(end: number): void {
    const at = recent.length - (read - end) - FOOTER_BYTES;
    const footer = recent.subarray(at, at + FOOTER_BYTES);
    if (at < 0 || footer.length < FOOTER_BYTES) throw damaged();
    const wanted = new DataView(footer.buffer, footer.byteOffset).getUint32(0, true);
    if (wanted !== checksum >>> 0) throw damaged();
    checksum = 0;
  }

  const gunzip = new Gunzip((chunk) => {
    total += chunk.byteLength;
    if (chunk.byteLength === 0) return;
    checksum = crc32(chunk, checksum);
    unpacked.push(chunk);
  });
  gunzip.onmember = endMember;

  function run(piece: Uint8Array, isLast: boolean): void {
    read += piece.length;
    recent = joinBytes([recent.subarray(-PIECE_BYTES), piece]);
    try {
      gunzip.push(piece, isLast);
    } catch (error) {
      throw error instanceof TrimtabError ? error : damaged(error);
    }
    if (total <= maxBytes) return;
    const message = `the file unpacks to more than ${maxBytes} bytes; split it into several files`;
    throw new TrimtabError("payload_too_large", message);
  }

  function taken(): Uint8Array[] {
    const chunks = unpacked;
    unpacked = [];
    return chunks;
  }

  return {
    push(chunk) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        // A copy, because the unpacker keeps a reference until its next read.
        run(new Uint8Array(chunk.subarray(at, at + PIECE_BYTES)), false);
      }
      return taken();
    },
    end() {
      if (read < LEAST_BYTES) throw damaged();
      run(new Uint8Array(), true);
      endMember(read);
      return taken();
    },
  };
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0xedb88320;
  return value;
});

/** The CRC-32 of earlier bytes, with the checksum `before`, followed by `bytes`. */
function crc32(bytes: Uint8Array, before: number): number {
  let crc = ~before;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc;
}
