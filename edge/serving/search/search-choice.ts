import type { GenerateEvent, SearchReport } from "../../../shared/decode/events.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { type SearchBy, scorerNamed } from "../../../shared/search/by.ts";
import { EarlyRejection } from "../../../shared/search/early-rejection.ts";
import { type SampledSearch, sampledMethod } from "../../../shared/search/registry.ts";
import type { Choice } from "../choices.ts";
import { Candidate } from "./candidate.ts";
import type { SearchRun } from "./search-run.ts";

/**
 * Makes the candidates of one choice as its method asks, and emits the events of the one that is chosen. Tokens are set aside for
 * a whole text before it is begun, so that the budget is never exceeded. Emits nothing once the run is aborted.
 */
export async function searchChoice(run: SearchRun, choice: Choice, asked: SampledSearch): Promise<void> {
  const method = sampledMethod(asked);
  const budget = budgetOf(choice, asked);
  const longest = Math.min(choice.maxTokens, budget);
  const reject = asked.method === "best_of" ? asked.reject : undefined;
  const first = method.oneByOne ? 1 : Math.min(run.width, asked.best_of, Math.max(1, Math.floor(budget / longest)));
  const early = reject === undefined ? undefined : new EarlyRejection({ fraction: reject.fraction, first });
  const candidates: Candidate[] = [];
  const stop = (indices: readonly number[]) => {
    for (const index of indices) candidates[index]!.stop();
  };
  const reached = (at: number, score: number) => stop(early!.reached(at, score));
  const common = {
    ...run.options,
    choice,
    maxTokens: longest,
    judge: run.options.plan.judge,
    ...(reject === undefined ? {} : { every: reject.every, reached }),
  };
  const begin = async (count: number): Promise<boolean> => {
    await run.permits.take(count);
    const from = candidates.length;
    const begun = Array.from({ length: count }, (_, i) => new Candidate({ ...common, index: from + i }));
    candidates.push(...begun);
    if (early !== undefined) {
      for (const candidate of begun) {
        const end = () => candidate.stopped || stop(early.ended(candidate.index));
        candidate.end.then(end, () => {});
      }
    }
    return run.begin(begun);
  };
  const scorer = new CandidateScores(run, choice, asked);
  let ended: SearchReport["ended"] = method.oneByOne ? "attempts" : "complete";

  while (candidates.length < asked.best_of) {
    const isFirst = candidates.length === 0;
    if (!isFirst && !(await hasRoom(run, candidates, { budget, longest }))) {
      ended = "budget";
      break;
    }
    if (!(await begin(isFirst ? first : 1))) return;
    if (!method.oneByOne) continue;
    const candidate = candidates.at(-1)!;
    await candidate.end;
    if (run.signal.aborted) return;
    const [score] = await scorer.of([candidate]);
    if (!method.isEnough(asked, score!)) continue;
    ended = "threshold";
    break;
  }
  const ends = await Promise.all(candidates.map(({ end }) => end));
  if (run.signal.aborted) return;
  const whole = candidates.filter(({ stopped }) => !stopped);
  const scores = await scorer.of(whole);
  if (run.signal.aborted) return;
  const judged = whole.map(({ index, text, likelihood }, i) => ({ index, text, likelihood, score: scores[i]! }));
  const chosen = method.choose(asked, judged);
  const winner = whole[chosen.at]!;
  const made = candidates.reduce((sum, { tokens }) => sum + tokens, 0);
  run.count(choice, { completion: winner.tokens, made, ends });
  const report: SearchReport = {
    method: asked.method,
    candidates: candidates.length,
    score: chosen.score,
    scores: candidates.map(({ index }) => judged.find((one) => one.index === index)?.score ?? null),
    chosen: winner.index,
    tokens: made,
    budget,
    ended,
    ...(scorer.failed ? { fallback: "likelihood" } : {}),
  };
  await run.release(withReport(winner.events, report));
}

/** A text's events, the last of which says what the search did. */
export function withReport(events: readonly GenerateEvent[], search: SearchReport): GenerateEvent[] {
  return events.map((event) => (event.type === "finish" ? { ...event, search } : event));
}

/** Tokens that all candidates of a choice may have together. */
export function budgetOf(
  { maxTokens }: Pick<Choice, "maxTokens">,
  asked: { readonly best_of: number; readonly max_total_tokens?: number | undefined },
): number {
  return asked.max_total_tokens ?? Math.min(asked.best_of * maxTokens, LIMITS.searchTokens);
}

/** Whether the budget has room for a whole text more, once enough of those before it have ended. */
async function hasRoom(
  run: SearchRun,
  candidates: readonly Candidate[],
  { budget, longest }: { readonly budget: number; readonly longest: number },
): Promise<boolean> {
  for (;;) {
    const left = candidates.reduce((sum, { isOpen, tokens }) => sum - (isOpen ? longest : tokens), budget);
    if (left >= longest) return true;
    if (!candidates.some(({ isOpen }) => isOpen) || run.signal.aborted) return false;
    await run.someEnd();
  }
}

/** The scores of candidates that have ended, from the batch or from a scorer. */
class CandidateScores {
  readonly #run: SearchRun;
  readonly #choice: Choice;
  readonly #asked: SampledSearch;
  readonly #known = new Map<Candidate, number>();
  /** Whether a scorer failed, so that likelihood has taken its place. */
  failed = false;

  constructor(run: SearchRun, choice: Choice, asked: SampledSearch) {
    this.#run = run;
    this.#choice = choice;
    this.#asked = asked;
  }

  async of(candidates: readonly Candidate[]): Promise<number[]> {
    const { scoreTexts } = this.#run.options;
    const by = sampledMethod(this.#asked).by(this.#asked);
    if (scorerNamed(by) === undefined || scoreTexts === undefined) return candidates.map(({ score }) => score!);
    const unknown = candidates.filter((candidate) => !this.#known.has(candidate));
    if (unknown.length > 0 && !this.failed) await this.#ask(unknown, by);
    return candidates.map((candidate) => (this.failed ? candidate.likelihood : this.#known.get(candidate)!));
  }

  async #ask(candidates: readonly Candidate[], by: SearchBy): Promise<void> {
    const { scoreTexts } = this.#run.options;
    try {
      const scores = await scoreTexts!(
        this.#choice,
        candidates.map(({ text }) => text),
        this.#run.signal,
      );
      for (const [i, candidate] of candidates.entries()) this.#known.set(candidate, scores[i]!);
    } catch (error) {
      const isOpen = error instanceof TrimtabError && error.code === "scorer_failed" && isOpenOnFailure(by);
      if (!isOpen) throw error;
      this.failed = true;
    }
  }
}

function isOpenOnFailure(by: SearchBy): boolean {
  return typeof by === "object" && "scorer" in by && by.on_failure === "likelihood";
}
