import { z } from "zod";
import { TrimtabError } from "../../shared/errors.ts";
import { ApiClient } from "../start/api-client.ts";
import { KEY_FILE } from "../start/demo-account.ts";
import { listenAddress, urlOf } from "../start/listen-address.ts";
import { DEFAULT_STATE, StateFolder } from "../start/state-folder.ts";

export interface TenantOptions {
  /** The server's address, with or without `/v1`; by default OPENAI_BASE_URL, or the server on this machine. */
  readonly url?: string | undefined;
  /** The tenant's key; by default OPENAI_API_KEY, or for the server on this machine the key that its start printed. */
  readonly key?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const FIRST_PORT = 8787;
/** Long enough for a reply that waits as long as the API lets it. */
const RETRY_SECONDS = 5;

/**
 * A client of a tenant's API.
 *
 * @throws TrimtabError invalid_request for an address that is not a URL, or a missing key; not_found if no stack has run in the state
 *   folder.
 */
export function tenantClient(options: TenantOptions, env: Environment): ApiClient {
  const url = options.url ?? (env.OPENAI_BASE_URL || undefined);
  const given = options.key ?? (env.OPENAI_API_KEY || undefined);
  if (url === undefined) {
    const own = urlOf(listenAddress(env.HOST).local, Number(env.PORT || FIRST_PORT));
    return new ApiClient({ url: own, token: given ?? ownKey(env), retryForSeconds: RETRY_SECONDS });
  }
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    const message = `--url is ${JSON.stringify(url)}: give the server's address, such as http://127.0.0.1:8787/v1.`;
    throw new TrimtabError("invalid_request", message, { param: "url" });
  }
  if (given === undefined) throw withoutKey();
  return new ApiClient({ url: url.replace(/\/+(?:v1\/*)?$/, ""), token: given, retryForSeconds: RETRY_SECONDS });
}

function ownKey(env: Environment): string {
  const state = StateFolder.existing(env.TRIMTAB_STATE || DEFAULT_STATE);
  const saved = state.readJson(KEY_FILE, z.strictObject({ key: z.string() }))?.key;
  if (saved === undefined) throw withoutKey();
  return saved;
}

function withoutKey(): TrimtabError {
  const message = "Give a tenant's key as --key, or in the environment variable OPENAI_API_KEY.";
  return new TrimtabError("invalid_request", message, { param: "key" });
}
