import { TrimtabError } from "../../shared/errors.ts";

/**
 * Heavy work of tenants, one piece at a time: each has the isolate's memory to itself. Tenants take turns, so that one that asks
 * for much keeps another waiting for one piece only.
 */
export class Turns {
  readonly #most: number;
  readonly #mostOfTenant: number;
  readonly #waiting = new Map<string, (() => void)[]>();
  #busy = false;
  #count = 0;

  /** @param most pieces that may wait, and of one tenant */
  constructor({ most, mostOfTenant }: { readonly most: number; readonly mostOfTenant: number }) {
    this.#most = most;
    this.#mostOfTenant = mostOfTenant;
  }

  /** @throws TrimtabError capacity_exceeded, or rate_limit_exceeded where the tenant has enough waiting already */
  async take<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy) await this.#turn(tenant);
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #turn(tenant: string): Promise<void> {
    const own = this.#waiting.get(tenant) ?? [];
    if (own.length >= this.#mostOfTenant) {
      const message = `${own.length} of your inspections wait for their turn already. Send the next one when they are done.`;
      throw new TrimtabError("rate_limit_exceeded", message);
    }
    if (this.#count >= this.#most) {
      throw new TrimtabError("capacity_exceeded", "Too many inspections wait for their turn. Try again in a minute.");
    }
    return new Promise((resolve) => {
      own.push(resolve);
      this.#waiting.set(tenant, own);
      this.#count += 1;
    });
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#busy = false;
      return;
    }
    const [tenant, own] = first;
    const resume = own.shift()!;
    this.#count -= 1;
    // Behind the others, if it has more.
    this.#waiting.delete(tenant);
    if (own.length > 0) this.#waiting.set(tenant, own);
    resume();
  }
}
