import type { Context } from "hono";
import { type Idempotency, mismatch } from "../objects/idempotency.ts";
import type { Remote } from "../objects/remote.ts";
import type { Tenant } from "../objects/tenant.ts";
import type { AppEnv } from "./app-env.ts";
import { idempotencyOf, replay } from "./idempotent.ts";

/** An upload of the largest file over a slow line. */
const STALE_MS = 30 * 60_000;

/** What tells one upload from another. */
export interface ReceivedFile {
  readonly filename: string;
  readonly sha256: string;
}

/** What to do with an upload that has been read: answer with an earlier reply, or store this one under `asked`. */
export interface Identified {
  readonly replay: Response | null;
  readonly asked: Idempotency | null;
}

/**
 * Runs an upload once for each Idempotency-Key. Two uploads are the same when the files are: the form around them has a new
 * boundary each time. An upload that fails has created nothing and leaves its key unused.
 */
export async function uploadOnce<T extends Response>(
  c: Context<AppEnv>,
  tenant: Remote<Tenant>,
  run: (identify: (received: ReceivedFile) => Promise<Identified>) => Promise<T>,
): Promise<T> {
  const keyed = await idempotencyOf(c, "");
  if (keyed === null) return run(async () => ({ replay: null, asked: null }));
  const claimed = { key: keyed.key, provisional: `upload ${crypto.randomUUID()}` };
  const before = await tenant.claimUpload({ ...claimed, staleMs: STALE_MS });
  let asked: Idempotency = { key: claimed.key, fingerprint: claimed.provisional };
  try {
    return await run(async ({ filename, sha256 }) => {
      const { fingerprint } = (await idempotencyOf(c, JSON.stringify([filename, sha256]))) ?? keyed;
      if (before !== null) {
        if (before.fingerprint !== fingerprint) throw mismatch();
        return { replay: replay(before.reply), asked: null };
      }
      await tenant.identifyUpload(claimed, fingerprint);
      asked = { key: claimed.key, fingerprint };
      return { replay: null, asked };
    });
  } catch (error) {
    if (before === null) await tenant.abandon(asked);
    throw error;
  }
}
