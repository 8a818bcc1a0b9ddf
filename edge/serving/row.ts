import type { RowState } from "../../shared/decode/processor.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { DecodeRow, PrefillChunk } from "../runtime/decoder.ts";
import type { BatchRequest, Generation, GenerationRow } from "./generation.ts";
import type { Schedulable } from "./scheduler.ts";
import type { SharingRow } from "./shared-prefix.ts";

/** A generation in the loop, waiting or running. */
export interface OpenGeneration extends Schedulable {
  readonly request: BatchRequest;
  readonly generation: Generation;
  /** While it runs, in the order of `generation.rows`. */
  members: readonly Row[];
}

/** A row in the batch. A *position* is a place in its key/value cache: the deltas' prefix and virtual tokens, then the prompt. */
export class Row {
  readonly open: OpenGeneration;
  readonly work: GenerationRow;
  /** What processors see. */
  readonly state: RowState;
  /** How many positions before the first generated token are in the cache. */
  prefilled = 0;
  /** The row to copy missing positions from, once it has computed them. */
  source: PrefixSource | undefined;
  /** How many of the prompt's tokens another request computed. */
  cachedTokens = 0;
  /** The logits [V] after the prompt; undefined until it has been prefilled. */
  promptLogits: Float32Array | undefined;
  /** The logits [V] after everything so far; undefined once the leader's next token has been chosen. */
  logits: Float32Array | undefined;
  /** Buffers for the logits, reused at every step. */
  #memory: Float32Array | undefined;

  constructor(open: OpenGeneration, work: GenerationRow) {
    this.open = open;
    this.work = work;
    this.prefilled = work.deltas.prefixTokens;
    const { generated } = open.generation.sequence;
    this.state = { role: work.role, prompt: work.prompt, generated };
  }

  /** Positions before the prompt that the deltas fill. */
  get lead(): number {
    return this.work.deltas.prefixTokens + this.work.deltas.virtualTokens;
  }

  /** Positions of the whole prompt and of the deltas' positions before it. */
  get promptEnd(): number {
    return this.lead + this.work.prompt.length;
  }

  get isPrefilled(): boolean {
    return this.prefilled === this.promptEnd;
  }

  /** Whether its generation's next token has been chosen and waits to be decoded. */
  get isDecoding(): boolean {
    return this.state.generated.length > 0 && this.logits === undefined;
  }

  /** How many positions are in the cache. */
  get cachedPositions(): number {
    return this.isPrefilled ? this.promptEnd + Math.max(0, this.state.generated.length - 1) : this.prefilled;
  }

  /**
   * The token that the row decodes next, and its position. An idle row between decoding rows takes part too; a later
   * step overwrites what this one writes at its next position.
   */
  get decodeRow(): DecodeRow {
    if (!this.isDecoding) return { token: 0, position: this.cachedPositions };
    return { token: this.state.generated.at(-1)!, position: this.promptEnd + this.state.generated.length - 1 };
  }

  /** What `sharedPositions` compares. */
  get sharing(): SharingRow {
    const { stateKey, prompt, deltas } = this.work;
    return { stateKey, prompt, deltas };
  }

  /** Copies logits [V] out of a view that the next run overwrites. Keeps the logits after the prompt for other rows. */
  take(view: Float32Array): void {
    if (this.promptLogits === undefined) {
      this.promptLogits = view.slice();
      this.logits = this.promptLogits;
      return;
    }
    this.#memory ??= new Float32Array(view.length);
    this.#memory.set(view);
    this.logits = this.#memory;
  }

  /** Adopts states that another row computed, with the logits if they cover the whole prompt. */
  takeOver(positions: number, promptLogits: Float32Array | undefined): void {
    this.prefilled = positions;
    this.source = undefined;
    if (!this.isPrefilled) return;
    this.promptLogits = promptLogits;
    this.logits = promptLogits;
  }

  /** The next chunk to prefill. Chunks start at multiples of `size` after the prefix. */
  nextChunk(slot: number, size: number): PrefillChunk {
    const { prefixTokens, virtualTokens } = this.work.deltas;
    const from = this.prefilled - prefixTokens;
    const virtual = Math.min(size, Math.max(0, virtualTokens - from));
    const first = Math.max(0, from - virtualTokens);
    return { slot, start: this.prefilled, virtual, tokens: this.work.prompt.slice(first, first + size - virtual) };
  }
}

/** A row whose states another row can take over. */
export interface PrefixSource {
  readonly holder: Row;
  /** How many positions. */
  readonly positions: number;
}

/** The error for a row whose logits are not finite; undefined if they are. */
export function nonFinite(logits: Float32Array): TrimtabError | undefined {
  if (logits.every(Number.isFinite)) return undefined;
  return new TrimtabError(
    "non_finite",
    "The model's logits are not finite. Lower the weights of the request's deltas.",
  );
}
