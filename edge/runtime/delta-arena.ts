import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { GAINS } from "../../shared/model/serving-rewrite.ts";
import {
  type ArenaFrame,
  type ArenaSize,
  arenaDemand,
  arenaSize,
  distinctDeltas,
  EMPTY_FRAME,
  fitsArena,
  frameFor,
  type Layout,
} from "./arena-frame.ts";
import { COLUMN_KINDS, type ColumnKind, type Columns, columnSites, NO_COLUMNS, WEIGHTED_PART } from "./column-sites.ts";
import type { OrtModule } from "./ort-module.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import type { RowDeltas, ServingDelta } from "./serving-delta.ts";
import type { NamedTensors } from "./session.ts";
import { WindowCache } from "./window-cache.ts";

const WINDOWS = 24;

export interface DeltaArenaOptions {
  readonly slots: number;
  /** Size in floats. */
  readonly floats: number;
  /** As in `ArenaSize`; defaults to the measured cost. */
  readonly rowsCost?: ArenaSize["rowsCost"];
}

/** Where one part of a site's columns lies in the arena. */
interface Region {
  readonly path: string;
  readonly part: number;
  readonly input: string;
  readonly width: number;
  /** Index of the first column's first float. */
  readonly start: number;
  /** Columns of each row's block; 0 in the bank. */
  readonly stride: number;
}

/** A delta in the bank, and the index of its first column of each kind. */
interface Entry {
  readonly delta: ServingDelta;
  readonly first: Columns;
}

/**
 * The factors and bottlenecks of the deltas in use, in one memory block that is divided to suit the batch: as a bank that all
 * rows share, or as one block per row (`ServingFeatures.layout`), whichever is cheaper.
 *
 * Only changes are written. In the bank, a delta's columns are written when its first row joins, and the columns above a delta
 * move down when its last row leaves. In the layout `rows`, a slot is rewritten when it gets a different row.
 */
export class DeltaArena {
  readonly #size: ArenaSize;
  readonly #slots: number;
  readonly #config: ModelConfig;
  readonly #memory: ResidentTensor<"f32">;
  readonly #gains: Readonly<Record<ColumnKind, ResidentTensor<"f32">>>;
  /** One column of zeros per row. */
  readonly #zeros: ResidentTensor<"f32">;
  readonly #windows = new WindowCache(WINDOWS);
  #frame: ArenaFrame = EMPTY_FRAME;
  #regions: Readonly<Record<ColumnKind, readonly Region[]>> = { factors: [], bottlenecks: [] };
  /** By slot, as of the last `arrange`. */
  #rows: readonly RowDeltas[] = [];
  /** The deltas in the bank by key, and their total columns. */
  #entries = new Map<string, Entry>();
  #shared = NO_COLUMNS;

  constructor(ort: OrtModule, config: ModelConfig, { slots, floats, rowsCost }: DeltaArenaOptions) {
    this.#config = config;
    this.#slots = slots;
    this.#size = arenaSize(config, floats, rowsCost);
    this.#memory = allocateTensor(ort, "f32", [floats]);
    this.#memory.view().fill(0);
    const parts = COLUMN_KINDS.flatMap((kind) => columnSites(config, kind).flatMap((site) => site.parts));
    this.#zeros = allocateTensor(ort, "f32", [slots * Math.max(...parts.map(({ width }) => width))]);
    this.#zeros.view().fill(0);
    const gains = (kind: ColumnKind) => allocateTensor(ort, "f32", [slots * this.largest(kind)]);
    this.#gains = { factors: gains("factors"), bottlenecks: gains("bottlenecks") };
    this.#divide(EMPTY_FRAME);
  }

  get layout(): Layout {
    return this.#frame.layout;
  }

