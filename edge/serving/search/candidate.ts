import type { GenerateEvent } from "../../../shared/decode/events.ts";
import { logSumExp } from "../../../shared/decode/logits.ts";
import type { Judge } from "../../../shared/search/plan.ts";
import type { BatchLoop } from "../batch-loop.ts";
import type { Choice } from "../choices.ts";
import type { BatchRequest, ChosenToken, RequestEnd } from "../generation.ts";
import type { Running } from "./search-run.ts";

export interface CandidateOptions {
  readonly loop: Pick<BatchLoop, "cancel">;
  readonly tenant: string;
  readonly choice: Choice;
  readonly index: number;
  readonly maxTokens: number;
  /** Absent: it is judged by its likelihood. */
  readonly judge?: Judge | undefined;
  /** Tokens between two reports of its score so far; absent: none. */
  readonly every?: number | undefined;
  /** Called for each. May call `stop` of any candidate. */
  readonly reached?: (index: number, score: number) => void;
}

/**
 * One text of a search, in the batch as a request of its own. Its events stay here until it is chosen. It judges itself while it is
 * made, from states that the batch has computed anyway, which are those before its last token.
 */
export class Candidate implements Running {
  readonly index: number;
  readonly permits = 1;
  readonly request: BatchRequest;
  readonly events: GenerateEvent[] = [];
  /** How the batch left it; rejects with the error that ended it. */
  readonly end: Promise<RequestEnd>;
  /** Of the whole text, once it has ended by itself. */
  score: number | undefined;
  /** Whether it is no candidate any more. */
  stopped = false;
  /** Whether it is in the batch or waits for it. */
  isOpen = true;
  readonly #options: CandidateOptions;
  readonly #generated: readonly number[];
  #logprobs = 0;

  constructor(options: CandidateOptions) {
    const { choice, index, tenant, maxTokens } = options;
    this.#options = options;
    this.index = index;
    const generation = choice.generation(index, { maxTokens });
    this.#generated = generation.sequence.generated;
    const { promise, resolve, reject } = Promise.withResolvers<RequestEnd>();
    this.end = promise;
    this.request = {
      tenant,
      generations: [{ ...generation, watch: (chosen) => this.#watch(chosen), isExtra: index > 0 }],
      emit: (event) => void this.events.push(event),
      settle: (end) => {
        this.isOpen = false;
        if (end.error === undefined) resolve(end);
        else reject(end.error);
      },
    };
  }

  get tokens(): number {
    return this.#generated.length;
  }

  get text(): string {
    return this.events.map((event) => (event.type === "token" ? event.text : "")).join("");
  }

  /** The mean log-probability of its tokens, what ended it included. */
  get likelihood(): number {
    return this.tokens === 0 ? 0 : this.#logprobs / this.tokens;
  }

  /** Ends it and frees its rows at once. It is no candidate any more, even if it had ended. */
  stop(): void {
    this.stopped = true;
    this.#options.loop.cancel(this.request);
  }

  #watch(chosen: ChosenToken): void {
    const { judge, every, reached, index, choice } = this.#options;
    const { token, logits, finished, view } = chosen;
    const before = this.tokens - 1;
    const meanBefore = before === 0 ? 0 : this.#logprobs / before;
    this.#logprobs += logits[token]! - logSumExp(logits);
    if (finished) {
      // What ends a text is no part of it, but some judges are trained to read it.
      const isPart = judge?.readsEnd === true || !choice.endTokens.has(token);
      this.score = judge === undefined ? this.likelihood : scoreOf(judge, view, isPart ? token : undefined);
    }
    if (every === undefined || before === 0 || before % every !== 0) return;
    reached?.(index, judge === undefined ? meanBefore : judge.score(view.final(judge.role)));
  }
}

/** Of the text that the rows know, with a last token behind it that they do not. */
function scoreOf({ role, score }: Judge, view: ChosenToken["view"], last: number | undefined): number {
  if (last === undefined) return score(view.final(role));
  let judged = 0;
  view.probe(role, [last], ({ final }) => {
    judged = score(final);
  });
  return judged;
}
