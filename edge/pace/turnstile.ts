/** One piece of heavy work of the isolate at a time. */
interface Waiter {
  readonly tenant: string;
  /** Looks of others since it came to the head, without it going through. */
  passed: number;
}

/** A waiter at the head goes through within two looks of its own; one that takes far longer belongs to a request that has ended. */
const LOOKS_OF_THE_DEAD = 16;

/** Milliseconds between two looks of a waiter that is not at the head: longer where many wait, since each look costs something. */
const lookEvery = (waiting: number): number => Math.min(2 + Math.floor(waiting / 8), 50);

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Lets pieces of work through one by one, with the event loop in between, and tenants in turn: however many requests work at a
 * time, a token of somebody's stream waits for one piece. Each waiter looks for itself whether it is at the head, because a request
 * that has ended in the meantime could not call the next one.
 */
export class Turnstile {
  readonly #wait: (milliseconds: number) => Promise<void>;
  /** By tenant, those that wait; the tenant whose turn is next is first. */
  readonly #waiting = new Map<string, Waiter[]>();
  #count = 0;

  constructor(options: { readonly wait?: (milliseconds: number) => Promise<void> } = {}) {
    this.#wait = options.wait ?? wait;
  }

  get waiting(): number {
    return this.#count;
  }

  /** Resolves when it is the caller's turn to work for about as long as a token takes. */
  async pass(tenant: string): Promise<void> {
    const waiter: Waiter = { tenant, passed: 0 };
    this.#join(waiter);
    for (let wasHead = false; ; ) {
      await this.#wait(wasHead || this.#head === waiter ? 0 : lookEvery(this.#count));
      // The others took it for dead.
      if (!this.#waiting.get(tenant)?.includes(waiter)) this.#join(waiter);
      const head = this.#head!;
      if (head !== waiter) {
        wasHead = false;
        head.passed++;
        if (head.passed > LOOKS_OF_THE_DEAD + 4 * this.#count) this.#leave(head);
      } else if (wasHead) {
        this.#leave(waiter);
        return;
      }
      // The piece before this one may have run in this very turn of the event loop: everything else comes first.
      else wasHead = true;
    }
  }

  get #head(): Waiter | undefined {
    const [own] = this.#waiting.values();
    return own?.[0];
  }

  #join(waiter: Waiter): void {
    waiter.passed = 0;
    const own = this.#waiting.get(waiter.tenant);
    if (own === undefined) this.#waiting.set(waiter.tenant, [waiter]);
    else own.push(waiter);
    this.#count++;
  }

  /** Takes it out. Its tenant's others wait behind all other tenants. */
  #leave(waiter: Waiter): void {
    const { tenant } = waiter;
    const left = this.#waiting.get(tenant)!.filter((one) => one !== waiter);
    this.#count--;
    this.#waiting.delete(tenant);
    if (left.length > 0) this.#waiting.set(tenant, left);
  }
}

/** Of all requests and objects of this isolate. */
export const TURNSTILE = new Turnstile();
