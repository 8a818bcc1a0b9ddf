import { HTTPException } from "hono/http-exception";
import { errorResponse, HTTP_ERRORS } from "../../shared/api/errors.ts";
import { TrimtabError } from "../../shared/errors.ts";

/**
 * Turns any failure into the reply that the client gets. Of the statuses that SDKs send a request again for, 409 is the one that
 * mostly stays as it is, so it tells them not to, unless the error says how long to wait (`data.retryMs`).
 */
export function errorReply(thrown: unknown): Response {
  const error = thrown instanceof HTTPException ? fromHono(thrown) : thrown;
  if (!(error instanceof TrimtabError)) console.error("unexpected error in a route", error);
  const body = errorResponse(error);
  const { status } = HTTP_ERRORS[body.error.code];
  const headers = new Headers();
  const data = error instanceof TrimtabError ? error.data : {};
  const passes = status === 429 || status === 503 || (status === 409 && data.retryMs !== undefined);
  if (passes) headers.set("retry-after", String(retrySeconds(data.retryMs)));
  if (status === 409 && !passes) headers.set("x-should-retry", "false");
  if (typeof data.allow === "string") headers.set("allow", data.allow);
  return Response.json(body, { status, headers });
}

/** Whole seconds until it is worth trying again. */
function retrySeconds(ms: unknown): number {
  return typeof ms === "number" ? Math.max(1, Math.ceil(ms / 1000)) : 1;
}

function fromHono(error: HTTPException): TrimtabError {
  return new TrimtabError("invalid_request", error.message || "The request is not valid.", { cause: error });
}
