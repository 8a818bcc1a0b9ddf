/** Decides what runs next. Pure, so that tests can run ten thousand schedules in a second. */
import { TrimtabError } from "../../shared/errors.ts";
import { Service } from "./service.ts";

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
  /** How many turns an item keeps its rows where a tenant with fewer waits for them. */
  readonly term: number;
}

/** Whether an item fits beside everything running: now, later when something has ended, or never, not even alone. */
export type Room = "now" | "later" | "never";

export interface Preemption<T> {
  /** Whether the candidate would fit beside what runs, but for those that make way. */
  readonly fits: (candidate: T, without: readonly T[]) => boolean;
  /** Whether an item can be paused, beside those that make way. */
  readonly canPause: (item: T, others: readonly T[]) => boolean;
}

export interface Admission<T> {
  readonly admitted: readonly T[];
  /** Removed from the queue because they can never fit. */
  readonly refused: readonly T[];
}

/**
 * Admits what is waiting: the tenants that hold the fewest rows come first and take turns, and each tenant's items go by their age.
 * Items are admitted whole or not at all, so that two half-admitted ones never wait for each other.
 *
 * If the next in line does not fit, others that do may overtake it, but only so many times; then nothing is admitted until it
 * fits, so that small requests cannot starve a large one. Nobody waits for a tenant at its quota.
 *
 * Where a tenant waits for rows that another one holds beyond its share, items of that one make way: they are paused, and first in
 * their tenant's line to go on.
 */
export class Scheduler<T extends Schedulable> {
  readonly #limits: SchedulerLimits;
  /** Waiting items by tenant. The first tenant is next. No list is empty. */
  readonly #queues = new Map<string, T[]>();
  /** How many turns each running item has had since it was admitted, in the order of their admission. */
  readonly #running = new Map<T, number>();
  readonly #paused = new Set<T>();
  /** Running rows, by tenant. */
  readonly #held = new Map<string, number>();
  readonly #service = new Service();
  /** What others were paused for: it is admitted next. */
  #promised: T | undefined;
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
   * Queues items of one tenant, all of them or none. Where the queue is full, the newest of the tenant that has most waiting leave it,
   * if that has more than this one then: they are given back, for their owner to end with `tooManyWaiting`.
   *
   * Throws `invalid_request` for an item that takes more rows than a tenant may hold, `rate_limit_exceeded` if too much of the tenant's
   * own is waiting already, and `capacity_exceeded` where so many tenants wait that there is no place for one item of each.
   */
  submit(items: readonly T[]): readonly T[] {
    const [first] = items;
    if (first === undefined) return [];
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
    const before = this.#newRows(own);
    if (before + added > waitingOfTenant) throw tooManyWaiting();
    const evicted = this.#toEvict(this.#waitingRows + added - waiting, { tenant, rows: before + added });
    if (evicted === undefined) {
      if (before > 0) throw tooManyWaiting();
      throw new TrimtabError("capacity_exceeded", "Too many requests wait for this model. Try again in a moment.");
    }
    for (const item of evicted) this.#dequeue(item);
    own.push(...items);
    this.#queues.set(tenant, own);
    this.#waitingRows += added;
    return evicted;
  }

