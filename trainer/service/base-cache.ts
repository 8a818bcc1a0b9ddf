import { randomBytes } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BlobRef } from "../../shared/api/trainer.ts";
import type { ByteSource } from "../../shared/formats/safetensors.ts";
import { DiskFile } from "./disk-file.ts";

export type Download = (ref: BlobRef, signal: AbortSignal) => Promise<Uint8Array>;

export interface LoadedBase {
  /** By name. */
  readonly files: ReadonlyMap<string, ByteSource>;
  /** The files can be read no more. */
  close(): void;
}

/**
 * The files of a base model. Each is kept under its digest in `folder`, since the next job mostly has the same base, and
 * read from there; datasets and results are a tenant's own and never stay here. A file is believed only after its digest
 * was checked, on every load. One that cannot be kept is held in memory.
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
      const file = (await openKept(path, ref)) ?? (await fetchAndKeep(path, () => download(ref, signal)));
      if (file instanceof DiskFile) open.push(file);
      loaded.set(ref.name, file);
    }
  } catch (error) {
    close();
    throw error;
  }
  return { files: loaded, close };
}

async function openKept(path: string, { bytes, sha256 }: BlobRef): Promise<DiskFile | undefined> {
  let file: DiskFile;
  try {
    file = new DiskFile(path);
  } catch {
    // Not there, or not readable: the server has it.
    return undefined;
  }
  if (file.byteLength === bytes && (await file.digest()) === sha256) return file;
  file.close();
  return undefined;
}

async function fetchAndKeep(path: string, download: () => Promise<Uint8Array>): Promise<DiskFile | Uint8Array> {
  const bytes = await download();
  return (await keep(path, bytes)) ? new DiskFile(path) : bytes;
}

/** Written beside and renamed, so that a kill in between leaves no half file under the digest's name. */
async function keep(path: string, bytes: Uint8Array): Promise<boolean> {
  const part = `${path}.${randomBytes(6).toString("hex")}.part`;
  try {
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(part, bytes);
    await rename(part, path);
    return true;
  } catch {
    // A full or read-only disk costs a download the next time, not this job.
    await rm(part, { force: true }).catch(() => undefined);
    return false;
  }
}
