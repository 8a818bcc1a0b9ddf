import type { Context } from "hono";
import { CLAIM_MS, type Idempotency, mismatch } from "../objects/idempotency.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";
import type { AppEnv } from "./app-env.ts";
import { idempotencyOf, replay } from "./idempotent.ts";
import { newHolder, renewing } from "./renewing.ts";

/** The next step for an upload that has been read: send an earlier reply, or store the upload under `key`. */
export interface Identified {
  readonly replay: Response | null;
  readonly key: Idempotency | null;
}

/**
 * Runs an upload once for each Idempotency-Key. Two uploads are the same if all their fields are. `identify` receives
 * them one by one, a file as its digest, because the form around them has a new boundary each time. A failed upload
 * creates nothing and leaves its key unused.
 */
export async function uploadOnce<T extends Response>(
  c: Context<AppEnv>,
  tenant: Remote<Tenant>,
  run: (identify: (sent: readonly (string | null)[]) => Promise<Identified>) => Promise<T>,
): Promise<T> {
  const keyed = await idempotencyOf(c, "");
  if (keyed === null) return run(async () => ({ replay: null, key: null }));
  const holder = newHolder();
  const claimed = { key: keyed.key, provisional: `upload ${holder.id}`, holder };
  const before = await tenant.idempotency.claimUpload({ ...claimed, staleMs: CLAIM_MS });
  let known: Idempotency = { key: claimed.key, fingerprint: claimed.provisional };
  const identify = async (sent: readonly (string | null)[]): Promise<Identified> => {
    const { fingerprint } = (await idempotencyOf(c, JSON.stringify(sent))) ?? keyed;
    if (before !== null) {
      if (before.fingerprint !== fingerprint) throw mismatch();
      return { replay: replay(before.reply), key: null };
    }
    await tenant.idempotency.identifyUpload(claimed, fingerprint);
    known = { key: claimed.key, fingerprint };
    return { replay: null, key: known };
  };
  try {
    return await renewing(
      () => tenant.idempotency.renew({ ...known, holder }),
      () => run(identify),
    );
  } catch (error) {
    // If that fails too, the claim lapses soon, and the upload's own error says more.
    if (before === null) await tenant.idempotency.abandon({ ...known, holder }).catch(() => {});
    throw error;
  }
}
