import type { KvSlab } from "../runtime/kv-slab.ts";
import { PrefixCache } from "./prefix-cache.ts";
import type { Row } from "./row.ts";
import { sharedPositions } from "./shared-prefix.ts";

export interface SlotsOptions {
  readonly slab: Pick<KvSlab, "slots" | "copy" | "clear" | "writePrefix" | "save" | "restore" | "savedBytes">;
  /** Positions of a prefill chunk. */
  readonly chunk: number;
  /** Whether prompts stay in free slots when their rows leave. */
  readonly keepPrompts: boolean;
}

/** A row that is now in another slot. */
export interface Move {
  readonly row: Row;
  readonly from: number;
  readonly to: number;
}

/**
 * Assigns rows to slots of the key/value slab. Rows fill the first slots without gaps, so that a batch is always
 * contiguous; the slots after them hold prompts of rows that have left. Slots that neither needs are overwritten with
 * zeros, so that no row's data stays behind by accident.
 */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #rows: Row[] = [];
  readonly #cache = new PrefixCache();
  #pausedBytes = 0;

  constructor(options: SlotsOptions) {
    this.#options = options;
  }

  /** By slot. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** The number of cached prompts. */
  get cachedPrompts(): number {
    return this.#cache.size;
  }

  slotOf(row: Row): number {
    return this.#rows.indexOf(row);
  }

  /**
   * Puts a row into the next slot, which must exist. Copies the states it shares with a cached prompt; if a row in the batch
   * has or will have more of them, that row becomes its `source`.
   */
  add(row: Row): void {
    const { slab, chunk } = this.#options;
    const slot = this.#rows.length;
    const cached = this.#cache.best(row.sharing, chunk);
    const source = this.#bestSource(row);
    const fromCache = cached !== undefined && cached.positions >= (source?.positions ?? 0);
    if (fromCache) this.#takeFromCache(row, slot, cached);
    else {
      this.#vacate(slot);
      row.source = source;
      const { prefix } = row.deltas.nonColumnParts;
      if (prefix !== undefined) slab.writePrefix(slot, prefix);
    }
    this.#rows.push(row);
  }

  /** Copies the states that rows wait for and that are now computed. A row whose source has left stops waiting. */
  resolveSources(): void {
    for (const [slot, row] of this.#rows.entries()) {
      const { source } = row;
      if (source === undefined) continue;
      const from = this.slotOf(source.holder);
      if (from < 0) row.source = undefined;
      else if (source.holder.prefilled >= source.positions) {
        this.#options.slab.copy(from, slot, source.positions);
        if (source.holder.open.request !== row.open.request)
          row.cachedTokens = Math.max(0, source.positions - row.lead);
        row.takeOver(source.positions, source.holder.promptStates);
      }
    }
  }

  /** Bytes of what paused rows have computed, and of what a row would take. */
  get pausedBytes(): number {
    return this.#pausedBytes;
  }

  bytesOf({ cachedPositions }: Row): number {
    return this.#options.slab.savedBytes(cachedPositions);
  }

  /** Frees a row's slot and keeps what it has computed with the row; the last row moves into the slot. */
  pause(row: Row): Move | undefined {
    // Its source may be gone when it comes back.
    row.source = undefined;
    const saved = this.#options.slab.save(this.slotOf(row), row.cachedPositions);
    const move = this.#free(row, { keeps: false });
    row.saved = saved;
    this.#pausedBytes += saved.byteLength;
    return move;
  }

  /** Puts a paused row into the next slot, which must exist. */
  resume(row: Row): void {
    const slot = this.#rows.length;
    this.#vacate(slot);
    this.#options.slab.restore(slot, row.saved!, row.cachedPositions);
    this.forget(row);
    this.#rows.push(row);
  }

  /** Drops what a paused row has computed. Does nothing if it is not paused. */
  forget(row: Row): void {
    this.#pausedBytes -= row.saved?.byteLength ?? 0;
    row.saved = undefined;
  }

  /** Frees a row's slot; the last row moves into it. */
  remove(row: Row): Move | undefined {
    return this.#free(row, { keeps: true });
  }

  #free(row: Row, { keeps }: { readonly keeps: boolean }): Move | undefined {
    const { slab } = this.#options;
    const slot = this.slotOf(row);
    const last = this.#rows.length - 1;
    const mover = this.#rows[last]!;
    const kept = keeps ? this.#keep(row, slot, last) : undefined;
    if (slot !== last) {
      const length = mover.cachedPositions;
      slab.copy(last, slot, length);
      // The step that writes a position comes before the one that counts it.
      slab.clear(slot, { from: length, to: row.cachedPositions + 1 });
      this.#rows[slot] = mover;
    }
    this.#rows.pop();
    if (kept !== last) slab.clear(last);
    return slot === last ? undefined : { row: mover, from: last, to: slot };
  }

  /** Forgets all cached prompts, because the slab's contents are in doubt. */
  dropPrompts(): void {
    for (const slot of this.#cache.slots()) this.#drop(slot);
  }

  #bestSource(row: Row): Row["source"] {
    let best: Row["source"];
    for (const holder of this.#rows) {
      const positions = sharedPositions(row.sharing, holder.work, this.#options.chunk);
      if (positions > (best?.positions ?? 0)) best = { holder, positions };
    }
    return best;
  }

  #takeFromCache(row: Row, slot: number, { slot: from, positions }: { slot: number; positions: number }): void {
    const { slab } = this.#options;
    const entry = this.#cache.get(from)!;
    this.#cache.touch(from);
    if (from === slot) {
      this.#cache.delete(slot);
      slab.clear(slot, { from: positions, to: entry.positions });
    } else {
      this.#vacate(slot);
      slab.copy(from, slot, positions);
    }
    row.cachedTokens = Math.max(0, positions - row.lead);
    row.takeOver(positions, entry.promptStates);
  }

  /** Frees a slot: its prompt moves to another free slot, or replaces the least recently used one. */
  #vacate(slot: number): void {
    const entry = this.#cache.get(slot);
    if (entry === undefined) return;
    const { slab } = this.#options;
    const to = this.#freeSlot(slot + 1) ?? this.#cache.slots()[0]!;
    if (to !== slot) {
      if (this.#cache.get(to) !== undefined) this.#drop(to);
      slab.copy(slot, to, entry.positions);
      this.#cache.move(slot, to);
    } else this.#cache.delete(slot);
    slab.clear(slot, { from: 0, to: entry.positions });
  }

  /** Caches the prompt of a departing row and returns its slot; undefined if it is not cached. */
  #keep(row: Row, slot: number, last: number): number | undefined {
    const { slab, keepPrompts } = this.#options;
    const { promptStates, promptEnd: positions } = row;
    const { stateKey, prompt, isOneOff = false } = row.work;
    if (!keepPrompts || isOneOff || !row.isPrefilled || promptStates === undefined || this.#isHeld(row))
      return undefined;
    let to = last;
    if (slot === last) slab.clear(slot, { from: positions, to: row.cachedPositions + 1 });
    else {
      const free = this.#freeSlot(last + 1) ?? this.#cache.slots()[0];
      if (free === undefined) return undefined;
      if (this.#cache.get(free) !== undefined) this.#drop(free);
      slab.copy(slot, free, positions);
      to = free;
    }
    this.#cache.put(to, { stateKey, prompt, positions, promptStates });
    return to;
  }

  /** Whether the cache or another row already holds the whole prompt. */
  #isHeld(row: Row): boolean {
    if (this.#cache.has(row.work)) return true;
    return this.#rows.some(
      (other) =>
        other !== row &&
        other.isPrefilled &&
        sharedPositions(row.sharing, other.work, this.#options.chunk) === row.promptEnd,
    );
  }

  #freeSlot(from: number): number | undefined {
    for (let slot = from; slot < this.#options.slab.slots; slot++) if (this.#cache.get(slot) === undefined) return slot;
    return undefined;
  }

  #drop(slot: number): void {
    const entry = this.#cache.delete(slot);
    if (entry !== undefined) this.#options.slab.clear(slot, { from: 0, to: entry.positions });
  }
}
