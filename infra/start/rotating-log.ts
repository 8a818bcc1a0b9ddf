/**
 * Keeps a log that another process writes from filling the disk. The writer has the file open for appending and goes on with it:
 * what it has written is copied to `<file>.1`, older copies move up, and the file is emptied in place.
 */
import { closeSync, openSync, readSync, renameSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";

export interface LogLimits {
  /** What a file may have before it is rotated, and half of what a copy may have. */
  readonly bytes: number;
  /** Copies beside the file itself. */
  readonly copies: number;
}

export const LOG_LIMITS: LogLimits = { bytes: 10 << 20, copies: 3 };

const PIECE = 1 << 20;

/** Rotates the log if it has grown too large. Lines that are written in the milliseconds of the copy may be lost. */
export function rotateLog(file: string, { bytes, copies }: LogLimits = LOG_LIMITS): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= bytes) return;
  rmSync(`${file}.${copies}`, { force: true });
  for (let n = copies - 1; n >= 1; n--) {
    if (statSync(`${file}.${n}`, { throwIfNoEntry: false }) !== undefined)
      renameSync(`${file}.${n}`, `${file}.${n + 1}`);
  }
  // A program that writes without pause is ahead of whoever rotates: its end says most.
  copyEnd(file, `${file}.1`, { start: Math.max(0, size - bytes), most: 2 * bytes });
  truncateSync(file);
}

function copyEnd(from: string, to: string, { start, most }: { readonly start: number; readonly most: number }): void {
  const source = openSync(from, "r");
  try {
    const target = openSync(to, "w", 0o600);
    try {
      if (start > 0) writeSync(target, `[${start} bytes before this are left out]\n`);
      const piece = Buffer.allocUnsafe(PIECE);
      // The writer may be faster than this copy, which would never end.
      for (let at = start; at < start + most; ) {
        const read = readSync(source, piece, 0, Math.min(PIECE, start + most - at), at);
        if (read === 0) return;
        writeSync(target, piece, 0, read);
        at += read;
      }
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}
