import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";

/** How long one call to the tenant's object waits: a call that is lost costs no more. */
const STRETCH_MS = 20_000;

/** Waits until a job has ended, `limitMs` at the longest; returns whether it has. */
export async function awaitJob(tenant: Remote<Tenant>, job: string, limitMs: number): Promise<boolean> {
  const until = Date.now() + limitMs;
  for (;;) {
    const left = until - Date.now();
    if (await tenant.edits.awaitJob(job, Math.max(0, Math.min(STRETCH_MS, left)))) return true;
    if (left <= STRETCH_MS) return false;
  }
}
