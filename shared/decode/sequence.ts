import type { StreamDecoder } from "../model/stream-decoder.ts";
import type { FinishReason, GenerateEvent, TokenLogprob } from "./events.ts";
import { type SamplingSettings, type ScoredToken, sampleToken, scoreToken } from "./sampler.ts";
import { StopSequences } from "./stop-sequences.ts";

export interface SequenceOptions {
  /** Number of the choice in its request's answer. */
  readonly choice: number;
  readonly prompt: readonly number[];
  readonly sampling: SamplingSettings;
  /** At least 1. */
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** Tokens that end the text; they are not part of it. */
  readonly endTokens: ReadonlySet<number>;
  /** Alternatives to report per token; null reports nothing. */
  readonly topLogprobs: number | null;
  /** Uniform draws in [0, 1): one a token. */
  readonly uniform: () => number;
  readonly decoder: StreamDecoder;
  readonly describe: (token: number) => Pick<TokenLogprob, "token" | "bytes">;
}

/** One text under generation: takes logits, gives events. Knows nothing of batches, slots or other sequences. */
export class Sequence {
  readonly prompt: readonly number[];
  readonly #options: SequenceOptions;
  readonly #stops: StopSequences;
  readonly #generated: number[] = [];
  readonly #counts = new Map<number, number>();

  constructor(options: SequenceOptions) {
    this.prompt = options.prompt;
    this.#options = options;
    this.#stops = new StopSequences(options.stop);
  }

  get completionTokens(): number {
    return this.#generated.length;
  }

  /** The token to decode next and its position. Only after the first `accept`. */
  get pending(): { readonly token: number; readonly position: number } {
    return { token: this.#generated.at(-1)!, position: this.prompt.length + this.#generated.length - 1 };
  }

  /** Draws a token from the logits [V] that follow everything so far. Ends with a `finish` event. */
  accept(logits: Float32Array): { readonly events: readonly GenerateEvent[]; readonly finished: boolean } {
    const { choice, sampling, endTokens, maxTokens, topLogprobs } = this.#options;
    const token = sampleToken(logits, sampling, this.#counts, sampling.temperature === 0 ? 0 : this.#options.uniform());
    this.#generated.push(token);
    this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1);
    if (endTokens.has(token)) return this.#finish("stop", this.#options.decoder.flush());

    const { text, stopped } = this.#stops.push(this.#options.decoder.push(token));
    const logprobs = topLogprobs === null ? {} : { logprobs: [this.#score(logits, token, topLogprobs)] };
    const events: GenerateEvent[] = [{ type: "token", choice, text, ...logprobs }];
    if (stopped) return { events: [...events, { type: "finish", choice, reason: "stop" }], finished: true };
    if (this.#generated.length < maxTokens) return { events, finished: false };
    const end = this.#finish("length", this.#options.decoder.flush());
    return { events: [...events, ...end.events], finished: true };
  }

  /** Text that was held back may still hold a stop sequence; what comes before it is sent. */
  #finish(reason: FinishReason, tail: string): { events: GenerateEvent[]; finished: true } {
    const { choice } = this.#options;
    const { text, stopped } = this.#stops.push(tail);
    const rest = stopped ? text : text + this.#stops.flush();
    const events: GenerateEvent[] = rest === "" ? [] : [{ type: "token", choice, text: rest }];
    return { events: [...events, { type: "finish", choice, reason: stopped ? "stop" : reason }], finished: true };
  }

  #score(logits: Float32Array, token: number, top: number): TokenLogprob & { top: TokenLogprob[] } {
    const describe = (scored: ScoredToken): TokenLogprob => ({
      ...this.#options.describe(scored.token),
      logprob: scored.logprob,
    });
    const score = scoreToken(logits, token, top);
    return { ...describe(score), top: score.top.map(describe) };
  }
}
