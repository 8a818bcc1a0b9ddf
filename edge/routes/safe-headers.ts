import type { MiddlewareHandler } from "hono";
import { DATA_HEADERS, SECURITY_HEADERS } from "../../shared/security-headers.ts";
import type { AppEnv } from "./app-env.ts";

/** Two years, as browsers' lists of sites that are always encrypted ask for. */
const STRICT_TRANSPORT = "max-age=63072000";

/** Tells browsers what they may do with a reply. A page states its own policy, which stays. */
export const safeHeaders: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  const { headers } = c.res;
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers.set(name, value);
  for (const [name, value] of Object.entries(DATA_HEADERS)) if (!headers.has(name)) headers.set(name, value);
  if (c.req.url.startsWith("https:")) headers.set("strict-transport-security", STRICT_TRANSPORT);
};