  /** The most columns of that kind that fit at every site if there are none of the other kind. */
  largest(kind: ColumnKind): number {
    return Math.max(1, Math.floor(this.#size.floats / this.#size.perColumn[kind]));
  }

  /** Whether a batch of these rows fits. */
  fits(rows: readonly RowDeltas[]): boolean {
    return fitsArena(arenaDemand(rows), this.#size);
  }

  /**
   * Puts row i of the batch in slot i and erases rows that have left. Invalidates windows returned earlier. Throws
   * `capacity_exceeded`, changing nothing, if the rows do not fit.
   */
  arrange(rows: readonly RowDeltas[]): void {
    const demand = arenaDemand(rows);
    if (rows.length > this.#slots || !fitsArena(demand, this.#size)) {
      throw new TrimtabError(
        "capacity_exceeded",
        `the deltas of ${rows.length} rows do not fit in the arena; use fewer or smaller deltas`,
      );
    }
    const frame = frameFor(demand, this.#size, this.#frame);
    if (frame !== this.#frame) this.#divide(frame);
    this.#fill(rows);
    this.#rows = rows;
  }

  /**
   * Columns of that kind for slots `first` … `first + count − 1`, under the input names of a decode graph with this layout;
   * zeros for rows without any. The arena owns the result.
   */
  window(kind: ColumnKind, first: number, count: number): NamedTensors {
    const rows = this.#rows.slice(first, first + count);
    if (rows.every(({ columns }) => columns[kind] === 0)) return this.#zerosFor(kind, count);
    if (this.layout === "rows") return this.#blocks(kind, first, count);
    const terms = rows.map((row) => row.terms.filter(({ delta }) => delta.columns[kind] > 0));
    const used = terms.flatMap((ofRow) => ofRow.map(({ delta }) => this.#entries.get(delta.key)!));
    // Only the range that these rows use: a row that prefills alone does not pay for other rows' deltas.
    const low = Math.min(...used.map((entry) => entry.first[kind]));
    const high = Math.max(...used.map(({ first: at, delta }) => at[kind] + delta.columns[kind]));
    const gains = this.#gains[kind].view().subarray(0, count * (high - low));
    gains.fill(0);
    for (const [row, ofRow] of terms.entries()) {
      for (const { delta, weight } of ofRow) {
        const at = row * (high - low) + this.#entries.get(delta.key)!.first[kind] - low;
        gains.fill(weight, at, at + delta.columns[kind]);
      }
    }
    return this.#bank(kind, { low, high, count });
  }

  #bank(kind: ColumnKind, { low, high, count }: { low: number; high: number; count: number }): NamedTensors {
    const columns = high - low;
    return this.#windows.get(`${kind} bank ${low}-${high} ${count}`, () => ({
      [GAINS[kind]]: this.#gains[kind].window([count, 1, columns]),
      ...this.#over(kind, ({ start, width }) =>
        this.#memory.window(width === 1 ? [1, 1, columns] : [columns, width], start + low * width),
      ),
    }));
  }

  #blocks(kind: ColumnKind, first: number, count: number): NamedTensors {
    return this.#windows.get(`${kind} rows ${first}+${count}`, () =>
      this.#over(kind, ({ start, width, stride }) => {
        if (stride === 0) return this.#zeros.window([count, 1, width]);
        const shape = width === 1 ? [count, 1, stride] : [count, stride, width];
        return this.#memory.window(shape, start + first * stride * width);
      }),
    );
  }

  #zerosFor(kind: ColumnKind, count: number): NamedTensors {
    const { layout } = this;
    return this.#windows.get(`${kind} ${layout} zeros ${count}`, () => {
      const zeros = ({ width }: { width: number }) => {
        if (layout === "rows") return this.#zeros.window([count, 1, width]);
        return this.#zeros.window(width === 1 ? [1, 1, 1] : [1, width]);
      };
      const gains = layout === "bank" ? { [GAINS[kind]]: this.#zeros.window([count, 1, 1]) } : {};
      return { ...this.#over(kind, zeros), ...gains };
    });
  }

  #over(kind: ColumnKind, window: (region: Region) => ResidentTensor): NamedTensors {
    return Object.fromEntries(this.#regions[kind].map((region) => [region.input, window(region)]));
  }

  /** Clears everything and lays out the regions again. */
  #divide(frame: ArenaFrame): void {
    this.#fill([]);
    this.#rows = [];
    this.#windows.clear();
    let next = 0;
    const regions = (kind: ColumnKind) =>
      columnSites(this.#config, kind).flatMap(({ path, parts }) => {
        const stride = frame.layout === "rows" ? (frame.strides.get(path) ?? 0) : 0;
        const columns = frame.layout === "rows" ? frame.rows * stride : frame.capacity[kind];
        return parts.map(({ input, width }, part): Region => {
          const start = next;
          next += columns * width;
          return { path, part, input, width, start, stride };
        });
      });
    this.#regions = { factors: regions("factors"), bottlenecks: regions("bottlenecks") };
    this.#frame = frame;
  }

  #fill(rows: readonly RowDeltas[]): void {
    if (this.#frame.layout === "bank") this.#arrangeBank(rows);
    else this.#arrangeRows(rows);
  }

  /** Deltas keep their order; when one leaves, those after it move down. */
  #arrangeBank(rows: readonly RowDeltas[]): void {
    const needed = new Map(distinctDeltas(rows).map((delta) => [delta.key, delta]));
    const kept = [...this.#entries.values()].flatMap(({ delta }) => (needed.has(delta.key) ? [delta] : []));
    const added = [...needed.values()].filter(({ key }) => !this.#entries.has(key));
    const entries = new Map<string, Entry>();
    let first = NO_COLUMNS;
    for (const delta of [...kept, ...added]) {
      entries.set(delta.key, { delta, first });
      for (const kind of COLUMN_KINDS) {
        const moved = this.#entries.get(delta.key)?.first[kind] !== first[kind];
        if (moved) this.#writeShared(kind, first[kind], delta);
      }
      first = {
        factors: first.factors + delta.columns.factors,
        bottlenecks: first.bottlenecks + delta.columns.bottlenecks,
      };
    }
    const view = this.#memory.view();
    for (const kind of COLUMN_KINDS) {
      for (const { start, width } of this.#regions[kind]) {
        view.fill(0, start + first[kind] * width, start + Math.max(first[kind], this.#shared[kind]) * width);
      }
    }
    this.#entries = entries;
    this.#shared = first;
  }

  /** A delta may have fewer columns at one site than at another, or none: the remainder is cleared. */
  #writeShared(kind: ColumnKind, first: number, delta: ServingDelta): void {
    const view = this.#memory.view();
    for (const { path, part, width, start } of this.#regions[kind]) {
      const values = delta.sites[kind].get(path)?.parts[part] ?? [];
      const from = start + first * width;
      view.set(values, from);
      view.fill(0, from + values.length, from + delta.columns[kind] * width);
    }
  }

  #arrangeRows(rows: readonly RowDeltas[]): void {
    for (let slot = 0; slot < Math.max(rows.length, this.#rows.length); slot++) {
      if (rows[slot] !== this.#rows[slot]) this.#writeOwn(slot, rows[slot]);
    }
  }

  /** Writes a slot's block at every site: the row's deltas side by side with weights folded in, then zeros. */
  #writeOwn(slot: number, row: RowDeltas | undefined): void {
    const view = this.#memory.view();
    for (const kind of COLUMN_KINDS) {
      for (const { path, part, width, start, stride } of this.#regions[kind]) {
        let at = start + slot * stride * width;
        const end = at + stride * width;
        for (const { delta, weight } of row?.terms ?? []) {
          const values = delta.sites[kind].get(path)?.parts[part] ?? [];
          const factor = part === WEIGHTED_PART ? weight : 1;
          if (factor === 1) view.set(values, at);
          else for (let i = 0; i < values.length; i++) view[at + i] = factor * values[i]!;
          at += values.length;
        }
        view.fill(0, at, end);
      }
    }
  }
}
