import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256Hex } from "../../shared/formats/digest.ts";
import type { BaseArtefacts } from "../recipes/recipe.ts";
import type { JobClient } from "./client.ts";

export interface BaseArtefactsOptions {
  readonly client: Pick<JobClient, "readBaseArtefact" | "keepBaseArtefact">;
  /** Of the base. */
  readonly digest: string;
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
}

/**
 * The files that trainers keep beside a base: on the server, and cached in a folder, because the next job of the same base usually
 * reads the same ones. A cached file's name ends with the SHA-256 of its bytes, which is checked whenever it is read.
 */
export function baseArtefacts({ client, digest, cacheFolder, signal }: BaseArtefactsOptions): BaseArtefacts {
  const folder = join(cacheFolder, "base-artefacts", digest);
  return {
    async read(name) {
      const cached = await readCached(folder, name);
      if (cached !== undefined) return cached;
      const bytes = await client.readBaseArtefact(name, signal);
      if (bytes !== undefined) await writeCached(folder, name, bytes);
      return bytes;
    },
    async write(name, bytes) {
      await client.keepBaseArtefact({ name, bytes, sha256: await sha256Hex(bytes) });
    },
  };
}

async function readCached(folder: string, name: string): Promise<Uint8Array | undefined> {
  const names = await readdir(folder).catch(() => []);
  for (const file of names.filter((one) => one.startsWith(`${name}.`))) {
    const sha256 = file.slice(name.length + 1);
    if (!/^[0-9a-f]{64}$/.test(sha256)) continue;
    const bytes = await readFile(join(folder, file)).catch(() => undefined);
    if (bytes !== undefined && (await sha256Hex(bytes)) === sha256) return bytes;
    await rm(join(folder, file), { force: true }).catch(() => undefined);
  }
  return undefined;
}

/** Writes to a temporary file and renames it, so that a crash never leaves a partial one. A full disk costs a download next time. */
async function writeCached(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const path = join(folder, `${name}.${await sha256Hex(bytes)}`);
  const part = `${path}.${randomBytes(6).toString("hex")}.part`;
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(part, bytes);
    await rename(part, path);
  } catch {
    await rm(part, { force: true }).catch(() => undefined);
  }
}
