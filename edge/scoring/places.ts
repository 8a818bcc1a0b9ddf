/** How many calls may be under way at a time: of one tenant, and of all, so that no tenant's slow scorer holds up the others. */
export interface PlaceLimits {
  readonly ofTenant: number;
  readonly ofAll: number;
  /** Calls of one tenant that may wait for a place. */
  readonly waiting: number;
}

interface Waiter {
  readonly tenant: string;
  readonly take: () => void;
}

export class Places {
  readonly #limits: PlaceLimits;
  readonly #held = new Map<string, number>();
  /** In the order in which they came. */
  readonly #waiters = new Set<Waiter>();
  #all = 0;

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  /**
   * Waits for a place until the signal fires.
   *
   * @returns what gives the place back, to be called once; undefined where too many of the tenant's calls wait already
   * @throws the signal's reason
   */
  async take(tenant: string, signal: AbortSignal): Promise<(() => void) | undefined> {
    signal.throwIfAborted();
    if (!this.#hasRoom(tenant)) {
      const waiting = [...this.#waiters].filter((waiter) => waiter.tenant === tenant).length;
      if (waiting >= this.#limits.waiting) return undefined;
      await this.#wait(tenant, signal);
    } else this.#hold(tenant, 1);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#hold(tenant, -1);
      this.#admit();
    };
  }

  #wait(tenant: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        tenant,
        take: () => {
          signal.removeEventListener("abort", leave);
          this.#waiters.delete(waiter);
          this.#hold(tenant, 1);
          resolve();
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** The first that may go; those of a tenant without room let others pass. */
  #admit(): void {
    for (const waiter of this.#waiters) if (this.#hasRoom(waiter.tenant)) waiter.take();
  }

  #hasRoom(tenant: string): boolean {
    return this.#all < this.#limits.ofAll && (this.#held.get(tenant) ?? 0) < this.#limits.ofTenant;
  }

  #hold(tenant: string, change: 1 | -1): void {
    this.#all += change;
    const held = (this.#held.get(tenant) ?? 0) + change;
    if (held > 0) this.#held.set(tenant, held);
    else this.#held.delete(tenant);
  }
}
