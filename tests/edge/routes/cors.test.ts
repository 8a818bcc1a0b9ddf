import { beforeAll, describe, expect, it } from "vitest";
import { DATA_HEADERS, SECURITY_HEADERS } from "../../../shared/security-headers.ts";
import { Api } from "../support/api.ts";

const ORIGIN = "https://app.example";
const api = new Api();
let key: string;

beforeAll(async () => {
  key = await api.tenant("browser");
});

const preflight = (on: Api, path: string, method: string, headers = "authorization,content-type,x-stainless-os") =>
  on.send("OPTIONS", path, {
    headers: {
      origin: ORIGIN,
      "access-control-request-method": method,
      "access-control-request-headers": headers,
    },
  });

const allowedOrigin = (response: Response) => response.headers.get("access-control-allow-origin");

describe("a preflight", () => {
  it("is answered on every route of the API, without a key, with what the browser asked for", async () => {
    const { paths } = await api.call<{ paths: Record<string, Record<string, unknown>> }>("GET", "/openapi.json");
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path: path.replaceAll(/\{\w+\}/g, "x"), method: method.toUpperCase() })),
    );
    expect(routes.length).toBeGreaterThan(40);
    for (const { path, method } of routes) {
      const reply = await preflight(api, path, method);
      expect([reply.status, await reply.text()], `${method} ${path}`).toEqual([204, ""]);
      expect(allowedOrigin(reply)).toBe("*");
      expect(reply.headers.get("access-control-allow-headers")).toBe("authorization,content-type,x-stainless-os");
      expect(reply.headers.get("access-control-allow-methods")?.split(", ")).toContain(method);
      expect(reply.headers.has("access-control-allow-credentials")).toBe(false);
    }
  });

  it("reflects no headers where none were asked for", async () => {
    const headers = { origin: ORIGIN, "access-control-request-method": "GET" };
    const reply = await api.send("OPTIONS", "/v1/models", { headers });
    expect([reply.status, reply.headers.has("access-control-allow-headers")]).toEqual([204, false]);
  });
});

describe("any other reply", () => {
  it("may be read by the page, with our headers, errors included", async () => {
    const headers = { origin: ORIGIN };
    for (const [path, options] of [
      ["/healthz", { headers }],
      ["/v1/models", { headers, key }],
      ["/v1/models", { headers }],
      ["/v1/models/none", { headers, key }],
      ["/nowhere", { headers }],
    ] as const) {
      const reply = await api.send("GET", path, options);
      expect(allowedOrigin(reply), `${path} ${reply.status}`).toBe("*");
      const exposed = reply.headers.get("access-control-expose-headers")?.split(", ") ?? [];
      for (const name of ["x-request-id", "retry-after", "x-ratelimit-remaining-tokens", "openai-processing-ms"]) {
        expect(exposed).toContain(name);
      }
      // A browser reads its own instructions without being allowed to; a page has no use for them.
      const instructions = [...Object.keys({ ...SECURITY_HEADERS, ...DATA_HEADERS }), "strict-transport-security"];
      const unnamed = [...reply.headers.keys()].filter(
        (name) =>
          !/^(?:access-control-|content-(?:type|length)|vary)/.test(name) &&
          !instructions.includes(name) &&
          !exposed.includes(name),
      );
      expect(unnamed).toEqual([]);
    }
    const wrong = await api.send("PUT", "/v1/models", { headers });
    expect([wrong.status, allowedOrigin(wrong)]).toEqual([405, "*"]);
  });
});

describe("CORS_ORIGINS", () => {
  const some = new Api({ CORS_ORIGINS: `https://other.example, ${ORIGIN.toUpperCase()}/` });
  const none = new Api({ CORS_ORIGINS: "none" });

  it("lets the origins in that it names", async () => {
    for (const reply of [
      await preflight(some, "/v1/models", "GET"),
      await some.send("GET", "/v1/models", { headers: { origin: ORIGIN } }),
    ]) {
      expect([allowedOrigin(reply), reply.headers.get("vary")]).toEqual([ORIGIN, expect.stringContaining("origin")]);
    }
  });

  it("keeps others out, and says that the reply depends on the origin", async () => {
    for (const reply of [
      await preflight(none, "/v1/models", "GET"),
      await none.send("GET", "/healthz", { headers: { origin: ORIGIN } }),
      await some.send("GET", "/healthz", { headers: { origin: "https://third.example" } }),
      await some.send("GET", "/healthz"),
    ]) {
      expect([allowedOrigin(reply), reply.headers.get("vary")]).toEqual([null, expect.stringContaining("origin")]);
      expect(reply.headers.has("access-control-allow-methods")).toBe(false);
    }
  });
});
