import type { GenerateEvent } from "../../shared/decode/events.ts";
import type { Sequence } from "../../shared/decode/sequence.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import type { DecodeRow, Decoder, PrefillChunk } from "../runtime/decoder.ts";
import type { DeltaArena } from "../runtime/delta-arena.ts";
import type { KvSlab } from "../runtime/kv-slab.ts";
import type { RowDeltas } from "../runtime/serving-delta.ts";
import type { WeightSet } from "../runtime/weight-set.ts";
import { columnsInWords, MAX_WAITING, tooManyWait } from "./limits.ts";

/** A request in the loop: its sequences ride in the same batch as everybody else's. */
export interface BatchJob {
  readonly sequences: readonly Sequence[];
  readonly weights: WeightSet;
  readonly deltas: RowDeltas;
  /** Called for every event of every sequence; must not throw. */
  readonly emit: (event: GenerateEvent) => void;
  /** Called once, when the last sequence is finished, the job was cancelled or the batch failed. */
  readonly settle: (error?: TrimtabError) => void;
}

interface Row {
  readonly job: BatchJob;
  readonly sequence: Sequence;
  /** How many positions are in the cache: the prefix, virtual tokens, then tokens of the prompt. */
  prefilled: number;
}

type Outcome = "open" | "finished" | TrimtabError;

export interface BatchLoopOptions {
  readonly decoder: Decoder;
  readonly slab: KvSlab;
  readonly arena: DeltaArena;
  /** Prompt tokens per prefill: what one new request may delay all others by. */
  readonly chunk: number;
  /** A real turn of the event loop, so that new requests, disconnects and written bytes get through between steps. */
  readonly turn: () => Promise<void>;
}

/**
 * Continuous batching: one loop serves every open stream of a model. Each turn admits waiting sequences, prefills one chunk of
 * one prompt, and decodes one token for every row whose prompt is in. A row's slot is its index in `#rows`; when one leaves,
 * the last takes its place, so that the batch is always one stretch of neighbouring slots. What the rows' deltas take is
 * arranged anew whenever the rows are others than before.
 */
export class BatchLoop {
  readonly #options: BatchLoopOptions;
  readonly #rows: Row[] = [];
  readonly #waiting: Row[] = [];
  readonly #open = new Map<BatchJob, number>();
  #running = false;
  /** Whether the deltas of `#rows` are where the decoder takes them from. */
  #arranged = true;
  #broken = false;

  constructor(options: BatchLoopOptions) {
    this.#options = options;
  }

  /** The most that the deltas of one row can have together in a layer. */
  get largestRank(): number {
    return this.#options.arena.largest("factors");
  }

  get activeRows(): number {
    return this.#rows.length;
  }

  get waitingRows(): number {
    return this.#waiting.length;
  }

  /** The runtime failed in a way that leaves its memory in doubt: load the model anew. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Queues the job's sequences, first come first served, and starts the loop if it is idle. Throws `capacity_exceeded`,
   * with nothing queued, when too many wait already.
   */
  submit(job: BatchJob): void {
    if (this.#waiting.length + job.sequences.length > MAX_WAITING) {
      throw tooManyWait();
    }
    this.#open.set(job, job.sequences.length);
    const prefilled = job.deltas.prefixTokens;
    for (const sequence of job.sequences) this.#waiting.push({ job, sequence, prefilled });
    if (!this.#running) void this.#run();
  }

  /** Takes the job's sequences out at once, between two steps. Does nothing when it has settled. */
  cancel(job: BatchJob): void {
    if (this.#open.has(job)) this.#close(job);
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#rows.length + this.#waiting.length > 0) {
        this.#admit();
        try {
          this.#arrange();
          this.#prefillOne();
          this.#arrange();
          this.#decodeAll();
        } catch (error) {
          this.#fail(error);
        }
        await this.#options.turn();
      }
      // Nothing of the last row stays either.
      this.#arrange();
    } finally {
      this.#running = false;
    }
  }

