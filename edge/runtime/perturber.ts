import type { ModelConfig } from "../../shared/model/config.ts";
import type { KvSlab } from "./kv-slab.ts";
import { RUNTIME_BYTES } from "./memory-plan.ts";
import type { OrtModule } from "./ort-module.ts";
import { pastBytes } from "./own-past.ts";
import { passFeatures, passInputs } from "./pass-inputs.ts";
import { PerturbationSessions } from "./perturbation-sessions.ts";
import { type Aim, type PassRow, PerturbedText } from "./perturbed-text.ts";

export interface PerturbedRows {
  readonly text: PassRow;
  readonly judge: PassRow;
}

type RowSize = Pick<PassRow, "deltas" | "capacity">;

/** Opens texts whose memory is perturbed, and knows how much room they take and have. */
export class Perturber {
  readonly #ort: OrtModule;
  readonly #config: ModelConfig;
  readonly #slab: KvSlab;
  readonly #sessions: PerturbationSessions;
  /** Bytes of open texts. */
  #held = 0;

  constructor(ort: OrtModule, config: ModelConfig, slab: KvSlab) {
    this.#ort = ort;
    this.#config = config;
    this.#slab = slab;
    this.#sessions = new PerturbationSessions(ort, config, slab.capacity);
  }

  /** Bytes of the heap for texts and compiled graphs: what the model and the runtime leave. */
  get room(): number {
    const { heapLimitBytes, residentBytes } = this.#ort;
    return Math.max(0, heapLimitBytes - RUNTIME_BYTES - (residentBytes - this.#held));
  }

  /** Bytes of one text, its compiled graphs among them. */
  needs(rows: { readonly text: RowSize; readonly judge: RowSize }): number {
    return this.#graphBytes + this.#textBytes(rows);
  }

  /** Whether one more such text fits beside those that are open. */
  fits(rows: PerturbedRows): boolean {
    return this.#held + this.needs(rows) <= this.room;
  }

  /** Dispose the text to free its memory. Throws `capacity_exceeded`, with nothing allocated, if the heap has no room. */
  open(rows: PerturbedRows, aim: Aim): PerturbedText {
    const parts = { ort: this.#ort, config: this.#config, slab: this.#slab, sessions: this.#sessions };
    const before = this.#ort.residentBytes;
    const text = new PerturbedText(parts, rows, aim);
    this.#held += this.#ort.residentBytes - before;
    return text;
  }

  close(text: PerturbedText): void {
    const before = this.#ort.residentBytes;
    text.dispose();
    this.#held -= before - this.#ort.residentBytes;
  }

  /** Frees the compiled graphs. */
  clear(): void {
    this.#sessions.clear();
  }

  #textBytes({ text, judge }: { readonly text: RowSize; readonly judge: RowSize }): number {
    const config = this.#config;
    const deltas = [text, judge].flatMap((row) => [
      ...passInputs(config, row.deltas, passFeatures(row.deltas)).values(),
    ]);
    const ofDeltas = deltas.reduce((sum, { data }) => sum + data.byteLength, 0);
    return 2 * pastBytes(config, text.capacity) + pastBytes(config, judge.capacity + 1) + ofDeltas;
  }

  get #graphBytes(): number {
    return BYTES_PER_LAYER * this.#config.layers + 4 * 4 * this.#slab.capacity * this.#config.headDim;
  }
}

/** Both compiled graphs of a text, for each layer of the model, with what they compute. */
const BYTES_PER_LAYER = 1024 * 1024;
