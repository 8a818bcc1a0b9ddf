import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { ApiClient } from "../../../infra/start/api-client.ts";
import { TrimtabError } from "../../../shared/errors.ts";

const Reply = z.strictObject({ ok: z.boolean() });

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A server that gives the answers one after another and repeats the last one. */
async function serve(...answers: Answer[]): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const answer = answers[Math.min(seen.length, answers.length - 1)];
    seen.push({ method: request.method, url: request.url, headers: request.headers, body });
    answer?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function json(status: number, value: unknown): Answer {
  return (response) => response.writeHead(status).end(JSON.stringify(value));
}

const GOOD = json(200, { ok: true });

test("sends the token, and an idempotency key with POST requests", async () => {
  const { url, seen } = await serve(GOOD);
  const client = new ApiClient({ url, token: "secret" });
  expect(await client.get("/v1/a", Reply)).toEqual({ ok: true });
  await client.post("/v1/b", { c: 1 }, Reply);
  await client.post("/v1/b", { c: 1 }, Reply);
  expect(seen[0]).toMatchObject({ method: "GET", url: "/v1/a", headers: { authorization: "Bearer secret" } });
  expect(seen[0]?.headers["idempotency-key"]).toBeUndefined();
  expect(seen[1]).toMatchObject({ method: "POST", body: '{"c":1}', headers: { "content-type": "application/json" } });
  expect(seen[1]?.headers["idempotency-key"]).not.toBe(seen[2]?.headers["idempotency-key"]);
});

test("uploads a dataset as a form", async () => {
  const { url, seen } = await serve(GOOD);
  await new ApiClient({ url, token: "t" }).upload("/v1/files", "a.jsonl", new TextEncoder().encode("{}\n"), Reply);
  expect(seen[0]?.headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
  expect(seen[0]?.body).toMatch(
    /name="purpose"\r\n\r\nfine-tune\r\n[\s\S]*name="file"; filename="a.jsonl"[\s\S]*\r\n\r\n\{\}\n\r\n/,
  );
});

test("retries transient failures with the same idempotency key", async () => {
  const { url, seen } = await serve((response) => response.destroy(), json(503, {}), json(429, {}), GOOD);
  expect(await new ApiClient({ url, token: "t" }).post("/v1/a", {}, Reply)).toEqual({ ok: true });
  expect(seen).toHaveLength(4);
  expect(new Set(seen.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
});

test("an error reply keeps its code, message and field, and is not retried", async () => {
  const error = { message: "No such model.", type: "invalid_request_error", param: "model", code: "model_not_found" };
  const { url, seen } = await serve(json(404, { error }));
  const call = new ApiClient({ url, token: "t" }).get("/v1/a", Reply);
  await expect(call).rejects.toMatchObject({ code: "model_not_found", message: "No such model.", param: "model" });
  await expect(call).rejects.toBeInstanceOf(TrimtabError);
  expect(seen).toHaveLength(1);
});

test("gives up after its time limit", async () => {
  const { url } = await serve((response) => response.writeHead(502).end("bad gateway"));
  await expect(new ApiClient({ url, token: "t", retryForSeconds: 0.1 }).get("/v1/a", Reply)).rejects.toThrow(
    "GET /v1/a returned 502: bad gateway",
  );
  const nobody = new ApiClient({ url: "http://127.0.0.1:1", token: "t", retryForSeconds: 0 });
  await expect(nobody.get("/v1/a", Reply)).rejects.toThrow("GET /v1/a got no reply from http://127.0.0.1:1: ");
});

async function collect(lines: string): Promise<unknown[]> {
  const { url, seen } = await serve((response) => {
    const middle = Math.floor(lines.length / 2);
    response.write(lines.slice(0, middle));
    setTimeout(() => response.end(lines.slice(middle)), 20);
  });
  const events: unknown[] = [];
  const client = new ApiClient({ url, token: "t" });
  for await (const event of client.stream("/v1/a", { model: "m" }, z.strictObject({ n: z.int() }))) events.push(event);
  expect(JSON.parse(seen[0]?.body ?? "")).toEqual({ model: "m", stream: true });
  return events;
}

test("reads a stream to its end", async () => {
  expect(await collect('data: {"n":1}\n\ndata: {"n":2}\n\ndata: [DONE]\n\n')).toEqual([{ n: 1 }, { n: 2 }]);
});

test("a stream that ends early or carries an error throws", async () => {
  await expect(collect('data: {"n":1}\n\n')).rejects.toThrow("The stream from /v1/a ended early.");
  const error = { message: "Too long.", type: "invalid_request_error", param: null, code: "context_length_exceeded" };
  await expect(collect(`data: ${JSON.stringify({ error })}\n\n`)).rejects.toMatchObject({
    code: "context_length_exceeded",
    message: "Too long.",
  });
});
