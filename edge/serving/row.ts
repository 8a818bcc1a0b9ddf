import { LEADER, type RowState } from "../../shared/decode/processor.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { RunReads } from "../runtime/decode-sessions.ts";
import type { DecodeRow, PrefillChunk } from "../runtime/decoder.ts";
import type { RowDeltas } from "../runtime/serving-delta.ts";
import type { BatchRequest, Generation, GenerationRow, PromptReader } from "./generation.ts";
import type { Schedulable } from "./scheduler.ts";
import type { SharingRow } from "./shared-prefix.ts";
import type { StepStates } from "./step-states.ts";

/** A generation in the loop, waiting or running. */
export interface OpenGeneration extends Schedulable {
  readonly request: BatchRequest;
  readonly generation: Generation;
  /** While it runs, in the order of `generation.rows`. */
  members: readonly Row[];
  /** Whether a processor waits for something outside the batch. */
  waiting: boolean;
  /** Positions that its companions and probes have computed. */
  steeringTokens: number;
  /** The probes that were counted after that many tokens of the text. */
  probes: { readonly length: number; readonly counted: Set<string> };
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
  /** What it has computed, while it is paused. */
  saved: Float32Array | undefined;
  /** How many of the prompt's tokens another request computed. */
  cachedTokens = 0;
  /** The deltas that it runs with. */
  deltas: RowDeltas;
  /** Those that it runs with or may still get. */
  most: RowDeltas;
  /** After the prompt; undefined until it has been prefilled. */
  promptStates: StepStates | undefined;
  /** After everything so far; undefined once the leader's next token has been chosen. */
  states: StepStates | undefined;
  /** Buffers for the states, reused at every step. */
  #memory: StepStates | undefined;

  /** What reads its prompt for a condition. */
  readonly reader: PromptReader | undefined;

  constructor(open: OpenGeneration, work: GenerationRow) {
    this.open = open;
    this.work = work;
    this.deltas = work.deltas;
    this.most = mostDeltas(work);
    this.reader = work.condition?.start(work.prompt.length);
    this.prefilled = work.deltas.prefixTokens;
    const generated = work.text ?? open.generation.sequence.generated;
    this.state = { role: work.role, prompt: work.prompt, generated };
  }

  get isCompanion(): boolean {
    return this.work.role !== LEADER;
  }

  /** Positions before the prompt that the deltas fill. */
  get lead(): number {
    return this.work.deltas.prefixTokens + this.work.deltas.virtualTokens;
  }

  /** Positions of the whole prompt and of the deltas' positions before it. */
  get promptEnd(): number {
    return this.lead + this.work.prompt.length;
  }

  get isPaused(): boolean {
    return this.saved !== undefined;
  }

  get isPrefilled(): boolean {
    return this.prefilled === this.promptEnd;
  }

  /** Whether its generation's next token has been chosen and waits to be decoded. */
  get isDecoding(): boolean {
    return this.state.generated.length > 0 && this.states === undefined;
  }

  /** How many positions are in the cache. */
  get cachedPositions(): number {
    if (!this.isPrefilled) return this.prefilled;
    const { length } = this.state.generated;
    return this.promptEnd + (this.states === undefined ? Math.max(0, length - 1) : length);
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
    const { stateKey, prompt, deltas, takes = {}, condition, scoring } = this.work;
    const computesLast = condition !== undefined || (takes.exits ?? []).length > 0;
    const states = condition?.wholePrompt === true ? "all" : computesLast ? "last" : "none";
    return { stateKey, prompt, deltas, computes: scoring?.from ?? states };
  }

  /** What the batch must read of a chunk of its prompt. */
  readsOfChunk(isLast: boolean): RunReads {
    const { takes = {}, condition } = this.work;
    const taps = condition !== undefined && (isLast || condition.wholePrompt) ? condition.taps : [];
    return { taps, exits: isLast ? (takes.exits ?? []) : [] };
  }

  /** Reads what is scored of a chunk whose logits at every position are [positions, V]. `prefilled` does not count it yet. */
  score({ virtual, tokens }: PrefillChunk, logits: Float32Array): void {
    const { from, read } = this.work.scoring!;
    const first = Math.max(0, this.prefilled - this.lead);
    const width = logits.length / (virtual + tokens.length);
    for (let i = Math.max(0, from - first); i < tokens.length; i++) {
      read(first + i, logits.subarray((virtual + i) * width, (virtual + i + 1) * width));
    }
  }

  /** Whether a chunk has tokens that are scored. */
  isScored({ tokens }: PrefillChunk): boolean {
    const { scoring } = this.work;
    const first = Math.max(0, this.prefilled - this.lead);
    return scoring !== undefined && first + tokens.length > scoring.from;
  }

  /** The layers after which it takes logits. */
  get exits(): readonly number[] {
    return this.work.takes?.exits ?? [];
  }

  /** Copies a step's states out of views that the next run overwrites. Keeps those after the prompt for other rows. */
  take(views: StepStates): void {
    if (this.promptStates === undefined) {
      this.promptStates = copyOf(views);
      this.states = this.promptStates;
      return;
    }
    this.#memory ??= copyOf(views);
    this.#memory.logits.set(views.logits);
    this.#memory.final.set(views.final);
    for (const [layer, logits] of views.exits) this.#memory.exits.get(layer)!.set(logits);
    this.states = this.#memory;
  }

  /** Adopts states that another row computed, with those after the prompt if they cover all of it. */
  takeOver(positions: number, promptStates: StepStates | undefined): void {
    this.prefilled = positions;
    this.source = undefined;
    if (!this.isPrefilled) return;
    this.promptStates = promptStates;
    this.states = promptStates;
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

/** The deltas that a row may have at any time. */
export function mostDeltas({ deltas, condition }: GenerationRow): RowDeltas {
  return condition?.most ?? deltas;
}

function copyOf({ logits, final, exits }: StepStates): StepStates {
  return {
    logits: logits.slice(),
    final: final.slice(),
    exits: new Map([...exits].map(([at, of]) => [at, of.slice()])),
  };
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
