import type { Hono, MiddlewareHandler } from "hono";
import { TrimtabError } from "../../shared/errors.ts";
import type { AppEnv } from "./app-env.ts";

/**
 * Rejects methods that a path does not have, before any key is checked, and answers OPTIONS with those that it has.
 * Unknown paths pass through. Reads the routes at the first request, when all are registered.
 */
export function knownMethods(app: Pick<Hono<AppEnv>, "routes">): MiddlewareHandler<AppEnv> {
  let known: PathMethods[] | undefined;
  return async (c, next) => {
    known ??= pathMethods(app.routes);
    const { method, path } = c.req;
    const methods = new Set(known.filter(({ pattern }) => pattern.test(path)).flatMap((entry) => [...entry.methods]));
    if (methods.size === 0 || methods.has(method === "HEAD" ? "GET" : method)) return next();
    if (methods.has("GET")) methods.add("HEAD");
    const allow = [...methods, "OPTIONS"].sort().join(", ");
    if (method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
    throw new TrimtabError("method_not_allowed", `${method} is not allowed at ${path}. It takes ${allow}.`, {
      data: { allow },
    });
  };
}

interface PathMethods {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/** The methods of each registered path; those of middlewares, which run for any method, are left out. */
function pathMethods(routes: Hono<AppEnv>["routes"]): PathMethods[] {
  const byPath = new Map<string, Set<string>>();
  for (const { path, method } of routes) {
    if (method === "ALL") continue;
    byPath.set(path, (byPath.get(path) ?? new Set()).add(method));
  }
  return [...byPath].map(([path, methods]) => ({ pattern: pathPattern(path), methods }));
}

/** `/v1/files/:file_id` → what Hono takes for it. */
function pathPattern(path: string): RegExp {
  const segments = path.split("/").map((segment) => {
    const parameter = /^:\w+(?:\{(.+)\})?$/.exec(segment);
    if (parameter !== null) return `(?:${parameter[1] ?? "[^/]+"})`;
    return segment.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${segments.join("/")}/?$`);
}
