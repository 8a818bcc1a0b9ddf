/** The address that the server listens on, from the environment variable HOST. */
import { isIP } from "node:net";
import { TrimtabError } from "../../shared/errors.ts";
import { HOST } from "./free-port.ts";

/** Addresses that only this machine can reach. */
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1)$/;
const ANY: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

export interface ListenAddress {
  /** An IP address. */
  readonly host: string;
  /** The address by which this machine reaches the server. */
  readonly local: string;
  /** A warning about an address that other machines can reach; undefined for loopback. */
  readonly warning: string | undefined;
}

/**
 * Reads HOST: an IP address or `localhost`; loopback if it is unset.
 *
 * @throws TrimtabError invalid_request for anything else, a host name included: a name may resolve to an address that is not
 * this machine's.
 */
export function listenAddress(requested: string | undefined): ListenAddress {
  const host = requested === undefined || requested === "" || requested === "localhost" ? HOST : requested;
  if (isIP(host) === 0) {
    throw new TrimtabError(
      "invalid_request",
      `HOST is ${JSON.stringify(host)}: set it to an IP address of this machine, such as 0.0.0.0 for all of them, or leave it unset for ${HOST}.`,
      { param: "HOST" },
    );
  }
  return {
    host,
    local: ANY[host] ?? host,
    warning: LOOPBACK.test(host)
      ? undefined
      : `Other machines can reach this server at ${host}, without TLS: put a proxy that adds TLS in front of it.`,
  };
}

export function urlOf(host: string, port: number): string {
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
