import { randomBytes } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BlobRef } from "../../shared/api/trainer.ts";
import type { ByteSource } from "../../shared/formats/safetensors.ts";
import { DiskFile } from "./disk-file.ts";

export type Download = (ref: BlobRef, signal: AbortSignal) => Promise<Uint8Array>;

export interface LoadedBase {
  /** By file name. */
  readonly files: ReadonlyMap<string, ByteSource>;
  /** Closes the files; they cannot be read afterwards. */
  close(): void;
}

/**
 * Loads the files of a base model. Each is cached in `folder` under its digest, because the next job usually has the same base,
 * and read from there. Datasets and results belong to tenants and are never cached. A cached file's digest is checked on every
 * load. A file that cannot be cached stays in memory.
 */
export async function loadBase(
  folder: string,
  files: readonly BlobRef[],
  download: Download,
  signal: AbortSignal,
): Promise<LoadedBase> {
  const loaded = new Map<string, ByteSource>();
  const open: DiskFile[] = [];
  const close = () => {
    for (const file of open) file.close();
  };
  try {
    for (const ref of files) {
      const path = join(folder, ref.sha256);
      const file = (await openCached(path, ref)) ?? (await fetchAndCache(path, () => download(ref, signal)));
      if (file instanceof DiskFile) open.push(file);
      loaded.set(ref.name, file);
    }
  } catch (error) {
    close();
    throw error;
  }
  return { files: loaded, close };
}

async function openCached(path: string, { bytes, sha256 }: BlobRef): Promise<DiskFile | undefined> {
  let file: DiskFile;
  try {
    file = new DiskFile(path);
  } catch {
    // Missing or unreadable: download it.
    return undefined;
  }
  if (file.byteLength === bytes && (await file.digest()) === sha256) return file;
  file.close();
  return undefined;
}

async function fetchAndCache(path: string, download: () => Promise<Uint8Array>): Promise<DiskFile | Uint8Array> {
  const bytes = await download();
  return (await writeCached(path, bytes)) ? new DiskFile(path) : bytes;
}

/** Writes to a temporary file and renames it, so that a crash never leaves a partial file under the digest's name. */
async function writeCached(path: string, bytes: Uint8Array): Promise<boolean> {
  const part = `${path}.${randomBytes(6).toString("hex")}.part`;
  try {
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(part, bytes);
    await rename(part, path);
    return true;
  } catch {
    // A full or read-only disk costs another download next time; it must not fail this job.
    await rm(part, { force: true }).catch(() => undefined);
    return false;
  }
}
