import { TrimtabError } from "../../shared/errors.ts";

/** Why a scorer gave no scores, and how a sentence about it goes on. */
const REASONS = {
  stalled: "did not answer in time",
  unreachable: "could not be reached, or broke off its answer",
  redirected: "answered with a redirect, which is not followed",
  unavailable: "answered that it cannot score now",
  status: "answered with an error",
  too_large: "answered with more than a list of scores can take",
  not_json: "did not answer with JSON",
  not_scores: 'did not answer with `{"scores": [...]}`',
  wrong_count: "gave another number of scores than there were candidates",
  not_finite: "gave a score that is no finite number within the bounds",
  busy: "has as many calls under way as are allowed",
  tripped: "failed several times in a row and is left alone for a while",
  refused: "has an address that this server no longer allows",
} as const;

export type ScorerFailure = keyof typeof REASONS;

/** The failures that are not the scorer's own, and say nothing about the next call. */
export const NOT_ITS_FAULT: ReadonlySet<ScorerFailure> = new Set(["busy", "tripped", "refused"]);

/** The failures of a scorer that gave no answer, and of calls that did not reach it. The others are wrong answers and addresses. */
const UNANSWERED: ReadonlySet<ScorerFailure> = new Set(["stalled", "unreachable", "unavailable", "busy"]);

/** `data` has the scorer's name and the reason. */
export function scorerFailed(name: string, reason: ScorerFailure, detail = "", cause?: unknown): TrimtabError {
  const more = detail === "" ? "" : `: ${detail}`;
  return new TrimtabError("scorer_failed", `The scorer ${JSON.stringify(name)} ${REASONS[reason]}${more}.`, {
    param: "steering",
    data: { scorer: name, reason },
    cause,
  });
}

/** undefined for any other error. */
export function failureOf(error: unknown): ScorerFailure | undefined {
  if (!(error instanceof TrimtabError) || error.code !== "scorer_failed") return undefined;
  return error.data.reason as ScorerFailure;
}

/** For a scorer that is left alone; `data.after` has the failure that came last. */
export function scorerTripped(name: string, after: ScorerFailure | undefined): TrimtabError {
  const last = after === undefined ? "" : `; the last time, it ${REASONS[after]}`;
  return new TrimtabError("scorer_failed", `The scorer ${JSON.stringify(name)} ${REASONS.tripped}${last}.`, {
    param: "steering",
    data: { scorer: name, reason: "tripped", after },
  });
}

/**
 * Whether a call failed because no answer came in time, and not because of what the scorer answered or where it is. One that is left
 * alone counts as what it failed with before: wrong answers would otherwise look like late ones from the sixth on.
 */
export function isUnanswered(error: unknown): boolean {
  const reason = failureOf(error);
  if (reason === undefined) return false;
  const decisive = reason === "tripped" ? ((error as TrimtabError).data.after as ScorerFailure | undefined) : reason;
  return decisive === undefined || UNANSWERED.has(decisive);
}
