import { LIMITS } from "../../shared/limits.ts";
import type { ScorerFailure } from "./failure.ts";

export type CheckedScores =
  | { readonly scores: readonly number[] }
  | { readonly failure: ScorerFailure; readonly detail: string };

/** Takes a reply for what it must be, `{"scores": [...]}` with one number for each candidate. Other fields may stand beside it. */
export function checkScores(bytes: Uint8Array, candidates: number): CheckedScores {
  let reply: unknown;
  try {
    reply = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    return { failure: "not_json", detail: bytes.length === 0 ? "the answer is empty" : "" };
  }
  const scores =
    typeof reply === "object" && reply !== null && Object.hasOwn(reply, "scores")
      ? (reply as { readonly scores: unknown }).scores
      : undefined;
  if (!Array.isArray(scores)) return { failure: "not_scores", detail: "" };
  if (scores.length !== candidates) {
    return { failure: "wrong_count", detail: `${scores.length} for ${candidates}` };
  }
  const wrong = scores.findIndex((score) => !isScore(score));
  if (wrong >= 0) {
    const bounds = `a number from -${LIMITS.scorerScore} to ${LIMITS.scorerScore}`;
    return { failure: "not_finite", detail: `\`scores[${wrong}]\` must be ${bounds}` };
  }
  return { scores };
}

function isScore(score: unknown): score is number {
  return typeof score === "number" && Math.abs(score) <= LIMITS.scorerScore;
}
