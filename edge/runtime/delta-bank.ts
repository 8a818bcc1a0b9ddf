import { TrimtabError } from "../../shared/errors.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { factorNames } from "../../shared/model/decode-graph.ts";
import { linearModules } from "../../shared/model/modules.ts";
import type { OrtModule } from "./ort-module.ts";
import { allocateTensor, type ResidentTensor } from "./resident-tensor.ts";
import type { NamedTensors } from "./session.ts";

/** The low-rank factors of one linear layer as the bank stores them: A [r, in] and B [r, out], scale folded into B. */
export interface BankFactors {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** A delta ready for the bank. Layers that it leaves alone are absent. */
export interface BankDelta {
  /** Names the delta and its owner; two equal keys are the same factors. */
  readonly key: string;
  readonly rank: number;
  readonly factors: ReadonlyMap<string, BankFactors>;
}

interface Entry {
  readonly delta: BankDelta;
  first: number;
  users: number;
}

/**
 * The factors of the deltas in use, side by side along the rank axis. A row picks its deltas by its gains, one number per
 * rank: the delta's weight on its own ranks and 0 elsewhere.
 *
 * Only the deltas that some row uses are in the bank, in its first `activeRank` ranks, because every active rank is
 * computed for every row of the batch.
 */
export class DeltaBank {
  readonly capacity: number;
  readonly #modules: readonly {
    path: string;
    in: number;
    out: number;
    a: ResidentTensor<"f32">;
    b: ResidentTensor<"f32">;
  }[];
  readonly #entries = new Map<string, Entry>();
  readonly #windows = new Map<number, NamedTensors>();
  #activeRank = 0;

  constructor(ort: OrtModule, config: ModelConfig, capacity: number) {
    this.capacity = capacity;
    this.#modules = linearModules(config).map(({ path, in: inSize, out }) => {
      const a = allocateTensor(ort, "f32", [capacity, inSize]);
      const b = allocateTensor(ort, "f32", [capacity, out]);
      return { path, in: inSize, out, a, b };
    });
  }

  static bytesPerRank(config: ModelConfig): number {
    return linearModules(config).reduce((sum, module) => sum + 4 * (module.in + module.out), 0);
  }

  get activeRank(): number {
    return this.#activeRank;
  }

  /** Whether `deltas` fit beside those in use. */
  fits(deltas: readonly BankDelta[]): boolean {
    const added = deltas.filter(({ key }) => !this.#entries.has(key)).reduce((sum, { rank }) => sum + rank, 0);
    return this.#activeRank + added <= this.capacity;
  }

  /** Counts one more user of the delta and writes its factors if it is the first. Throws `capacity_exceeded` when full. */
  acquire(delta: BankDelta): void {
    const known = this.#entries.get(delta.key);
    if (known !== undefined) {
      known.users++;
      return;
    }
    if (this.#activeRank + delta.rank > this.capacity) {
      throw new TrimtabError(
        "capacity_exceeded",
        `the delta's rank of ${delta.rank} does not fit beside the ${this.#activeRank} of ${this.capacity} ranks in use`,
      );
    }
    const entry = { delta, first: this.#activeRank, users: 1 };
    this.#entries.set(delta.key, entry);
    this.#activeRank += delta.rank;
    this.#write(entry);
  }

  /** Counts one user less; the last one to go frees the delta's ranks, and those above move down. */
  release(key: string): void {
    const entry = this.#entries.get(key)!;
    if (--entry.users > 0) return;
    this.#entries.delete(key);
    this.#activeRank -= entry.delta.rank;
    for (const other of this.#entries.values()) {
      if (other.first < entry.first) continue;
      other.first -= entry.delta.rank;
      this.#write(other);
    }
  }

  /** Writes a row's gains: `weights` by delta key, all of them acquired; the other active ranks become 0. */
  writeGains(gains: Float32Array, weights: readonly { readonly key: string; readonly weight: number }[]): void {
    gains.fill(0);
    for (const { key, weight } of weights) {
      const { first, delta } = this.#entries.get(key)!;
      gains.fill(weight, first, first + delta.rank);
    }
  }

  /** The factors of the active ranks, under the names that a decode graph takes. The bank keeps and owns the result. */
  window(): NamedTensors {
    const known = this.#windows.get(this.#activeRank);
    if (known !== undefined) return known;
    const rank = this.#activeRank;
    const window = Object.fromEntries(
      this.#modules.flatMap(({ path, in: inSize, out, a, b }) => {
        const names = factorNames(path);
        return [
          [names.a, a.window([rank, inSize])],
          [names.b, b.window([rank, out])],
        ];
      }),
    );
    this.#windows.set(rank, window);
    return window;
  }

  #write({ delta, first }: Entry): void {
    for (const { path, in: inSize, out, a, b } of this.#modules) {
      const factors = delta.factors.get(path);
      writeOrClear(a.view(), first * inSize, delta.rank * inSize, factors?.a);
      writeOrClear(b.view(), first * out, delta.rank * out, factors?.b);
    }
  }
}

/** A layer may have fewer ranks than its delta, or none: the rest must not keep what lay there before. */
function writeOrClear(view: Float32Array, at: number, length: number, values: Float32Array | undefined): void {
  view.fill(0, at, at + length);
  if (values !== undefined) view.set(values, at);
}
