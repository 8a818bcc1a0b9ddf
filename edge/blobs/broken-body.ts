import { TrimtabError } from "../../shared/errors.ts";

/** The error for a request's body of which the connection gives no more: mostly, its client has left. */
export function brokenBody(cause: unknown): TrimtabError {
  const message = "The body broke off before its end. Send the request again, with all of its body.";
  return new TrimtabError("invalid_request", message, { cause });
}
