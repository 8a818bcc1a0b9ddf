/** What a request must keep to before the Worker sees it, where Node's parser is more lenient than the RFCs let a server be. */
import { type Refusal, refusal } from "./refusal.ts";

export interface RequestHead {
  readonly method: string;
  readonly url: string;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
}

/** Headers of which a second one changes the meaning, for some readers, of the first. */
const ONCE = [
  ...["host", "content-length", "transfer-encoding", "content-type", "content-encoding"],
  ...["authorization", "idempotency-key", "expect", "range", "origin"],
];

/** RFC 3986's host, without what only names of no machine have, and a port. */
const HOST = /^(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/** The path and query to ask the Worker for, or the reply to a request that must not reach it. */
export function checkHead({ method, url, httpVersion, rawHeaders }: RequestHead): string | Refusal {
  const headers = new Map<string, string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (headers.has(name) && ONCE.includes(name)) return invalid(`The header ${name} occurs twice. Send it once.`);
    headers.set(name, rawHeaders[i + 1]!);
  }
  const host = headers.get("host");
  if (host === undefined ? httpVersion !== "1.0" : !HOST.test(host)) {
    return invalid("The header host is not the name or address of a host, with or without a port.");
  }
  const encoding = headers.get("transfer-encoding");
  if (encoding !== undefined) {
    if (headers.has("content-length")) {
      return invalid("The request has both content-length and transfer-encoding. Send one of them.");
    }
    if (encoding.toLowerCase() !== "chunked" || httpVersion === "1.0") {
      return invalid("The only transfer-encoding is chunked, in HTTP/1.1.");
    }
  }
  if (method === "OPTIONS" && url === "*") return "/*";
  return checkTarget(url, host);
}

function checkTarget(url: string, host: string | undefined): string | Refusal {
  // RFC 9112 has servers accept the form that proxies are sent.
  const [, authority, rest = url] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url) ?? [];
  if (authority !== undefined && authority.toLowerCase() !== host?.toLowerCase()) {
    return invalid("The URL names another host than the header host.");
  }
  const target = authority !== undefined && !rest.startsWith("/") ? `/${rest}` : rest;
  if (!target.startsWith("/")) return invalid("The URL must be a path that starts with /.");
  if (!/^[\x21-\x7e]*$/.test(target) || /[#\\]/.test(target) || /%(?![0-9a-f]{2})/i.test(target)) {
    return invalid(
      "The URL has a character that must be percent-encoded, or % without two hexadecimal digits after it.",
    );
  }
  const [path = ""] = target.split("?", 1);
  if (/%00/.test(target)) return invalid("The URL has a NUL character, which nothing here has in its name.");
  if (path.split("/").some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))) {
    return invalid("The path has a segment . or .., which clients resolve themselves. Send the resolved path.");
  }
  return target;
}

function invalid(message: string): Refusal {
  return refusal("invalid_request", message);
}
