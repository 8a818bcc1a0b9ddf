import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkScorerAllow, scorerNetwork } from "../../../infra/start/scorer-network.ts";

const allowed = (value?: string) => scorerNetwork(value).network.allow;

test("the Worker reaches public addresses, and what the operator names", () => {
  expect(allowed()).toEqual(["public"]);
  expect(allowed("")).toEqual(["public"]);
  expect(allowed("http://127.0.0.1:*, http://[::1]:80, https://10.0.0.7")).toEqual([
    "public",
    "127.0.0.1/32",
    "::1/128",
    "10.0.0.7/32",
  ]);
  expect(allowed("http://scores:8080")).toEqual(["public", "private"]);
});

test("an entry that cannot be read is named", () => {
  expect(() => checkScorerAllow("http://a, a:b")).toThrow(
    expect.objectContaining({ param: "SCORER_ALLOW", message: expect.stringContaining('"a:b" is no origin') }),
  );
  checkScorerAllow(undefined);
  checkScorerAllow("http://127.0.0.1:*");
});

let server: Server;
let port: number;
let hits = 0;

beforeAll(async () => {
  server = createServer((_, reply) => {
    hits++;
    reply.end("here");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});
afterAll(() => void server.close());

/** What a Worker gets from an address. */
async function fetched(scorerAllow: string | undefined, host: string): Promise<string> {
  const script = `export default { fetch: (request, { SCORER_NETWORK }) =>
    SCORER_NETWORK.fetch(request.headers.get("x-to")).then((reply) => reply, () => new Response("refused")) }`;
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "scorer-network",
      modules: true,
      script,
      compatibilityDate: "2026-07-01",
      serviceBindings: { SCORER_NETWORK: scorerNetwork(scorerAllow) },
      cf: false,
      telemetry: { enabled: false },
    }),
  );
  try {
    const reply = await miniflare.dispatchFetch("http://w/", { headers: { "x-to": `http://${host}:${port}/` } });
    return await reply.text();
  } finally {
    await miniflare.dispose();
  }
}

test("workerd refuses to connect where a name leads to this machine", async () => {
  expect(await fetched(undefined, "localhost")).toBe("refused");
  expect(await fetched(undefined, "127.0.0.1")).toBe("refused");
  expect(await fetched("http://127.0.0.2:*", "127.0.0.1")).toBe("refused");
  expect(hits).toBe(0);
  expect(await fetched("http://127.0.0.1:*", "127.0.0.1")).toBe("here");
  expect(hits).toBe(1);
});
