import { beforeAll, describe, expect, it } from "vitest";
import { ADMIN_TOKEN, Api } from "../support/api.ts";

const api = new Api();
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];
let key: string;
let routes: { path: string; known: string[] }[];

beforeAll(async () => {
  key = await api.tenant("methodical");
  const { paths } = await api.call<{ paths: Record<string, object> }>("GET", "/openapi.json");
  routes = Object.entries(paths).map(([path, methods]) => ({
    path: path.replaceAll(/\{\w+\}/g, "x"),
    known: Object.keys(methods).map((method) => method.toUpperCase()),
  }));
});

describe("every path of the API", () => {
  it("refuses each method that it does not have with 405 and those that it has, whoever asks", async () => {
    let refused = 0;
    for (const { path, known } of routes) {
      for (const method of METHODS.filter((candidate) => !known.includes(candidate))) {
        // `/v1/deltas/merge` is also a `/v1/deltas/{delta_id}`, and so on.
        const others = routes.filter((route) => route.known.includes(method) && overlaps(route.path, path));
        if (others.length > 0) continue;
        for (const asking of [undefined, key, ADMIN_TOKEN]) {
          const reply = await api.send(method, path, { key: asking });
          expect(reply.status, `${method} ${path}`).toBe(405);
          const allow = reply.headers.get("allow")?.split(", ") ?? [];
          expect(allow).toEqual(expect.arrayContaining([...known, "OPTIONS"]));
          expect(allow).not.toContain(method);
          expect(await reply.json()).toMatchObject({
            error: { code: "method_not_allowed", type: "invalid_request_error", param: null },
          });
        }
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });

  it("says on OPTIONS what it has", async () => {
    const reply = await api.send("OPTIONS", "/v1/files");
    expect([reply.status, reply.headers.get("allow")]).toEqual([204, "GET, HEAD, OPTIONS, POST"]);
  });
});

it("HEAD is GET without a body", async () => {
  const reply = await api.send("HEAD", "/healthz");
  expect([reply.status, await reply.text()]).toEqual([200, ""]);
  expect((await api.send("HEAD", "/v1/completions")).status).toBe(405);
});

it("a path that nothing is at stays unknown for every method", async () => {
  for (const method of [...METHODS, "OPTIONS"]) expect((await api.send(method, "/v1/nowhere")).status).toBe(404);
  expect((await api.send("PUT", "/v1/files/a/b", { key })).status).toBe(404);
});

function overlaps(a: string, b: string): boolean {
  const [left, right] = [a.split("/"), b.split("/")];
  return left.length === right.length && left.every((part, i) => part === "x" || right[i] === "x" || part === right[i]);
}
