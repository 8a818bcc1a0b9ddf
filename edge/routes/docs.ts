import { Scalar } from "@scalar/hono-api-reference";
import { subApp } from "./route.ts";

/** Scalar's scripts load from its CDN, and what they show from this server. */
const POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline' https://cdn.jsdelivr.net",
  "font-src https://fonts.scalar.com data:",
  "img-src 'self' data: https://cdn.jsdelivr.net",
  "connect-src 'self'",
  "worker-src blob:",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
];

/** A page that shows the OpenAPI document and tries its requests. The browser loads Scalar's script from a CDN. */
export const docs = subApp();

docs.use("/", async (c, next) => {
  await next();
  const [, script = ""] = /<script[^>]*>([\s\S]*?)<\/script>/.exec(await c.res.clone().text()) ?? [];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(script));
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
  const scripts = `script-src 'sha256-${hash}' https://cdn.jsdelivr.net`;
  c.res.headers.set("content-security-policy", [...POLICY, scripts].join("; "));
});

docs.get("/", Scalar({ url: "/openapi.json", pageTitle: "Trimtab API" }));
