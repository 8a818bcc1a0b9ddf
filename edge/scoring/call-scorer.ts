import { parseScorerAllow, type ScorerAllowance } from "../../shared/api/scorer-url.ts";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import type { Env } from "../env.ts";
import { admit, type BreakerState, CLOSED, failed, succeeded, withdrawn } from "./breaker.ts";
import { bodyOf, exchange, type SentRequest } from "./exchange.ts";
import { failureOf, NOT_ITS_FAULT, type ScorerFailure, scorerFailed, scorerTripped } from "./failure.ts";
import { type PlaceLimits, Places } from "./places.ts";
import type { CallOptions, ScoreRequest, ScorerTarget } from "./target.ts";

/** Breakers that are remembered; those of scorers that were not called for the longest are forgotten. */
const BREAKERS = 1_000;
const PLACES: PlaceLimits = { ofTenant: 4, ofAll: 32, waiting: 64 };

export interface ScorerCallerOptions {
  readonly allow: ScorerAllowance;
  readonly places?: PlaceLimits;
  readonly fetch?: typeof fetch;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

interface NotedBreaker extends BreakerState {
  /** What the scorer failed with the last time. */
  readonly last?: ScorerFailure | undefined;
}

/** Calls scorers for one isolate. It trusts nothing that comes back, and ends every call by its deadline. */
export class ScorerCaller {
  readonly #allow: ScorerAllowance;
  readonly #places: Places;
  readonly #fetch: typeof fetch;
  readonly #now: () => number;
  readonly #breakers = new Map<string, NotedBreaker>();

  constructor(options: ScorerCallerOptions) {
    this.#allow = options.allow;
    this.#places = new Places(options.places ?? PLACES);
    this.#fetch = options.fetch ?? ((request, init) => fetch(request, init));
    this.#now = options.now ?? (() => Date.now());
  }

  /** As the deployment has it. */
  static of({ SCORER_ALLOW, SCORER_NETWORK: network }: Pick<Env, "SCORER_ALLOW" | "SCORER_NETWORK">): ScorerCaller {
    const allow = parseScorerAllow(SCORER_ALLOW);
    if (network === undefined) return new ScorerCaller({ allow });
    return new ScorerCaller({ allow, fetch: (request, init) => network.fetch(request, init) });
  }

  /**
   * One finite number for each text, in their order, each from −10⁶ to 10⁶. Equal texts are sent once.
   *
   * @throws TrimtabError scorer_failed, with the reason in `data.reason`; cancelled where the caller's signal fires;
   *   invalid_request for more texts, or longer ones, than one call may have
   */
  async call(scorer: ScorerTarget, request: ScoreRequest, options: CallOptions): Promise<number[]> {
    const texts = [...new Set(request.texts)];
    if (texts.length === 0) return [];
    const body = bodyOf(request, texts);
    const key = JSON.stringify([scorer.tenant, scorer.name, scorer.url]);
    const known: NotedBreaker = this.#breakers.get(key) ?? CLOSED;
    const state = admit(known, this.#now(), this.#now() + options.deadlineMs);
    if (state === null) throw scorerTripped(scorer.name, known.last);
    this.#note(key, state, known.last);
    try {
      const scores = await this.#timed(scorer, { body, count: texts.length, requestId: request.requestId }, options);
      this.#note(key, succeeded());
      const byText = new Map(texts.map((text, index) => [text, scores[index]!]));
      return request.texts.map((text) => byText.get(text)!);
    } catch (error) {
      const reason = failureOf(error);
      const before: NotedBreaker = this.#breakers.get(key) ?? CLOSED;
      const itsFault = reason !== undefined && !NOT_ITS_FAULT.has(reason);
      if (itsFault) this.#note(key, failed(before, this.#now()), reason);
      else this.#note(key, withdrawn(before), before.last);
      throw error;
    }
  }

  /** Runs a call under one signal, which fires at the deadline and with the caller's own. */
  async #timed(
    scorer: ScorerTarget,
    sent: SentRequest,
    { deadlineMs, signal: outer }: CallOptions,
  ): Promise<readonly number[]> {
    const ending = new AbortController();
    const timer = setTimeout(
      () => ending.abort(scorerFailed(scorer.name, "stalled", `it had ${deadlineMs} ms`)),
      deadlineMs,
    );
    const cancel = (): void =>
      ending.abort(new TrimtabError("cancelled", "The request ended before its scorer answered."));
    outer?.addEventListener("abort", cancel, { once: true });
    if (outer?.aborted === true) cancel();
    let giveBack: (() => void) | undefined;
    try {
      giveBack = await this.#places.take(scorer.tenant, ending.signal);
      if (giveBack === undefined) throw scorerFailed(scorer.name, "busy");
      return await exchange(scorer, sent, {
        allow: this.#allow,
        fetch: this.#fetch,
        now: this.#now(),
        signal: ending.signal,
      });
    } catch (error) {
      // The network's own error for an aborted call says less than the reason.
      if (ending.signal.aborted) throw ending.signal.reason;
      if (error instanceof TrimtabError) throw error;
      throw scorerFailed(scorer.name, "unreachable", messageOf(error).slice(0, 200), error);
    } finally {
      clearTimeout(timer);
      outer?.removeEventListener("abort", cancel);
      giveBack?.();
    }
  }

  #note(key: string, state: BreakerState, last?: ScorerFailure): void {
    this.#breakers.delete(key);
    if (state !== CLOSED) this.#breakers.set(key, { ...state, last });
    for (const oldest of this.#breakers.keys()) {
      if (this.#breakers.size <= BREAKERS) break;
      this.#breakers.delete(oldest);
    }
  }
}
