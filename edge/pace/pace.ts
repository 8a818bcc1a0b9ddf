import { TURNSTILE, type Turnstile } from "./turnstile.ts";

/**
 * Work between two turns, in millionths of a second as they are estimated, and in milliseconds where the clock shows them: a
 * deployed Worker's stands still while it computes.
 */
const PIECE = 10_000;
const PIECE_MS = 10;

/** Keeps the heavy work of one request in pieces, each of which waits for its turn. */
export class Pace {
  readonly #tenant: string;
  readonly #turnstile: Turnstile;
  #spent = 0;
  #since = performance.now();

  /** @param tenant for whom the work is done: tenants take turns */
  constructor(tenant: string, turnstile: Turnstile = TURNSTILE) {
    this.#tenant = tenant;
    this.#turnstile = turnstile;
  }

  /** Counts work that has just been done, and waits for another turn once it was enough. */
  async spend(microseconds: number): Promise<void> {
    this.#spent += microseconds;
    if (this.#spent < PIECE && performance.now() - this.#since < PIECE_MS) return;
    await this.turn();
  }

  /** Waits for a turn, before work whose length is not known. */
  async turn(): Promise<void> {
    await this.#turnstile.pass(this.#tenant);
    this.#spent = 0;
    this.#since = performance.now();
  }
}
