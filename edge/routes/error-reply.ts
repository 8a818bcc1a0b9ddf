import { HTTPException } from "hono/http-exception";
import { errorResponse, HTTP_ERRORS } from "../../shared/api/errors.ts";
import { TrimtabError } from "../../shared/errors.ts";

/** Turns any failure into the reply that the client gets. */
export function errorReply(thrown: unknown): Response {
  const error = thrown instanceof HTTPException ? fromHono(thrown) : thrown;
  if (!(error instanceof TrimtabError)) console.error("unexpected error in a route", error);
  const body = errorResponse(error);
  const { status } = HTTP_ERRORS[body.error.code];
  const headers = new Headers();
  if (status === 429 || status === 503) headers.set("retry-after", String(retrySeconds(error)));
  return Response.json(body, { status, headers });
}

/** Whole seconds until it is worth trying again. */
function retrySeconds(error: unknown): number {
  const ms = error instanceof TrimtabError ? error.data.retryMs : undefined;
  return typeof ms === "number" ? Math.max(1, Math.ceil(ms / 1000)) : 1;
}

function fromHono(error: HTTPException): TrimtabError {
  return new TrimtabError("invalid_request", error.message || "The request is not valid.", { cause: error });
}
