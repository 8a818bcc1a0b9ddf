import type { GenerateEvent } from "../../../shared/decode/events.ts";
import { type ErrorCode, TrimtabError } from "../../../shared/errors.ts";
import type { SearchPlan } from "../../../shared/search/plan.ts";
import type { BatchLoop } from "../batch-loop.ts";
import type { Choice } from "../choices.ts";
import type { BatchRequest, RequestEnd } from "../generation.ts";
import { Permits } from "./permits.ts";

export type SearchLoop = Pick<BatchLoop, "submit" | "cancel" | "quota">;

/** Judges texts outside of the batch. */
export type ScoreTexts = (choice: Choice, texts: readonly string[], signal: AbortSignal) => Promise<readonly number[]>;

export interface SearchOptions {
  readonly loop: SearchLoop;
  readonly tenant: string;
  readonly choices: readonly Choice[];
  readonly plan: SearchPlan;
  /** Takes the events of the texts that are returned. */
  readonly emit: (event: GenerateEvent) => void;
  readonly yieldToEventLoop: () => Promise<void>;
  /** Absent unless the search names a scorer. */
  readonly scoreTexts?: ScoreTexts | undefined;
}

/** A text in the batch, or several in step. */
export interface Running {
  readonly request: BatchRequest;
  /** How many permits it holds. */
  readonly permits: number;
  /** Rejects with the error that ended it. */
  readonly end: Promise<RequestEnd>;
  /** Ends it at once. */
  stop(): void;
}

export interface SearchEnd extends Pick<RequestEnd, "cachedTokens" | "steeringTokens"> {
  /** Tokens of the texts that are returned. */
  readonly completionTokens: number;
}

export interface ChoiceCost {
  readonly completion: number;
  readonly made: number;
  readonly ends: readonly RequestEnd[];
}

const EVENTS_AT_ONCE = 32;

/** What the batch throws where its queue has no room: for anything, or for more of the tenant's. */
const FULL: readonly ErrorCode[] = ["capacity_exceeded", "rate_limit_exceeded"];

/** What the searches of a request's choices share: the rows of its tenant, the count of what they cost, and their end. */
export class SearchRun {
  readonly options: SearchOptions;
  /** How many candidates may run beside each other. */
  readonly width: number;
  readonly permits: Permits;
  readonly #ending = new AbortController();
  readonly #open = new Set<Running>();
  /** Called when a text has left the batch. */
  #waiters: (() => void)[] = [];
  readonly #counts = { cachedTokens: 0, steeringTokens: 0, completionTokens: 0 };

  constructor(options: SearchOptions) {
    this.options = options;
    const rows = Math.max(...options.choices.map(({ rowCount }) => rowCount));
    this.width = Math.max(1, Math.floor(options.loop.quota / rows));
    this.permits = new Permits(this.width);
  }

  /** Fires when the request is cancelled or fails. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get end(): SearchEnd {
    return { ...this.#counts };
  }

  /** Takes every candidate out of the batch; none is begun from now on. */
  abort(): void {
    this.#ending.abort();
    for (const text of this.#open) text.stop();
    this.permits.open();
    this.#wake();
  }

  /**
   * Begins texts for which permits have been taken, all at once, and gives a text's permits back when it has ended. Where the queue
   * is full, it waits for another text of the request to end. Returns false once the run is aborted. Throws as `BatchLoop.submit`
   * does.
   */
  async begin(texts: readonly Running[]): Promise<boolean> {
    for (;;) {
      if (this.signal.aborted) return false;
      try {
        for (const text of texts) this.#open.add(text);
        this.options.loop.submit(...texts.map(({ request }) => request));
        break;
      } catch (error) {
        for (const text of texts) this.#open.delete(text);
        const isFull = error instanceof TrimtabError && FULL.includes(error.code);
        if (!isFull || this.#open.size === 0) throw error;
        await this.someEnd();
      }
    }
    for (const text of texts) {
      const left = () => {
        this.#open.delete(text);
        for (let i = 0; i < text.permits; i++) this.permits.give();
        this.#wake();
      };
      text.end.then(left, left);
    }
    return true;
  }

  /** Resolves when the next text of the request has left the batch, or the run is aborted. */
  someEnd(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /**
   * Counts what a choice's texts have cost: `made` tokens in all, `completion` of them in the text that is returned, and what their
   * rows have computed beside, with the first text's end first.
   */
  count(choice: Choice, { completion, made, ends }: ChoiceCost): void {
    const rows = ends.reduce((sum, { steeringTokens }) => sum + steeringTokens, 0);
    this.#counts.completionTokens += completion;
    this.#counts.steeringTokens += rows + made - completion;
    // What further texts find of their prompt, the first one has computed.
    const isFirst = this.options.choices.find(({ prompt }) => prompt === choice.prompt) === choice;
    if (isFirst) this.#counts.cachedTokens += ends[0]?.cachedTokens ?? 0;
  }

  /** Emits events a few at a time, since whoever reads them has to keep up. */
  async release(events: readonly GenerateEvent[]): Promise<void> {
    for (const [i, event] of events.entries()) {
      if (i > 0 && i % EVENTS_AT_ONCE === 0) await this.options.yieldToEventLoop();
      if (this.signal.aborted) return;
      this.options.emit(event);
    }
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }
}
