import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { sha256Hex } from "../../shared/formats/digest.ts";
import type { AppEnv } from "./app-env.ts";
import { openApiDocument } from "./document.ts";

/** Answers with the OpenAPI document, which is built at the first request: it takes a tenth of a second, and never changes. */
export function documentReply(app: OpenAPIHono<AppEnv>): (c: Context<AppEnv>) => Promise<Response> {
  let built: { readonly text: string; readonly etag: string } | undefined;
  return async (c) => {
    if (built === undefined) {
      const text = JSON.stringify(openApiDocument(app));
      built = { text, etag: `"${(await sha256Hex(new TextEncoder().encode(text))).slice(0, 32)}"` };
    }
    const headers = { etag: built.etag, "cache-control": "no-cache" };
    if (named(c.req.header("if-none-match"), built.etag)) return c.body(null, 304, headers);
    return c.body(built.text, 200, { ...headers, "content-type": "application/json" });
  };
}

/** Whether `if-none-match` names the tag: weak ones count, and `*` is any. */
function named(given: string | undefined, etag: string): boolean {
  const tags = given?.split(",").map((tag) => tag.trim().replace(/^W\//, "")) ?? [];
  return tags.includes(etag) || tags.includes("*");
}
