/** Decides what runs next. Pure, so that tests can run ten thousand schedules in a second. */
import { TrimtabError } from "../../shared/errors.ts";

/** An item that waits for room: a generation with all its rows, or a request's deltas. */
export interface Schedulable {
  readonly tenant: string;
  /** The rows it needs, all at once. */
  readonly rows: number;
}

export interface SchedulerLimits {
  /** Rows in all. */
  readonly slots: number;
  /** Rows that one tenant may hold at a time. If it is below `slots`, a tenant with no rows yet finds a free one. */
  readonly quota: number;
  /** How many others may overtake an item that is next in line but does not fit. */
  readonly patience: number;
  /** Rows of one tenant that may wait. */
  readonly waitingOfTenant: number;
  /** Rows of all tenants that may wait. */
  readonly waiting: number;
}

/** Whether an item fits beside everything running: now, later when something has ended, or never, not even alone. */
export type Room = "now" | "later" | "never";

export interface Admission<T> {
  readonly admitted: readonly T[];
  /** Removed from the queue because they can never fit. */
  readonly refused: readonly T[];
}

/**
 * Admits what is waiting: round-robin over tenants, and first come, first served within each. Items are admitted whole or not
 * at all, so that two half-admitted ones never wait for each other.
 *
 * If the next in line does not fit, others that do may overtake it, but only so many times; then nothing is admitted until it
 * fits, so that small requests cannot starve a large one. Nobody waits for a tenant at its quota.
 */
export class Scheduler<T extends Schedulable> {
  readonly #limits: SchedulerLimits;
  /** Waiting items by tenant. The first tenant is next. No list is empty. */
  readonly #queues = new Map<string, T[]>();
  readonly #running = new Set<T>();
  /** Running rows, by tenant. */
  readonly #held = new Map<string, number>();
  /** How often each item was overtaken while it was next in line and did not fit. */
  readonly #passed = new Map<T, number>();
  #runningRows = 0;
  #waitingRows = 0;

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
  }

  get runningRows(): number {
    return this.#runningRows;
  }

  get waitingRows(): number {
    return this.#waitingRows;
  }

  /**
   * Queues items of one tenant, all of them or none. Throws `invalid_request` for one that takes more rows than a tenant may
   * hold, `capacity_exceeded` if too much is waiting already.
   */
  submit(items: readonly T[]): void {
    const [first] = items;
    if (first === undefined) return;
    const { tenant } = first;
    const { quota, waitingOfTenant, waiting } = this.#limits;
    const largest = Math.max(...items.map(({ rows }) => rows));
    if (largest > quota) {
      throw new TrimtabError(
        "invalid_request",
        `The request's steering needs ${largest} rows at once for one text, itself included, but this model serves at most ${quota} for one tenant. Remove parts of it, or experts or classifiers from a part.`,
        { param: "steering" },
      );
    }
    const added = rowsOf(items);
    const own = this.#queues.get(tenant) ?? [];
    if (rowsOf(own) + added > waitingOfTenant || this.#waitingRows + added > waiting) {
      throw new TrimtabError("capacity_exceeded", "Too many requests wait for this model. Try again in a moment.");
    }
    own.push(...items);
    this.#queues.set(tenant, own);
    this.#waitingRows += added;
  }

  /** Admits the items that fit. Calls `room` for one candidate at a time, with those already admitted. */
  admit(room: (candidate: T, admitted: readonly T[]) => Room): Admission<T> {
    const admitted: T[] = [];
    const refused: T[] = [];
    for (;;) {
      const next = this.#next((candidate) => room(candidate, admitted));
      if (next === undefined) return { admitted, refused };
      this.#dequeue(next.item);
      if (next.room === "never") {
        refused.push(next.item);
        continue;
      }
      this.#hold(next.item, 1);
      this.#running.add(next.item);
      this.#toTheEnd(next.item.tenant);
      admitted.push(next.item);
    }
  }

  /** Removes an item, running or waiting. Does nothing if it is neither. */
  remove(item: T): void {
    if (this.#running.delete(item)) this.#hold(item, -1);
    else if (this.#queues.get(item.tenant)?.includes(item)) this.#dequeue(item);
  }

  #next(roomFor: (candidate: T) => Room): { item: T; room: Room } | undefined {
    const blocked: T[] = [];
    for (const [tenant, [item]] of this.#queues) {
      if (item === undefined || (this.#held.get(tenant) ?? 0) + item.rows > this.#limits.quota) continue;
      const room = this.#runningRows + item.rows > this.#limits.slots ? "later" : roomFor(item);
      if (room === "later") {
        if ((this.#passed.get(item) ?? 0) >= this.#limits.patience) return undefined;
        blocked.push(item);
        continue;
      }
      if (room === "now") for (const one of blocked) this.#passed.set(one, (this.#passed.get(one) ?? 0) + 1);
      return { item, room };
    }
    return undefined;
  }

  #dequeue(item: T): void {
    const queue = this.#queues.get(item.tenant)!;
    queue.splice(queue.indexOf(item), 1);
    if (queue.length === 0) this.#queues.delete(item.tenant);
    this.#waitingRows -= item.rows;
    this.#passed.delete(item);
  }

  #hold({ tenant, rows }: T, sign: 1 | -1): void {
    this.#runningRows += sign * rows;
    const held = (this.#held.get(tenant) ?? 0) + sign * rows;
    if (held === 0) this.#held.delete(tenant);
    else this.#held.set(tenant, held);
  }

  #toTheEnd(tenant: string): void {
    const queue = this.#queues.get(tenant);
    if (queue === undefined) return;
    this.#queues.delete(tenant);
    this.#queues.set(tenant, queue);
  }
}

function rowsOf(items: readonly Schedulable[]): number {
  return items.reduce((sum, { rows }) => sum + rows, 0);
}
