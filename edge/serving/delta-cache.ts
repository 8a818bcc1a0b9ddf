import type { TrimtabError } from "../../shared/errors.ts";
import { MAX_WAITING, tooManyWait } from "./limits.ts";

/** A value that a caller wants, and how to get it where it is not here. */
export interface Wanted<T> {
  /** Equal keys are the same value. */
  readonly key: string;
  /** In memory. */
  readonly bytes: number;
  readonly read: () => Promise<T>;
}

export interface Taken<T> {
  /** In the order in which they were wanted. */
  readonly values: readonly T[];
  /** Must be called once, when they are no longer used. */
  readonly release: () => void;
}

interface Entry<T> {
  readonly bytes: number;
  readonly value: Promise<T>;
  users: number;
}

/**
 * Values in memory, up to a number of bytes: those in use, and of the others the last used as far as there is room. What is not
 * here yet is read once, however many want it.
 */
export class Shelf<T> {
  readonly #capacity: number;
  readonly #tooLarge: (bytes: number) => TrimtabError;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry<T>>();
  readonly #waiting: { readonly wanted: readonly Wanted<T>[]; readonly grant: (entries: Entry<T>[]) => void }[] = [];
  /** Bytes of all entries, and of those in use. */
  #held = 0;
  #used = 0;

  /** `tooLarge` says of so many bytes, wanted at once, that they are more than the shelf ever holds. */
  constructor(capacity: number, tooLarge: (bytes: number) => TrimtabError) {
    this.#capacity = capacity;
    this.#tooLarge = tooLarge;
  }

  /**
   * Waits, first come first served, while those in use leave no room. All of one call are taken at once, so that no two calls
   * wait for each other.
   *
   * Throws what `read` throws, with nothing taken; what `tooLarge` makes; `capacity_exceeded` where too many wait already.
   */
  async take(wanted: readonly Wanted<T>[]): Promise<Taken<T>> {
    const distinct = [...new Map(wanted.map((one) => [one.key, one])).values()];
    const bytes = distinct.reduce((sum, one) => sum + one.bytes, 0);
    if (bytes > this.#capacity) throw this.#tooLarge(bytes);
    const entries = await this.#granted(distinct);
    const release = () => this.#release(entries);
    try {
      const values = await Promise.all(entries.map(({ value }) => value));
      const byKey = new Map(distinct.map(({ key }, i) => [key, values[i]!]));
      return { values: wanted.map(({ key }) => byKey.get(key)!), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #granted(wanted: readonly Wanted<T>[]): Entry<T>[] | Promise<Entry<T>[]> {
    if (wanted.length === 0) return [];
    if (this.#waiting.length === 0 && this.#hasRoom(wanted)) return this.#hold(wanted);
    if (this.#waiting.length === MAX_WAITING) {
      throw tooManyWait();
    }
    return new Promise((grant) => this.#waiting.push({ wanted, grant }));
  }

  #hasRoom(wanted: readonly Wanted<T>[]): boolean {
    const added = wanted.filter(({ key }) => (this.#entries.get(key)?.users ?? 0) === 0);
    return this.#used + added.reduce((sum, { bytes }) => sum + bytes, 0) <= this.#capacity;
  }

  #hold(wanted: readonly Wanted<T>[]): Entry<T>[] {
    const held = wanted.map(({ key, bytes, read }) => {
      const entry = this.#entries.get(key) ?? this.#add(key, bytes, read);
      // A Map remembers insertion order: moving an entry to the end makes the first one the least recently used.
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      if (entry.users === 0) this.#used += entry.bytes;
      entry.users += 1;
      return entry;
    });
    for (const [key, entry] of this.#entries) {
      if (this.#held <= this.#capacity) break;
      if (entry.users === 0) this.#drop(key, entry);
    }
    return held;
  }

  #add(key: string, bytes: number, read: () => Promise<T>): Entry<T> {
    const entry: Entry<T> = { bytes, value: read(), users: 0 };
    this.#held += bytes;
    // The next one who wants it tries again.
    entry.value.catch(() => this.#drop(key, entry));
    return entry;
  }

  #drop(key: string, entry: Entry<T>): void {
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#held -= entry.bytes;
  }

  #release(entries: readonly Entry<T>[]): void {
    for (const entry of entries) {
      entry.users -= 1;
      if (entry.users === 0) this.#used -= entry.bytes;
    }
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoom(next.wanted); next = this.#waiting[0]) {
      this.#waiting.shift();
      next.grant(this.#hold(next.wanted));
    }
  }
}
