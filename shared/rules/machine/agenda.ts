import type { ContextStore } from "./contexts.ts";
import type { Context } from "./state.ts";
import type { Term } from "./terms.ts";

/**
 * Terms that wait to be expanded, those of the highest rank first. A term's callers rank above it, so all contexts in which it
 * stands are known by the time it is taken, and it is expanded once for all of them.
 */
export class Agenda {
  readonly #contexts: ContextStore;
  readonly #waiting = new Map<Term, Context>();
  /** What each term was last expanded with. */
  readonly #done = new Map<Term, Context>();
  /** A heap of the waiting terms. */
  readonly #heap: Term[] = [];

  constructor(contexts: ContextStore) {
    this.#contexts = contexts;
  }

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  add(term: Term, rest: Context): void {
    const waiting = this.#waiting.get(term);
    const done = this.#done.get(term);
    let all = rest;
    if (done !== undefined) {
      all = this.#contexts.union(done, all);
      if (all === done) return;
    }
    if (waiting !== undefined) all = this.#contexts.union(waiting, all);
    this.#waiting.set(term, all);
    if (waiting === undefined) this.#push(term);
  }

  take(): { readonly term: Term; readonly rest: Context } | undefined {
    const term = this.#pop();
    if (term === undefined) return undefined;
    const rest = this.#waiting.get(term)!;
    this.#waiting.delete(term);
    this.#done.set(term, rest);
    return { term, rest };
  }

  #push(term: Term): void {
    const heap = this.#heap;
    let at = heap.push(term) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.rank >= term.rank) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = term;
  }

  #pop(): Term | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.rank > heap[child]!.rank) child++;
      if (heap[child]!.rank <= last.rank) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
