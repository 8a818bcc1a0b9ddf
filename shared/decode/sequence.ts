import type { StreamDecoder } from "../model/stream-decoder.ts";
import type { FinishReason, GenerateEvent, SteeringTrace, TokenLogprob } from "./events.ts";
import { type ScoredToken, scoreToken } from "./logits.ts";
import type { DecodeSettings } from "./registry.ts";
import { StopSequences } from "./stop-sequences.ts";
import type { TokenTrace } from "./trace.ts";

export interface SequenceOptions {
  /** Number of the choice in its request's answer. */
  readonly choice: number;
  readonly settings: DecodeSettings;
  /** At least 1. */
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** Tokens that end the text; they are not part of it. */
  readonly endTokens: ReadonlySet<number>;
  /** Alternatives to report per token; null reports nothing. */
  readonly topLogprobs: number | null;
  /** Alternatives that the trace of each token lists; absent: no trace. */
  readonly traced?: number;
  /** Uniform draws in [0, 1): one a token. */
  readonly uniform: () => number;
  readonly decoder: StreamDecoder;
  /** Reports a token; `first` if it begins the text. */
  readonly describe: (token: number, first: boolean) => Pick<TokenLogprob, "token" | "bytes">;
}

/** As `scoreToken` gives it. */
export type TokenScore = ReturnType<typeof scoreToken>;

/** One text under generation: takes tokens, gives events. Knows nothing of batches, slots or other sequences. */
export class Sequence {
  readonly choice: number;
  readonly settings: DecodeSettings;
  readonly maxTokens: number;
  readonly traced: number | undefined;
  readonly topLogprobs: number | null;
  readonly uniform: () => number;
  readonly #options: SequenceOptions;
  readonly #stops: StopSequences;
  readonly #generated: number[] = [];

  constructor(options: SequenceOptions) {
    this.choice = options.choice;
    this.settings = options.settings;
    this.maxTokens = options.maxTokens;
    this.traced = options.traced;
    this.topLogprobs = options.topLogprobs;
    this.uniform = options.uniform;
    this.#options = options;
    this.#stops = new StopSequences(options.stop);
  }

  /** The tokens so far, one that ended the text included. The array grows with every `accept`. */
  get generated(): readonly number[] {
    return this.#generated;
  }

  /**
   * Takes the next token and the logits [V] that it was drawn from; or its score, where it was taken before, which may be left out
   * if no log-probabilities are reported. Gives the events that it brings; the last one of a sequence is a `finish`.
   */
  accept(
    token: number,
    logits: Float32Array | TokenScore | undefined,
    trace?: TokenTrace,
  ): { readonly events: readonly GenerateEvent[]; readonly finished: boolean } {
    const { choice, endTokens, topLogprobs } = this.#options;
    this.#generated.push(token);
    const traced = trace === undefined ? {} : { trace: this.#describeTrace(trace) };
    if (endTokens.has(token)) return this.#finish("stop", this.#options.decoder.flush(), traced);

    const { text, stopped } = this.#stops.push(this.#options.decoder.push(token));
    const logprobs = topLogprobs === null ? {} : { logprobs: [this.#score(logits!, token, topLogprobs)] };
    const events: GenerateEvent[] = [{ type: "token", choice, text, ...logprobs, ...traced }];
    if (stopped) return { events: [...events, { type: "finish", choice, reason: "stop" }], finished: true };
    if (this.#generated.length < this.maxTokens) return { events, finished: false };
    const end = this.#finish("length", this.#options.decoder.flush());
    return { events: [...events, ...end.events], finished: true };
  }

  /** Text that was held back may still hold a stop sequence; what comes before it is sent. */
  #finish(
    reason: FinishReason,
    tail: string,
    traced: { readonly trace?: SteeringTrace } = {},
  ): { events: GenerateEvent[]; finished: true } {
    const { choice } = this.#options;
    const { text, stopped } = this.#stops.push(tail);
    const unsent = stopped ? text : text + this.#stops.flush();
    const isEvent = unsent !== "" || traced.trace !== undefined;
    const events: GenerateEvent[] = isEvent ? [{ type: "token", choice, text: unsent, ...traced }] : [];
    return { events: [...events, { type: "finish", choice, reason: stopped ? "stop" : reason }], finished: true };
  }

  #describeTrace({ parts, kl, top, ...chosen }: TokenTrace): SteeringTrace {
    const isFirst = this.#generated.length === 1;
    const named = ({ token: id, before, after }: Pick<TokenTrace, "token" | "before" | "after">) => {
      return { id, token: this.#options.describe(id, isFirst).token, before, after };
    };
    return { ...named(chosen), kl, top: top.map(named), parts };
  }

  #score(logits: Float32Array | TokenScore, token: number, top: number): TokenLogprob & { top: TokenLogprob[] } {
    const first = this.#generated.length === 1;
    const describe = (scored: ScoredToken): TokenLogprob => ({
      id: scored.token,
      ...this.#options.describe(scored.token, first),
      logprob: scored.logprob,
    });
    const score = logits instanceof Float32Array ? scoreToken(logits, token, top) : logits;
    return { ...describe(score), top: score.top.map(describe) };
  }
}
