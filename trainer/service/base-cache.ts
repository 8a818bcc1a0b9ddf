import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BlobRef } from "../../shared/api/trainer.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";

export type Download = (ref: BlobRef, signal: AbortSignal) => Promise<Uint8Array>;

/**
 * The files of a base model by name. Each is kept under its digest in `folder`, since the next job mostly has the same
 * base; datasets and results are a tenant's own and never stay here. A file is believed only after its digest was
 * checked, on every load.
 */
export async function loadBase(
  folder: string,
  files: readonly BlobRef[],
  download: Download,
  signal: AbortSignal,
): Promise<Map<string, Uint8Array>> {
  const loaded = new Map<string, Uint8Array>();
  for (const ref of files) {
    const path = join(folder, ref.sha256);
    const kept = await readWhole(path, ref);
    const bytes = kept ?? (await download(ref, signal));
    if (kept === undefined) await keep(path, bytes);
    loaded.set(ref.name, bytes);
  }
  return loaded;
}

async function readWhole(path: string, { bytes, sha256 }: BlobRef): Promise<Uint8Array | undefined> {
  try {
    const file = new Uint8Array(await readFile(path));
    if (file.byteLength === bytes && (await sha256Hex(file)) === sha256) return file;
  } catch {
    // Not there, or not readable: the server has it.
  }
  return undefined;
}

/** Written beside and renamed, so that a kill in between leaves no half file under the digest's name. */
async function keep(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.${randomBytes(6).toString("hex")}.part`;
  try {
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(part, bytes);
    await rename(part, path);
  } catch {
    // A full or read-only disk costs a download the next time, not this job.
    await rm(part, { force: true }).catch(() => undefined);
  }
}
