/** How far a tenant that comes back may be behind the others: so many positions go ahead of theirs. */
const CREDIT = 1024;

/**
 * What tenants have been served of late, in positions. A tenant that was away is as far behind as the one that has been served least,
 * plus a credit: what it asks for at first goes ahead, and nobody saves up more than that by staying away.
 */
export class Service {
  readonly #served = new Map<string, number>();
  /** What those that are away came to. */
  readonly #away = new Map<string, number>();

  /** Relative to other tenants' at the same time. */
  of(tenant: string): number {
    return this.#served.get(tenant) ?? this.#start(tenant);
  }

  add(tenant: string, positions: number): void {
    this.#served.set(tenant, this.of(tenant) + positions);
    this.#away.delete(tenant);
  }

  /** The tenant has nothing running or waiting. */
  leave(tenant: string): void {
    const served = this.#served.get(tenant);
    if (served === undefined) return;
    this.#served.delete(tenant);
    // With nobody there, all begin anew.
    if (this.#served.size === 0) {
      this.#away.clear();
      return;
    }
    this.#away.set(tenant, served);
    const floor = this.#floor();
    for (const [other, at] of this.#away) if (at <= floor) this.#away.delete(other);
  }

  #start(tenant: string): number {
    return Math.max(this.#floor(), this.#away.get(tenant) ?? Number.NEGATIVE_INFINITY);
  }

  /** The least that a tenant counts as served. */
  #floor(): number {
    if (this.#served.size === 0) return 0;
    return Math.min(...this.#served.values()) - CREDIT;
  }
}
