import { Gunzip, type UnzipFileInfo, unzipSync } from "fflate";
import { TrimtabError } from "../../shared/errors.ts";
import { joinBytes } from "../../shared/formats/join-bytes.ts";
import { quoteName } from "../../shared/formats/strict-json.ts";
import { readTar } from "../../shared/formats/tar-reader.ts";

/**
 * The files of a tar archive, plain or gzipped, or of a zip archive. `maxBytes` bounds what it may unpack to, which is
 * checked while it is unpacked, so that a small upload cannot fill the memory.
 *
 * @throws TrimtabError invalid_file with what is wrong, payload_too_large.
 */
export function unpackArchive(archive: Uint8Array, maxBytes: number): Map<string, Uint8Array> {
  if (startsWith(archive, [0x50, 0x4b])) return unzip(archive, maxBytes);
  return readTar(startsWith(archive, [0x1f, 0x8b]) ? gunzip(archive, maxBytes) : archive);
}

function unzip(archive: Uint8Array, maxBytes: number): Map<string, Uint8Array> {
  let total = 0;
  const names = new Set<string>();
  const filter = ({ name, originalSize }: UnzipFileInfo): boolean => {
    total += originalSize;
    if (total > maxBytes) throw tooLarge(maxBytes);
    // Of two entries of one name, two readers may take different ones.
    if (names.has(name)) throw refuse(`holds ${quoteName(name)} twice`);
    names.add(name);
    if (name.startsWith("/") || name.split("/").includes("..")) {
      throw refuse(`holds a file named ${quoteName(name)}, which leaves its folder`);
    }
    return !name.endsWith("/");
  };
  try {
    return new Map(Object.entries(unzipSync(archive, { filter })));
  } catch (error) {
    if (error instanceof TrimtabError) throw error;
    throw refuse("is damaged, or is no zip archive", error);
  }
}

function gunzip(archive: Uint8Array, maxBytes: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const stream = new Gunzip((chunk) => {
    total += chunk.length;
    if (total > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  });
  try {
    // Small pieces, so that the bound is noticed before much is unpacked.
    for (let at = 0; at < archive.length; at += 65_536) {
      stream.push(archive.subarray(at, at + 65_536), at + 65_536 >= archive.length);
    }
  } catch (error) {
    if (error instanceof TrimtabError) throw error;
    throw refuse("is damaged, or is not gzipped", error);
  }
  return joinBytes(chunks);
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, at) => bytes[at] === byte);
}

function tooLarge(maxBytes: number): TrimtabError {
  return new TrimtabError("payload_too_large", `The archive unpacks to more than ${maxBytes} bytes.`, {
    param: "file",
  });
}

function refuse(problem: string, cause?: unknown): TrimtabError {
  return new TrimtabError("invalid_file", `The archive ${problem}.`, { param: "file", cause });
}
