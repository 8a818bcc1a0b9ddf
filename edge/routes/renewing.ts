/** How long a claim is valid that is not renewed: as long as others wait for what a killed Worker had claimed. */
export const CLAIM_MS = 60_000;

const RENEW_MS = 15_000;

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
