/** Cross-origin resource sharing: lets pages of other origins call the API from a browser. */
import type { MiddlewareHandler } from "hono";
import type { Env } from "../env.ts";
import type { AppEnv } from "./app-env.ts";

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/** Response headers that a page may read besides the few that browsers always expose. */
const EXPOSED = [
  "x-request-id",
  ...["limit", "remaining", "reset"].flatMap((what) => [`x-ratelimit-${what}-requests`, `x-ratelimit-${what}-tokens`]),
  "retry-after",
  "x-should-retry",
  "openai-processing-ms",
  "idempotent-replayed",
  "content-disposition",
  "allow",
].join(", ");

/** A day; browsers lower it to their own maximum. */
const PREFLIGHT_SECONDS = 86_400;

/**
 * Answers preflights, on every path and without a key, and marks all replies, errors included. The browser's cookies
 * and credentials are never allowed: a page must send the API key itself, so it is safe to allow any origin.
 */
export const cors: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { allow, varies } = allowedOrigin(c.env, c.req.header("origin"));
  const isPreflight = c.req.method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined;
  if (isPreflight) c.res = new Response(null, { status: 204 });
  else await next();
  const { headers } = c.res;
  if (varies) headers.append("vary", "origin");
  if (isPreflight) headers.append("vary", "access-control-request-headers");
  if (allow === undefined) return;
  headers.set("access-control-allow-origin", allow);
  if (!isPreflight) {
    headers.set("access-control-expose-headers", EXPOSED);
    return;
  }
  headers.set("access-control-allow-methods", METHODS);
  headers.set("access-control-max-age", String(PREFLIGHT_SECONDS));
  const requested = c.req.header("access-control-request-headers");
  if (requested !== undefined) headers.set("access-control-allow-headers", requested);
};

/** The value of `access-control-allow-origin`, and whether it depends on the request's origin. */
function allowedOrigin(
  { CORS_ORIGINS: setting = "*" }: Pick<Env, "CORS_ORIGINS">,
  origin: string | undefined,
): { allow: string | undefined; varies: boolean } {
  const allowed = setting.split(",").map((entry) => entry.trim().replace(/\/$/, "").toLowerCase());
  if (allowed.includes("*")) return { allow: "*", varies: false };
  return { allow: origin !== undefined && allowed.includes(origin.toLowerCase()) ? origin : undefined, varies: true };
}
