/** Free disk space: a full disk otherwise shows as an internal error of whatever wrote last. */
import { statfsSync } from "node:fs";
import { TrimtabError } from "../../shared/errors.ts";

const MIB = 1 << 20;

/** A checkpoint, a delta and the tables' journal fit in this. */
export const LEAST_FREE = 64 * MIB;
/** The embedded base, the bundled Worker and a demo fit in this. */
const ENOUGH_FREE = 256 * MIB;

/** Bytes that this user can still write to the folder's file system. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** A warning about the remaining space; undefined while there is enough. */
export function spaceWarning(folder: string, free: number = freeBytes(folder)): string | undefined {
  if (free >= ENOUGH_FREE) return undefined;
  return `Only ${Math.floor(free / MIB)} MiB are free on the disk of ${folder}. ${ADVICE}`;
}

const ADVICE = "Free some space, or set TRIMTAB_STATE to a folder on another disk.";

/** @throws TrimtabError internal_error if so little is free that the server would fail as soon as it writes. */
export function requireSpace(folder: string, free: number = freeBytes(folder)): void {
  if (free >= LEAST_FREE) return;
  throw new TrimtabError(
    "internal_error",
    `The disk of ${folder} is full: ${Math.floor(free / MIB)} MiB are free, and the server needs ${LEAST_FREE / MIB}. ${ADVICE}`,
  );
}
