import type { Context, MiddlewareHandler } from "hono";
import { parseKey } from "../../shared/api/ids.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { tenantObject } from "../objects/remote.ts";
import type { Admission } from "../objects/tenant/account.ts";
import { hashSecret } from "../objects/tenant/keys.ts";
import type { AppEnv } from "./app-env.ts";

/** Admits a tenant's key within its limits; a generation also needs tokens left. Checked at every request. */
export function tenantAuth(kind: "request" | "generation" = "request"): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    // Several sub-apps share a path and each checks the request, which counts only once.
    if (c.var.caller !== undefined) return next();
    const key = parseKey(bearer(c));
    if (key === undefined) throw wrongKey();
    const object = tenantObject(c.env, key.tenant);
    requireAdmitted(c, await object.account.authorise(await hashSecret(key.secret), kind));
    c.set("caller", { id: key.tenant, object });
    await next();
  };
}

/**
 * Refuses a request beyond its tenant's limits, and has the reply tell what is left of them.
 *
 * @throws TrimtabError rate_limit_exceeded with `retryMs`, the milliseconds until it is worth trying again
 */
export function requireAdmitted(c: Context<AppEnv>, { requests, tokens, refused }: Admission): void {
  c.set("allowances", { requests, tokens });
  if (refused === null) return;
  const { limit } = refused.what === "requests" ? requests : tokens;
  throw limitReached({ limit, ...refused });
}

/** Refuses a request that turns out to generate where the tenant has no tokens left. */
export async function requireTokens(c: Context<AppEnv>): Promise<void> {
  const { limit, retryMs } = await c.var.caller.object.account.tokenWait();
  if (retryMs > 0) throw limitReached({ limit, what: "tokens", retryMs });
}

interface ReachedLimit {
  readonly limit: number;
  readonly what: "requests" | "tokens";
  readonly retryMs: number;
}

function limitReached({ limit, what, retryMs }: ReachedLimit): TrimtabError {
  const message = `The limit of ${limit} ${what} a minute is reached. Wait ${Math.ceil(retryMs / 1000)} s.`;
  return new TrimtabError("rate_limit_exceeded", message, { data: { retryMs } });
}

/** Admits the holder of one of the deployment's own tokens; nobody if that token is not set. */
export function tokenAuth(name: "ADMIN_TOKEN" | "TRAINER_TOKEN"): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const expected = c.env[name] ?? "";
    if (expected === "") throw unsetToken(name);
    const given = bearer(c);
    // Hashing both makes the comparison take equally long for any token.
    const [a, b] = await Promise.all([hashSecret(given), hashSecret(expected)]);
    const encoder = new TextEncoder();
    if (!crypto.subtle.timingSafeEqual(encoder.encode(a), encoder.encode(b))) throw wrongKey();
    c.set("trusted", true);
    await next();
  };
}

/** The error when a deployment's token is not set, so no request can be admitted. */
function unsetToken(name: string): TrimtabError {
  return new TrimtabError(
    "invalid_api_key",
    `${name} is not set on this deployment, so no token is accepted here. Set it with \`wrangler secret put ${name}\`, or in .dev.vars for \`wrangler dev\`.`,
  );
}

function bearer(c: Context<AppEnv>): string {
  const match = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(c.req.header("authorization") ?? "");
  if (match?.[1] === undefined) {
    throw new TrimtabError("invalid_api_key", "An API key is needed. Send it as `authorization: Bearer <key>`.");
  }
  return match[1];
}

function wrongKey(): TrimtabError {
  return new TrimtabError(
    "invalid_api_key",
    "The API key is wrong or was revoked. Send `authorization: Bearer` and a key that is valid.",
  );
}
