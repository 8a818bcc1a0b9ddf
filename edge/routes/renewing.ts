import { type Holder, RENEW_MS } from "../objects/idempotency.ts";
import { isolateName } from "../objects/isolate.ts";

/** This request, as the holder of a claim. */
export function newHolder(): Holder {
  return { id: crypto.randomUUID(), isolate: isolateName() };
}

/** Does work that holds a claim, which is renewed meanwhile however long it takes. */
export async function renewing<T>(renew: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
  // The next renewal makes up for a failed one.
  const renewal = setInterval(() => void renew().catch(() => {}), RENEW_MS);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
  }
}
