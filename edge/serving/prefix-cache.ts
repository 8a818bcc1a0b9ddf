/**
 * Keeps the prompts of departed rows in slots that no row uses, so that a later request of the same tenant that begins
 * with the same tokens can reuse their states. It needs no extra memory and yields to every row that needs a slot.
 */

import { type PrefixHolder, type SharingRow, sharedPositions } from "./shared-prefix.ts";
import type { StepStates } from "./step-states.ts";

export interface CachedPrefix extends PrefixHolder {
  /** How many positions of the slot are filled. */
  readonly positions: number;
  /** After the whole prompt. */
  readonly promptStates: StepStates;
}

/** Records which slot holds which prompt; the caller moves the states themselves. */
export class PrefixCache {
  /** By slot, in the order of their last use. */
  readonly #entries = new Map<number, CachedPrefix>();

  get size(): number {
    return this.#entries.size;
  }

  get(slot: number): CachedPrefix | undefined {
    return this.#entries.get(slot);
  }

  /** The slots in use, least recently used first. */
  slots(): number[] {
    return [...this.#entries.keys()];
  }

  /** The entry that shares the most positions with a row. */
  best(row: SharingRow, chunk: number): { readonly slot: number; readonly positions: number } | undefined {
    let best: { slot: number; positions: number } | undefined;
    for (const [slot, entry] of this.#entries) {
      const positions = sharedPositions(row, entry, chunk);
      if (positions > (best?.positions ?? 0)) best = { slot, positions };
    }
    return best;
  }

  /** Whether a whole prompt is cached. */
  has({ stateKey, prompt }: PrefixHolder): boolean {
    return [...this.#entries.values()].some(
      (entry) =>
        entry.stateKey === stateKey &&
        entry.prompt.length === prompt.length &&
        entry.prompt.every((token, i) => token === prompt[i]),
    );
  }

  put(slot: number, entry: CachedPrefix): void {
    this.#entries.delete(slot);
    this.#entries.set(slot, entry);
  }

  /** Marks an entry as used. */
  touch(slot: number): void {
    const entry = this.#entries.get(slot);
    if (entry !== undefined) this.put(slot, entry);
  }

  /** Records that an entry was moved to another slot. Its place in the order of use stays. */
  move(from: number, to: number): void {
    const entries = [...this.#entries].map(([slot, entry]) => [slot === from ? to : slot, entry] as const);
    this.#entries.clear();
    for (const [slot, entry] of entries) this.#entries.set(slot, entry);
  }

  delete(slot: number): CachedPrefix | undefined {
    const entry = this.#entries.get(slot);
    this.#entries.delete(slot);
    return entry;
  }
}