  /** Rows that wait for the first time: what is paused has been let in before, and takes no place of what comes. */
  #newRows(queue: readonly T[]): number {
    return rowsOf(queue.filter((item) => !this.#paused.has(item)));
  }

  /** The newest items of those that have most waiting, so many rows of them in all; undefined where nobody has more than the other. */
  #toEvict(rows: number, other: { readonly tenant: string; readonly rows: number }): readonly T[] | undefined {
    const evicted: T[] = [];
    const waiting = [...this.#queues].map(([tenant, queue]) => ({
      tenant,
      queue: [...queue],
      rows: this.#newRows(queue),
    }));
    for (let freed = 0; freed < rows; ) {
      const largest = waiting.reduce((most, next) => (next.rows > most.rows ? next : most), { queue: [], ...other });
      const last = largest.queue.pop();
      if (largest.tenant === other.tenant || last === undefined) return undefined;
      evicted.push(last);
      freed += last.rows;
      largest.rows -= last.rows;
    }
    return evicted;
  }

  /** Admits the items that fit, paused ones included. Calls `room` for one candidate at a time, with those already admitted. */
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
      this.#running.set(next.item, 0);
      this.#toTheEnd(next.item.tenant);
      admitted.push(next.item);
    }
  }

  /** Counts a turn for everything that runs. */
  nextTurn(): void {
    for (const [item, turns] of this.#running) this.#running.set(item, turns + 1);
  }

  /** Counts positions that a tenant's rows have computed. */
  serve(tenant: string, positions: number): void {
    this.#service.add(tenant, positions);
  }

  /** Orders tenants: below zero if the first has been served less of late. */
  compareService(a: string, b: string): number {
    return this.#service.of(a) - this.#service.of(b);
  }

  /**
   * Pauses items, so that the first that waits for what others hold beyond their share fits, and gives them. An item makes way where
   * its tenant is left with no fewer rows than the one that waits has then, or after its term where that one has fewer now.
   */
  pause({ fits, canPause }: Preemption<T>): readonly T[] {
    const blocked: T[] = [];
    for (const [tenant, [first]] of this.#inTurn()) {
      if (first === undefined || (this.#held.get(tenant) ?? 0) + first.rows > this.#limits.quota) continue;
      const hasRoom = (without: readonly T[]) =>
        this.#runningRows - rowsOf(without) + first.rows <= this.#limits.slots && fits(first, without);
      if (hasRoom([])) return [];
      const found = this.#makeWay(first, { hasRoom, canPause });
      if (found.length === 0) {
        if (this.#isPatienceOver(first)) return [];
        blocked.push(first);
        continue;
      }
      this.#pass(blocked);
      for (const item of found) this.#pause(item);
      this.#promised = first;
      return found;
    }
    return [];
  }

  /** What has to make way for an item, and may; empty if that is not enough. */
  #makeWay(
    first: T,
    { hasRoom, canPause }: { hasRoom: (without: readonly T[]) => boolean } & Pick<Preemption<T>, "canPause">,
  ): readonly T[] {
    const found: T[] = [];
    const left = new Map(this.#held);
    while (!hasRoom(found)) {
      const next = this.#nextToPause(first, left, (item) => !found.includes(item) && canPause(item, found));
      if (next === undefined) return [];
      found.push(next);
      left.set(next.tenant, left.get(next.tenant)! - next.rows);
    }
    // A later one may have made an earlier one needless.
    return found.reduceRight<readonly T[]>((all, item) => {
      const others = all.filter((other) => other !== item);
      return hasRoom(others) ? others : all;
    }, found);
  }

  /** The item that makes way next: of the tenant that holds most, and of its items the one that was admitted last. */
  #nextToPause({ tenant, rows }: T, left: ReadonlyMap<string, number>, may: (item: T) => boolean): T | undefined {
    const own = this.#held.get(tenant) ?? 0;
    let best: T | undefined;
    for (const [item, turns] of this.#running) {
      const held = left.get(item.tenant)!;
      if (item.tenant === tenant || (best !== undefined && held < left.get(best.tenant)!)) continue;
      const isSurplus = held - item.rows >= own + rows;
      const isOver = turns >= this.#limits.term && own < held;
      if ((isSurplus || isOver) && may(item)) best = item;
    }
    return best;
  }

  #pause(item: T): void {
    this.#running.delete(item);
    this.#paused.add(item);
    this.#hold(item, -1);
    this.#waitingRows += item.rows;
    const queue = this.#queues.get(item.tenant) ?? [];
    const at = queue.findIndex((other) => !this.#paused.has(other));
    queue.splice(at < 0 ? queue.length : at, 0, item);
    this.#queues.set(item.tenant, queue);
  }

  /** The lines in the order in which they are looked at. */
  #inTurn(): [string, T[]][] {
    const rank = (tenant: string) => (this.#promised?.tenant === tenant ? -1 : (this.#held.get(tenant) ?? 0));
    return [...this.#queues].sort(([a], [b]) => rank(a) - rank(b));
  }

  #isPatienceOver(item: T): boolean {
    return (this.#passed.get(item) ?? 0) >= this.#limits.patience;
  }

  #pass(blocked: readonly T[]): void {
    for (const item of blocked) this.#passed.set(item, (this.#passed.get(item) ?? 0) + 1);
  }

  /** Removes an item, running or waiting. Does nothing if it is neither. */
  remove(item: T): void {
    if (this.#running.delete(item)) this.#hold(item, -1);
    else if (this.#queues.get(item.tenant)?.includes(item)) this.#dequeue(item);
    if (!this.#held.has(item.tenant) && !this.#queues.has(item.tenant)) this.#service.leave(item.tenant);
  }

  #next(roomFor: (candidate: T) => Room): { item: T; room: Room } | undefined {
    const blocked: T[] = [];
    for (const [tenant, [item]] of this.#inTurn()) {
      if (item === undefined || (this.#held.get(tenant) ?? 0) + item.rows > this.#limits.quota) continue;
      const room = roomFor(item);
      // What never fits is refused without having to wait for rows.
      if (room === "later" || (room === "now" && this.#runningRows + item.rows > this.#limits.slots)) {
        if (this.#isPatienceOver(item)) return undefined;
        blocked.push(item);
        continue;
      }
      if (room === "now") this.#pass(blocked);
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
    this.#paused.delete(item);
    if (this.#promised === item) this.#promised = undefined;
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

/** The error for a tenant that has more waiting than there is room for. */
export function tooManyWaiting(): TrimtabError {
  const message = "Too many of your requests wait for this model. Send fewer at a time, or ask for fewer choices.";
  return new TrimtabError("rate_limit_exceeded", message);
}

function rowsOf(items: readonly Schedulable[]): number {
  return items.reduce((sum, { rows }) => sum + rows, 0);
}
