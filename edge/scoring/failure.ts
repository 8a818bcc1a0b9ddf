import { TrimtabError } from "../../shared/errors.ts";

/** Why a scorer gave no scores, and how a sentence about it goes on. */
const REASONS = {
  stalled: "did not answer in time",
  unreachable: "could not be reached, or broke off its answer",
  redirected: "answered with a redirect, which is not followed",
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
