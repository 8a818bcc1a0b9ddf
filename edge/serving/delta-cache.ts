import type { TrimtabError } from "../../shared/errors.ts";
import { MAX_WAITING, MAX_WAITING_OF_TENANT } from "./limits.ts";
import { Scheduler, tooManyWaiting } from "./scheduler.ts";

/** A value that a request needs, and how to read it if it is not in memory. */
export interface CacheRequest<T> {
  /** Equal keys mean the same value. */
  readonly key: string;
  /** In memory. */
  readonly bytes: number;
  readonly read: () => Promise<T>;
}

export interface Acquired<T> {
  /** In the order of the requests. */
  readonly values: readonly T[];
  /** Call it once, when the values are no longer used. */
  readonly release: () => void;
}

/** How many smaller requests may overtake one that does not fit yet. */
const PATIENCE = 8;

interface Entry<T> {
  readonly bytes: number;
  readonly value: Promise<T>;
  users: number;
}

/** A call of `acquire` that waits for room. */
interface Waiter<T> {
  readonly tenant: string;
  readonly rows: 1;
  readonly requests: readonly CacheRequest<T>[];
  readonly admit: (entries: Entry<T>[]) => void;
  readonly refuse: (error: TrimtabError) => void;
}

/**
 * Keeps deltas, or weights, in memory, up to a number of bytes: those in use and, where there is room, the most recently used of the
 * rest. A missing value is read once, however many requests need it.
 */
export class DeltaCache<T> {
  readonly #capacity: number;
  readonly #tooLarge: (bytes: number) => TrimtabError;
  readonly #discard: ((value: T) => void) | undefined;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry<T>>();
  readonly #scheduler = new Scheduler<Waiter<T>>({
    slots: Number.POSITIVE_INFINITY,
    quota: Number.POSITIVE_INFINITY,
    patience: PATIENCE,
    waitingOfTenant: MAX_WAITING_OF_TENANT,
    waiting: MAX_WAITING,
    term: Number.POSITIVE_INFINITY,
  });
  /** Bytes of all entries, and of those in use. */
  #storedBytes = 0;
  #usedBytes = 0;

  /**
   * `tooLarge` makes the error for a request that needs more bytes at once than the cache can ever hold. With `discard`, which frees
   * what a value holds outside, values that nobody uses leave as soon as another one is read.
   */
  constructor(capacity: number, tooLarge: (bytes: number) => TrimtabError, discard?: (value: T) => void) {
    this.#capacity = capacity;
    this.#tooLarge = tooLarge;
    this.#discard = discard;
  }

  /**
   * Waits while the values in use leave no room; tenants take turns. A call acquires all its values at once, so two
   * calls can never wait for each other.
   *
   * Throws what `read` throws, with nothing acquired; the error that `tooLarge` makes; `rate_limit_exceeded` if too many of the
   * tenant's are waiting already, `capacity_exceeded` if too many tenants are.
   */
  async acquire(tenant: string, requests: readonly CacheRequest<T>[]): Promise<Acquired<T>> {
    const distinct = [...new Map(requests.map((request) => [request.key, request])).values()];
    if (distinct.length === 0) return { values: [], release: () => {} };
    const bytes = distinct.reduce((sum, request) => sum + request.bytes, 0);
    if (bytes > this.#capacity) throw this.#tooLarge(bytes);
    const { entries, release } = await this.#admitted(tenant, distinct);
    try {
      const values = await Promise.all(entries.map(({ value }) => value));
      const byKey = new Map(distinct.map(({ key }, i) => [key, values[i]!]));
      return { values: requests.map(({ key }) => byKey.get(key)!), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #admitted(
    tenant: string,
    requests: readonly CacheRequest<T>[],
  ): Promise<{ entries: Entry<T>[]; release: () => void }> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = {
        tenant,
        rows: 1,
        requests,
        admit: (entries) => resolve({ entries, release: () => this.#release(waiter, entries) }),
        refuse: reject,
      };
      for (const evicted of this.#scheduler.submit([waiter])) evicted.refuse(tooManyWaiting());
      this.#admit();
    });
  }

  /** Entries are used from the moment of their admission, so that the next candidate finds less room. */
  #admit(): void {
    const used = new Map<Waiter<T>, Entry<T>[]>();
    const { admitted } = this.#scheduler.admit((candidate, before) => {
      for (const waiter of before) if (!used.has(waiter)) used.set(waiter, this.#use(waiter.requests));
      return this.#hasRoom(candidate.requests) ? "now" : "later";
    });
    for (const waiter of admitted) waiter.admit(used.get(waiter) ?? this.#use(waiter.requests));
  }

  #hasRoom(requests: readonly CacheRequest<T>[]): boolean {
    const added = requests.filter(({ key }) => (this.#entries.get(key)?.users ?? 0) === 0);
    return this.#usedBytes + added.reduce((sum, { bytes }) => sum + bytes, 0) <= this.#capacity;
  }

  #use(requests: readonly CacheRequest<T>[]): Entry<T>[] {
    const reads = requests.some(({ key }) => !this.#entries.has(key));
    const used = requests.map(({ key, bytes, read }) => {
      const entry = this.#entries.get(key) ?? this.#add(key, bytes, read);
      // A Map remembers insertion order: moving an entry to the end makes the first one the least recently used.
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      if (entry.users === 0) this.#usedBytes += entry.bytes;
      entry.users += 1;
      return entry;
    });
    const keepsIdle = this.#discard === undefined || !reads;
    for (const [key, entry] of this.#entries) {
      if (keepsIdle && this.#storedBytes <= this.#capacity) break;
      if (entry.users === 0) this.#drop(key, entry);
    }
    return used;
  }

  #add(key: string, bytes: number, read: () => Promise<T>): Entry<T> {
    const entry: Entry<T> = { bytes, value: read(), users: 0 };
    this.#storedBytes += bytes;
    // The next request for it reads it again.
    entry.value.catch(() => this.#drop(key, entry));
    return entry;
  }

  #drop(key: string, entry: Entry<T>): void {
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#storedBytes -= entry.bytes;
    const discard = this.#discard;
    if (discard !== undefined) entry.value.then(discard, () => {});
  }

  #release(waiter: Waiter<T>, entries: readonly Entry<T>[]): void {
    for (const entry of entries) {
      entry.users -= 1;
      if (entry.users === 0) this.#usedBytes -= entry.bytes;
    }
    this.#scheduler.remove(waiter);
    this.#admit();
  }
}