  /** First come, first served: a sequence that does not fit yet holds back those behind it, so that none starves. */
  #admit(): void {
    const { slab, arena } = this.#options;
    for (;;) {
      const row = this.#waiting[0];
      if (row === undefined || this.#rows.length === slab.slots) return;
      const { deltas } = row.job;
      if (!arena.fits([...this.#rows.map(({ job }) => job.deltas), deltas])) {
        // Where it does not fit alone it never will.
        if (this.#rows.length === 0) this.#close(row.job, this.#tooLarge(deltas));
        else return;
        continue;
      }
      this.#waiting.shift();
      if (deltas.nonColumnParts.prefix !== undefined) slab.writePrefix(this.#rows.length, deltas.nonColumnParts.prefix);
      this.#rows.push(row);
      this.#arranged = false;
    }
  }

  #arrange(): void {
    if (this.#arranged) return;
    this.#options.decoder.arrange(this.#rows.map(({ job }) => job.deltas));
    this.#arranged = true;
  }

  #prefillOne(): void {
    const slot = this.#rows.findIndex((row) => !isReady(row));
    const row = this.#rows[slot];
    if (row === undefined) return;
    const chunk = nextChunk(row, slot, this.#options.chunk);
    const logits = this.#options.decoder.prefill(row.job.weights, chunk);
    row.prefilled += chunk.virtual + chunk.tokens.length;
    if (isReady(row)) this.#end([[row, this.#accept(row, logits)]]);
  }

  #decodeAll(): void {
    const outcomes: [Row, Outcome][] = [];
    const vocabulary = this.#options.decoder.vocabularySize;
    for (const { first, rows } of stretches(this.#rows)) {
      const logits = this.#options.decoder.decode(rows[0]!.job.weights, first, rows.map(decodeRow));
      for (const [i, row] of rows.entries()) {
        if (isReady(row))
          outcomes.push([row, this.#accept(row, logits.subarray(i * vocabulary, (i + 1) * vocabulary))]);
      }
    }
    this.#end(outcomes);
  }

  #accept({ job, sequence }: Row, logits: Float32Array): Outcome {
    if (!logits.every(Number.isFinite)) {
      return new TrimtabError("non_finite", "the model's logits are not finite; a delta or its weight is too large");
    }
    const { events, finished } = sequence.accept(logits);
    for (const event of events) job.emit(event);
    return finished ? "finished" : "open";
  }

  /** Takes out the rows that ended. An error ends its own job alone. */
  #end(outcomes: readonly (readonly [Row, Outcome])[]): void {
    for (const [row, outcome] of outcomes) {
      if (outcome === "open" || !this.#open.has(row.job)) continue;
      if (outcome === "finished") this.#leave(row);
      else this.#close(row.job, outcome);
    }
  }

  #leave(row: Row): void {
    this.#vacate(row);
    const left = this.#open.get(row.job)! - 1;
    this.#open.set(row.job, left);
    if (left === 0) this.#close(row.job);
  }

  /** Frees the row's slot, moving the last row into it. */
  #vacate(row: Row): void {
    const { slab } = this.#options;
    const slot = this.#rows.indexOf(row);
    const last = this.#rows.length - 1;
    const mover = this.#rows[last]!;
    if (slot !== last) {
      const length = cachedPositions(mover);
      slab.copy(last, slot, length);
      // The step that writes a position comes before the one that counts it.
      slab.clear(slot, { from: length, to: cachedPositions(row) + 1 });
      this.#rows[slot] = mover;
    }
    this.#rows.pop();
    slab.clear(last);
    this.#arranged = false;
  }

  #close(job: BatchJob, error?: TrimtabError): void {
    this.#open.delete(job);
    for (const row of this.#rows.filter((candidate) => candidate.job === job)) this.#vacate(row);
    for (const row of this.#waiting.filter((candidate) => candidate.job === job)) {
      this.#waiting.splice(this.#waiting.indexOf(row), 1);
    }
    job.settle(error);
  }

  /** A failed run leaves the cache undefined: every row in the batch ends with the error, those that wait go on. */
  #fail(cause: unknown): void {
    const error =
      cause instanceof TrimtabError
        ? cause
        : new TrimtabError("internal_error", `the batch failed: ${messageOf(cause)}`, { cause });
    this.#broken ||= error.code === "internal_error";
    for (const job of new Set(this.#rows.map((row) => row.job))) this.#close(job, error);
  }

  #tooLarge({ columns }: RowDeltas): TrimtabError {
    const { arena } = this.#options;
    const has = { rank: columns.factors, columns: columns.bottlenecks };
    const most = {
      rank: has.rank > 0 ? arena.largest("factors") : 0,
      columns: has.columns > 0 ? arena.largest("bottlenecks") : 0,
    };
    return new TrimtabError(
      "invalid_request",
      `the request's deltas have ${columnsInWords(has, "and")} together, but this model serves at most ${columnsInWords(most, "or")} on every layer`,
      { param: "deltas" },
    );
  }
}

/** Positions before the row's first token that the deltas fill. */
const leadOf = ({ job: { deltas } }: Row): number => deltas.prefixTokens + deltas.virtualTokens;

function isReady(row: Row): boolean {
  return row.prefilled === leadOf(row) + row.sequence.prompt.length;
}

function nextChunk({ job, sequence, prefilled }: Row, slot: number, size: number): PrefillChunk {
  const { prefixTokens, virtualTokens } = job.deltas;
  const from = prefilled - prefixTokens;
  const virtual = Math.min(size, Math.max(0, virtualTokens - from));
  const first = Math.max(0, from - virtualTokens);
  return { slot, start: prefilled, virtual, tokens: sequence.prompt.slice(first, first + size - virtual) };
}

/** The token that the row decodes next, and its position in the cache. */
function pendingOf(row: Row): DecodeRow {
  const { token, position } = row.sequence.pending;
  return { token, position: leadOf(row) + position };
}

function cachedPositions(row: Row): number {
  return isReady(row) ? pendingOf(row).position : row.prefilled;
}

/**
 * A row whose prompt is not in yet rides along when it lies between others: what the step writes at its next position,
 * its next chunk overwrites.
 */
function decodeRow(row: Row): DecodeRow {
  return isReady(row) ? pendingOf(row) : { token: 0, position: row.prefilled };
}

/** The stretches of neighbouring rows that share their weights, each cut to begin and end with a ready row. */
function stretches(rows: readonly Row[]): { first: number; rows: Row[] }[] {
  const found: { first: number; rows: Row[] }[] = [];
  for (let first = 0; first < rows.length; ) {
    let end = first;
    while (end < rows.length && rows[end]!.job.weights === rows[first]!.job.weights) end++;
    const ready = rows.slice(first, end).map(isReady);
    const [from, to] = [ready.indexOf(true), ready.lastIndexOf(true)];
    if (from >= 0) found.push({ first: first + from, rows: rows.slice(first + from, first + to + 1) });
    first = end;
  }
  return found;
}
