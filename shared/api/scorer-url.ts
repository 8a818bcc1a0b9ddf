/**
 * Which addresses a scorer may have. The server calls them with its own network, so a tenant must not reach through it what only
 * the server can: loopback, the local network, a cloud's metadata. Only HTTPS to a public host name on port 443 is allowed, and
 * whatever else the operator names in SCORER_ALLOW.
 *
 * A name is judged by its letters. That it does not resolve to a private address is for the network to see to: Cloudflare's
 * reaches none, and the local server's is limited to public addresses.
 */
import { TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

/** Addresses that are allowed besides: a scheme, a host, and a port. */
export interface AllowedOrigin {
  readonly protocol: "http:" | "https:";
  /** As `URL` writes it; `.example.com` stands for every name below example.com. */
  readonly host: string;
  /** null for any. */
  readonly port: number | null;
}

export interface ScorerAllowance {
  readonly origins: readonly AllowedOrigin[];
  /** Entries that cannot be read, which allow nothing. */
  readonly wrong: readonly string[];
}

const ENTRY = /^(https?):\/\/(\*\.)?(\[[0-9a-fA-F:.]+\]|[^\s/:*@[\]?#]+)(?::(\d{1,5}|\*))?$/;
const DEFAULT_PORTS = { "http:": 80, "https:": 443 } as const;

/**
 * Reads SCORER_ALLOW: origins separated by commas, such as `https://scores.example:8443, http://127.0.0.1:*`. `*` stands for any
 * port, and before a name for every name below it.
 */
export function parseScorerAllow(setting = ""): ScorerAllowance {
  const origins: AllowedOrigin[] = [];
  const wrong: string[] = [];
  for (const entry of setting.split(",").map((part) => part.trim())) {
    if (entry === "") continue;
    const [, scheme, below, host = "", port] = ENTRY.exec(entry) ?? [];
    const url = scheme === undefined ? undefined : parseUrl(`${scheme}://${host}/`);
    if (url === undefined || Number(port === "*" ? 0 : (port ?? 0)) > 65_535) {
      wrong.push(entry);
      continue;
    }
    const protocol = url.protocol as AllowedOrigin["protocol"];
    origins.push({
      protocol,
      host: below === undefined ? url.hostname : `.${url.hostname}`,
      port: port === "*" ? null : Number(port ?? DEFAULT_PORTS[protocol]),
    });
  }
  return { origins, wrong };
}

/** Names that no public address has: special-use domains (RFC 6761, 6762, 8375, 7686) and those that networks use inside. */
const PRIVATE_ENDINGS =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|private|corp|home|lan|home\.arpa|test|invalid|example|onion|arpa)$/;

/**
 * The address as it is stored and called.
 *
 * @throws TrimtabError invalid_request or permission_denied, with `param`: what is wrong with it, and what is allowed
 */
export function requireScorerUrl(text: string, { origins }: ScorerAllowance, param = "url"): URL {
  const refused = (why: string): TrimtabError => new TrimtabError("invalid_request", `\`${param}\` ${why}.`, { param });
  if (text.length > LIMITS.scorerUrl) throw refused(`must have at most ${LIMITS.scorerUrl} characters`);
  const url = parseUrl(text);
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw refused("must be an address that begins with `https://`");
  }
  if (url.username !== "" || url.password !== "") {
    throw refused("must not have a user name or a password: sign the calls with a `secret` instead");
  }
  if (text.includes("#")) throw refused("must not have a fragment (`#…`)");
  if (origins.some((origin) => covers(origin, url))) return url;
  const why = whyPrivate(url);
  if (why === undefined) return url;
  const message = `\`${param}\` ${why}. A scorer is called at a public host name over HTTPS on port 443; the operator can allow other addresses in SCORER_ALLOW.`;
  throw new TrimtabError("permission_denied", message, { param });
}

/** `URL` has brought every notation of an IPv4 address (decimal, octal, hexadecimal, short) to four numbers by now. */
function whyPrivate({ protocol, hostname, port }: URL): string | undefined {
  if (protocol !== "https:") return "is not HTTPS";
  if (port !== "") return `names the port ${port}`;
  if (hostname.startsWith("[") || /^[\d.]+$/.test(hostname)) return "names an IP address, not a host";
  const name = hostname.replace(/\.$/, "").toLowerCase();
  if (name.endsWith(".") || !name.includes(".")) return "does not name a public host: it has no domain";
  if (PRIVATE_ENDINGS.test(name)) return `names ${hostname}, which is no public host`;
  return undefined;
}

function covers({ protocol, host, port }: AllowedOrigin, url: URL): boolean {
  const asked = url.port === "" ? DEFAULT_PORTS[protocol] : Number(url.port);
  const named = host.startsWith(".") ? url.hostname.endsWith(host) : url.hostname === host;
  return url.protocol === protocol && named && (port === null || port === asked);
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
