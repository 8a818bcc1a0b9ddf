import { requireScorerUrl, type ScorerAllowance } from "../../shared/api/scorer-url.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import { checkScores } from "./check-scores.ts";
import { type ScorerFailure, scorerFailed } from "./failure.ts";
import { readReply } from "./read-reply.ts";
import { signatureHeaders } from "./signature.ts";
import type { ScoreRequest, ScorerTarget } from "./target.ts";

/** A call's body, and what its reply is held to. */
export interface SentRequest {
  readonly body: Uint8Array;
  readonly count: number;
  readonly requestId: string;
}

/** What a call goes through and ends with. */
export interface Exchange {
  readonly allow: ScorerAllowance;
  readonly fetch: typeof fetch;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/**
 * Sends one request and takes its reply for nothing but scores, one for each candidate.
 *
 * @throws TrimtabError scorer_failed; the network's own error, or the signal's reason
 */
export async function exchange(
  scorer: ScorerTarget,
  { body, count, requestId }: SentRequest,
  { allow, fetch, now, signal }: Exchange,
): Promise<readonly number[]> {
  const response = await fetch(allowedUrl(scorer, allow), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      "user-agent": "trimtab",
      "x-request-id": requestId,
      ...(await signatureHeaders(scorer.secret, body, Math.floor(now / 1000))),
    },
    body,
    redirect: "manual",
    signal,
  });
  const { status } = response;
  if (status !== 200) {
    await response.body?.cancel().catch(() => {});
    throw scorerFailed(scorer.name, failureOfStatus(status), `status ${status}`);
  }
  const bytes = await readReply(response, LIMITS.scorerReply, signal);
  if (bytes === undefined) throw scorerFailed(scorer.name, "too_large", `the limit is ${LIMITS.scorerReply} bytes`);
  const checked = checkScores(bytes, count);
  if ("failure" in checked) throw scorerFailed(scorer.name, checked.failure, checked.detail);
  return checked.scores;
}

function failureOfStatus(status: number): ScorerFailure {
  if (status >= 500 || status === 408 || status === 429) return "unavailable";
  return status >= 300 && status < 400 ? "redirected" : "status";
}

/** Checked again at every call: the operator may have withdrawn an address that was allowed when it was registered. */
function allowedUrl({ name, url }: ScorerTarget, allow: ScorerAllowance): URL {
  try {
    return requireScorerUrl(url, allow);
  } catch (cause) {
    throw scorerFailed(name, "refused", "", cause);
  }
}

/**
 * @param texts all different
 * @throws TrimtabError invalid_request for more texts, or longer ones, than one call may have
 */
export function bodyOf({ prompt, requestId }: ScoreRequest, texts: readonly string[]): Uint8Array {
  const tooMuch = (what: string): TrimtabError =>
    new TrimtabError("invalid_request", `A scorer judges at most ${what} in one call. Ask for fewer candidates.`, {
      param: "steering",
    });
  if (texts.length > LIMITS.scorerTexts) throw tooMuch(`${LIMITS.scorerTexts} candidates`);
  const body = new TextEncoder().encode(
    JSON.stringify({
      request_id: requestId,
      candidates: texts.map((text) => ({ text })),
      context: prompt === undefined ? {} : { prompt },
    }),
  );
  if (body.length > LIMITS.jsonBody) throw tooMuch(`${LIMITS.jsonBody} bytes of JSON`);
  return body;
}
