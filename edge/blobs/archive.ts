import { TrimtabError } from "../../shared/errors.ts";
import { joinBytes } from "../../shared/formats/join-bytes.ts";
import { quoteName } from "../../shared/formats/strict-json.ts";
import { readTar } from "../../shared/formats/tar-reader.ts";
import { readZipDirectory } from "../../shared/formats/zip-directory.ts";
import { Pace } from "../pace/pace.ts";

/** Bytes that are unpacked at once, to a thousand times as many at most. */
const PIECE_BYTES = 8 << 10;
/** Millionths of a second for such a piece, and for a byte that comes out. */
const OF_A_PIECE = 50;
const OF_A_BYTE = 0.003;

/**
 * The files of a tar archive, plain or gzipped, or of a zip archive. `maxBytes` bounds what it may unpack to; that is
 * checked while unpacking, whatever the archive claims, so that a small upload cannot use up memory or time.
 *
 * @throws TrimtabError invalid_file with what is wrong, payload_too_large.
 */
export async function unpackArchive(
  archive: Uint8Array,
  maxBytes: number,
  pace = new Pace(""),
): Promise<Map<string, Uint8Array>> {
  if (startsWith(archive, [0x50, 0x4b])) return unzip(archive, maxBytes, pace);
  return readTar(startsWith(archive, [0x1f, 0x8b]) ? await gunzip(archive, maxBytes, pace) : archive);
}

async function unzip(archive: Uint8Array, maxBytes: number, pace: Pace): Promise<Map<string, Uint8Array>> {
  const zipped = readZipDirectory(archive);
  if (zipped.reduce((sum, { size }) => sum + size, 0) > maxBytes) throw tooLarge(maxBytes);
  const files = new Map<string, Uint8Array>();
  for (const { name, deflated, packed, size } of zipped) {
    const damaged = (cause?: unknown) => refuse(`is damaged: ${quoteName(name)} is not what it says`, cause);
    const bytes = deflated
      ? await inflated(packed, "deflate-raw", { most: size, tooLong: damaged, damaged, pace })
      : packed;
    await pace.spend(OF_A_PIECE);
    if (bytes.length !== size) throw damaged();
    files.set(name, bytes);
  }
  return files;
}

function gunzip(archive: Uint8Array, maxBytes: number, pace: Pace): Promise<Uint8Array> {
  return inflated(archive, "gzip", {
    most: maxBytes,
    tooLong: () => tooLarge(maxBytes),
    damaged: (cause) => refuse("is damaged, or is not gzipped", cause),
    pace,
  });
}

interface Bound {
  readonly most: number;
  readonly tooLong: () => TrimtabError;
  readonly damaged: (cause: unknown) => TrimtabError;
  readonly pace: Pace;
}

/** Unpacks as much as is read, and reads no further than `most`. */
async function inflated(
  packed: Uint8Array,
  format: "gzip" | "deflate-raw",
  { most, tooLong, damaged, pace }: Bound,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const { readable, writable } = new DecompressionStream(format);
  const written = writePieces(writable, packed, pace);
  // What is wrong shows on the reading side as well, which may be first to hear of it.
  written.catch(() => {});
  try {
    for await (const chunk of readable) {
      total += chunk.byteLength;
      if (total > most) throw tooLong();
      chunks.push(chunk);
      await pace.spend(OF_A_BYTE * chunk.byteLength);
    }
    await written;
  } catch (error) {
    throw error instanceof TrimtabError ? error : damaged(error);
  }
  return joinBytes(chunks);
}

/** What is written to a decompressor at once, it unpacks at once. */
async function writePieces(writable: WritableStream<BufferSource>, bytes: Uint8Array, pace: Pace): Promise<void> {
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    await pace.spend(OF_A_PIECE);
    await writer.write(bytes.slice(at, at + PIECE_BYTES));
  }
  await writer.close();
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, at) => bytes[at] === byte);
}

function tooLarge(maxBytes: number): TrimtabError {
  const message = `The archive unpacks to more than ${maxBytes} bytes. Pack only adapter_config.json and the adapter's weights, without optimizer state; save them in 16 bits, or with a lower rank.`;
  return new TrimtabError("payload_too_large", message, { param: "file" });
}

function refuse(problem: string, cause?: unknown): TrimtabError {
  return new TrimtabError("invalid_file", `The archive ${problem}.`, { param: "file", cause });
}
