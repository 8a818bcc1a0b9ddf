import { TrimtabError } from "../../shared/errors.ts";

export interface TurnsOptions {
  /** What waits, in the plural, for messages. */
  readonly what: string;
  /** Pieces that may wait, and of one tenant. */
  readonly most: number;
  readonly mostOfTenant: number;
}

interface Waiting {
  readonly resume: () => void;
  readonly refuse: (error: TrimtabError) => void;
}

/**
 * Heavy work of tenants, one piece at a time: each has the isolate's memory to itself. Tenants take turns, so that one that asks
 * for much keeps another waiting for one piece only.
 */
export class Turns {
  readonly #options: TurnsOptions;
  /** The first tenant is next. No list is empty. */
  readonly #waiting = new Map<string, Waiting[]>();
  #busy = false;
  #count = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /**
   * Does a piece of work when its turn comes. Where the queue is full, the newest piece of the tenant with most waiting leaves it.
   *
   * @throws TrimtabError rate_limit_exceeded where the tenant has enough waiting already, or its piece had to leave; capacity_exceeded
   *   where so many tenants wait that there is no place for one piece of each
   */
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
    const { what, most, mostOfTenant } = this.#options;
    const before = this.#waiting.get(tenant)?.length ?? 0;
    if (before >= mostOfTenant) throw this.#tooMany(before);
    if (this.#count >= most && !this.#evict(before + 1)) {
      if (before > 0) throw this.#tooMany(before);
      throw new TrimtabError("capacity_exceeded", `Too many ${what} wait for their turn. Try again in a minute.`);
    }
    return new Promise((resume, refuse) => {
      this.#waiting.set(tenant, [...(this.#waiting.get(tenant) ?? []), { resume, refuse }]);
      this.#count += 1;
    });
  }

  /** Refuses the newest piece of the tenant with most waiting; returns false if nobody has more than so many. */
  #evict(most: number): boolean {
    const [tenant, own] = [...this.#waiting].reduce((first, next) => (next[1].length > first[1].length ? next : first));
    if (own.length <= most) return false;
    this.#waiting.set(tenant, own.slice(0, -1));
    this.#count -= 1;
    own.at(-1)!.refuse(this.#tooMany(own.length));
    return true;
  }

  #tooMany(waiting: number): TrimtabError {
    const { what } = this.#options;
    const message = `${waiting} of your ${what} wait for their turn already. Send the next one when they are done.`;
    return new TrimtabError("rate_limit_exceeded", message);
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#busy = false;
      return;
    }
    const [tenant, [next, ...rest]] = first;
    this.#count -= 1;
    // Behind the others, if it has more.
    this.#waiting.delete(tenant);
    if (rest.length > 0) this.#waiting.set(tenant, rest);
    next!.resume();
  }
}
