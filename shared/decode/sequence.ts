import { withoutMarks } from "../model/calls/marks.ts";
import type { CallReader } from "../model/calls/reader.ts";
import type { StreamDecoder } from "../model/stream-decoder.ts";
import type { FinishReason, GenerateEvent, SteeringTrace, TokenLogprob } from "./events.ts";
import { HeldScores } from "./held-scores.ts";
import { type ScoredToken, scoreToken } from "./logits.ts";
import type { DecodeSettings } from "./registry.ts";
import { type ReplyPiece, ReplyText } from "./reply-text.ts";
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
  /** Whether the token that ends the text is scored too. */
  readonly scoresEnd?: boolean;
  /** Alternatives to report per token; null reports nothing. */
  readonly topLogprobs: number | null;
  /** Alternatives that the trace of each token lists; absent: no trace. */
  readonly traced?: number;
  /** Uniform draws in [0, 1): one a token. */
  readonly uniform: () => number;
  readonly decoder: StreamDecoder;
  /** Tells calls from the decoder's text; absent without tools. */
  readonly calls?: CallReader;
  /** Reports a token; `first` if it begins the text. */
  readonly describe: (token: number, first: boolean) => Pick<TokenLogprob, "token" | "bytes">;
}

/** As `scoreToken` gives it. */
export type KnownScore = ReturnType<typeof scoreToken>;

type TokenScore = TokenLogprob & { readonly top: TokenLogprob[] };
type TokenEvent = Extract<GenerateEvent, { type: "token" }>;

/** One text under generation: takes tokens, gives events. Knows nothing of batches, slots or other sequences. */
export class Sequence {
  readonly choice: number;
  readonly settings: DecodeSettings;
  readonly maxTokens: number;
  readonly traced: number | undefined;
  readonly topLogprobs: number | null;
  readonly uniform: () => number;
  readonly #options: SequenceOptions;
  readonly #text: ReplyText;
  readonly #scores = new HeldScores<TokenScore>();
  readonly #generated: number[] = [];

  constructor(options: SequenceOptions) {
    this.choice = options.choice;
    this.settings = options.settings;
    this.maxTokens = options.maxTokens;
    this.traced = options.traced;
    this.topLogprobs = options.topLogprobs;
    this.uniform = options.uniform;
    this.#options = options;
    this.#text = new ReplyText(options.stop, options.calls);
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
    logits: Float32Array | KnownScore | undefined,
    trace?: TokenTrace,
  ): { readonly events: readonly GenerateEvent[]; readonly finished: boolean } {
    const { choice, endTokens, topLogprobs } = this.#options;
    this.#generated.push(token);
    const traced = trace === undefined ? {} : { trace: this.#describeTrace(trace) };
    if (endTokens.has(token)) {
      if (topLogprobs !== null && this.#options.scoresEnd === true) {
        this.#scores.add(this.#score(logits!, token, topLogprobs), 0);
      }
      return this.#finish("stop", this.#options.decoder.flush(), traced);
    }

    const text = this.#options.decoder.push(token);
    const wasInCall = this.#text.isInCall;
    const { pieces, known, stopped } = this.#text.push(text);
    const isInCall = this.#text.isInCall;
    // The scores of a reply are those of its text.
    if (topLogprobs !== null && !(wasInCall && isInCall && known === 0)) {
      this.#scores.add(this.#score(logits!, token, topLogprobs), withoutMarks(text).length);
    }
    const logprobs = this.#scoresOf(known);
    if (isInCall || pieces.some(({ type }) => type !== "text")) this.#scores.drop();
    const events = this.#eventsOf(pieces, { ...logprobs, ...traced });
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
    const { pieces, known, stopped } = this.#text.finish(tail);
    const logprobs = this.#scoresOf(known);
    const isEvent = pieces.length > 0 || logprobs.logprobs !== undefined || traced.trace !== undefined;
    const events = isEvent ? this.#eventsOf(pieces, { ...logprobs, ...traced }) : [];
    const ended = stopped ? "stop" : reason;
    const finish = ended === "stop" && this.#text.hasCalled ? "tool_calls" : ended;
    return { events: [...events, { type: "finish", choice, reason: finish }], finished: true };
  }

  /** The scores of the text that has become known, if any. */
  #scoresOf(known: number): Pick<TokenEvent, "logprobs"> {
    const logprobs = this.#scores.send(known);
    return logprobs.length === 0 ? {} : { logprobs };
  }

  /** First the token's own event, with the text that comes before any call. */
  #eventsOf(pieces: readonly ReplyPiece[], token: Pick<TokenEvent, "logprobs" | "trace">): GenerateEvent[] {
    const { choice } = this.#options;
    const [first] = pieces;
    const text = first?.type === "text" ? first.text : "";
    const rest = first?.type === "text" ? pieces.slice(1) : pieces;
    const others = rest.map(
      (piece): GenerateEvent =>
        piece.type === "text" ? { type: "token", choice, text: piece.text } : { ...piece, choice },
    );
    return [{ type: "token", choice, text, ...token }, ...others];
  }

  #describeTrace({ parts, kl, top, changes, ...chosen }: TokenTrace): SteeringTrace {
    const isFirst = this.#generated.length === 1;
    const named = ({ token: id, before, after }: Pick<TokenTrace, "token" | "before" | "after">) => {
      return { id, token: this.#options.describe(id, isFirst).token, before, after };
    };
    return { ...named(chosen), kl, top: top.map(named), changes, parts };
  }

  #score(logits: Float32Array | KnownScore, token: number, top: number): TokenScore {
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
