/** What is left of an allowance, for the `x-ratelimit-*` headers. */
export interface Allowance {
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until the allowance is full again. */
  readonly resetMs: number;
}

/** How much many small refills may lose to rounding. */
const ROUNDING = 1e-6;

/** A token bucket that refills evenly over a minute. Its owner passes the time in. */
export class MinuteBucket {
  readonly #limit: number;
  #level: number;
  #at: number;

  constructor(limit: number, now: number) {
    this.#limit = limit;
    this.#level = limit;
    this.#at = now;
  }

  /** Takes `amount` if that much is left; returns whether it did. */
  take(amount: number, now: number): boolean {
    this.#refill(now);
    if (this.#level + ROUNDING < amount) return false;
    this.#level -= amount;
    return true;
  }

  /** Takes `amount`, what a finished request has used, whether or not it is there. The level may fall below zero. */
  charge(amount: number, now: number): void {
    this.#refill(now);
    this.#level -= amount;
  }

  /** Milliseconds until `amount` is available. */
  waitFor(amount: number, now: number): number {
    this.#refill(now);
    return Math.max(0, Math.ceil(((amount - this.#level - ROUNDING) * 60_000) / this.#limit));
  }

  allowance(now: number): Allowance {
    const resetMs = this.waitFor(this.#limit, now);
    return { limit: this.#limit, remaining: Math.max(0, Math.floor(this.#level + ROUNDING)), resetMs };
  }

  #refill(now: number): void {
    const gained = ((now - this.#at) * this.#limit) / 60_000;
    this.#level = Math.min(this.#limit, this.#level + Math.max(0, gained));
    this.#at = now;
  }
}
