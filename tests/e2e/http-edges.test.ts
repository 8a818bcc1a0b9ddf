/** What HTTP clients meet at the edges of a whole stack: refused and broken bodies, cut downloads, and reused connections. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ApiClient } from "../../infra/start/api-client.ts";
import { addBase, demoKey } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { processesOf } from "../support/processes.ts";
import { RawClient } from "../support/raw-http.ts";
import { type Program, ROOT, run, untilHealthy } from "./programs.ts";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 600_000 });

const BASE = "trimtab-base";
/** How long workerd keeps an idle connection, and how long a busy client does not look at its own. */
const WORKERD_IDLE_MS = 5_000;
const STALL_MS = 600;
let state: string;
let serve: Program;
let port: number;
let url: string;
let key: string;

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "trimtab-http-"));
  port = await choosePort("0");
  url = `http://127.0.0.1:${port}`;
  serve = run("npm", ["run", "serve", "--silent"], {
    ...{ PORT: String(port), TRIMTAB_STATE: state, TRIMTAB_TRAINER: "none" },
  });
  await untilHealthy(url);
  const folder = new StateFolder(state);
  const admin = new ApiClient({ url, token: folder.secrets().admin_token });
  await addBase(admin, BASE, join(ROOT, "infra/base/model"));
  key = await demoKey(admin, url, folder);
});

afterAll(async () => {
  serve.child.kill("SIGTERM");
  await serve.ended;
  rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

function raw(first: string, headers: readonly string[], ...body: string[]): RawClient {
  const lines = [`${first} HTTP/1.1`, "host: a.test", ...headers];
  return new RawClient(port).send(`${lines.join("\r\n")}\r\n\r\n`, ...body);
}

const JSON_TYPE = "content-type: application/json";
const FORM_TYPE = "content-type: multipart/form-data; boundary=x";
const LONG = "content-length: 200000000";
const authorized = () => `authorization: Bearer ${key}`;
const chat = (max_tokens: number) => ({
  ...{ model: BASE, max_tokens, stream: true as const, messages: [{ role: "user" as const, content: "Hello there" }] },
});

test.each([
  ["a wrong key", "POST /v1/chat/completions", ["authorization: Bearer no", JSON_TYPE, LONG], 401],
  ["no key, a form", "POST /v1/files", [FORM_TYPE, LONG], 401],
  ["a wrong admin token", "PUT /v1/admin/models/x/files/y", ["authorization: Bearer no", LONG], 401],
  ["a wrong trainer token", "POST /v1/trainer/leases", ["authorization: Bearer no", JSON_TYPE, LONG], 401],
  ["a wrong key, chunked", "POST /v1/files", ["authorization: Bearer no", "transfer-encoding: chunked"], 401],
  ["nothing there", "POST /v1/nothing", [JSON_TYPE, LONG], 404],
  ["a method that is not allowed", "PUT /v1/chat/completions", [JSON_TYPE, LONG], 405],
  ["a body that is too long", "POST /v1/chat/completions", ["KEY", JSON_TYPE, LONG], 413],
  ["a file that is too long", "POST /v1/files", ["KEY", FORM_TYPE, LONG], 413],
  ["an archive that is too long", "POST /v1/deltas", ["KEY", FORM_TYPE, LONG], 413],
  ["another type", "POST /v1/chat/completions", ["KEY", "content-type: text/plain", "content-length: 9000"], 400],
  ["a coding", "POST /v1/files", ["KEY", FORM_TYPE, "content-encoding: gzip", "content-length: 9000"], 400],
])("answers before the body has come: %s", async (_, first, headers, status) => {
  const client = raw(
    first,
    headers.map((header) => (header === "KEY" ? authorized() : header)),
    headers.includes("transfer-encoding: chunked") ? "1\r\n-\r\n" : "-",
  );
  const reply = await client.reply();
  client.close();
  expect(reply?.status, reply?.body).toBe(status);
  expect(reply?.headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
});

test("whatever the path and the method, each request is answered, and none as the server's fault", async () => {
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { readonly paths: object };
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const ask = (method: string, path: string) =>
    new Promise<{ status: number; bytes: number }>((resolve, reject) => {
      const asked = request({ port, agent, method, path, headers: { authorization: `Bearer ${key}` } }, (reply) => {
        let bytes = 0;
        reply.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
        reply.on("end", () => resolve({ status: reply.statusCode ?? 0, bytes }));
      });
      asked.on("error", reject);
      asked.end();
    });
  const filled = Object.keys(paths).flatMap((path) =>
    ["missing", "..%2F..%2Fadmin", "%0D%0Ax:1", "%FF"].map((value) => path.replaceAll(/\{\w+\}/g, value)),
  );
  const odd = ["//v1/models", "/v1//models", "/v1%2Fmodels", "/V1/models", "/v1/models/", "/v1/models;x=1", "/?%"];
  const asked = [...new Set([...filled, ...odd])].flatMap((path) =>
    ["HEAD", "OPTIONS", "DELETE", "TRACE"].map((method) => ({ method, path })),
  );
  const faults = (
    await Promise.all(asked.map(async (one) => ({ ...one, ...(await ask(one.method, one.path)) })))
  ).filter(({ method, status, bytes }) => status < 200 || status >= 500 || (method === "HEAD" && bytes > 0));
  agent.destroy();
  expect(faults).toEqual([]);
  expect(asked.length).toBeGreaterThan(500);
});

/** The stored bytes of that length. */
function storedFile(bytes: number): string {
  const files = readdirSync(join(state, "storage"), { recursive: true, withFileTypes: true });
  const found = files
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => statSync(file).size === bytes);
  expect(found).toHaveLength(1);
  return found[0]!;
}

test("a download whose stored bytes have changed is cut, and never ends like a whole one", async () => {
  const text = Array.from(
    { length: 3_000 },
    (_, i) => `${JSON.stringify({ prompt: `${i}`.padEnd(900), completion: "x" })}\n`,
  );
  const form = new FormData();
  form.set("purpose", "fine-tune");
  form.set("file", new Blob(text), "a.jsonl");
  const headers = { authorization: `Bearer ${key}` };
  const sent = await fetch(`${url}/v1/files`, { method: "POST", body: form, headers });
  const { id, bytes } = (await sent.json()) as { readonly id: string; readonly bytes: number };
  const download = async () => {
    const client = raw(`GET /v1/files/${id}/content`, [authorized(), "connection: close"]);
    const ended = await client.end();
    const { length } = client.text.slice(client.text.indexOf("\r\n\r\n") + 4);
    const status = Number(client.text.split(" ")[1]);
    return { status, ended, length, announced: client.text.includes(`ontent-Length: ${bytes}\r\n`) };
  };
  expect(await download()).toEqual({ status: 200, ended: "ended", length: bytes, announced: true });
  const file = storedFile(bytes);
  const sound = readFileSync(file);
  const changed = Buffer.from(sound);
  changed[bytes >> 1]! ^= 1;
  writeFileSync(file, changed);
  const cut = await download();
  expect(cut).toMatchObject({ status: 200, announced: true });
  expect(cut.length).toBeLessThan(bytes);
  await expect(fetch(`${url}/v1/files/${id}/content`, { headers }).then((reply) => reply.text())).rejects.toThrow();
  writeFileSync(file, sound.subarray(0, bytes >> 1));
  expect((await download()).length).toBeLessThan(bytes);
  writeFileSync(file, sound);
  expect(await download()).toMatchObject({ status: 200, length: bytes });
});

test("clients that reuse connections meet no reset, beside others that break off", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const outcomes: string[] = [];
  const ask = (leaves: boolean) =>
    new Promise<void>((resolve) => {
      const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
      const asked = request({ port, agent, method: "POST", path: "/v1/chat/completions", headers }, (reply) => {
        let text = "";
        reply.setEncoding("utf8").on("data", (piece: string) => {
          text += piece;
          if (leaves) asked.destroy();
        });
        reply.on("error", () => undefined);
        reply.once("close", () => {
          if (!leaves) outcomes.push(reply.complete && text.includes("[DONE]") ? "whole" : `${reply.statusCode} cut`);
          resolve();
        });
      });
      asked.on("error", (error: NodeJS.ErrnoException) => {
        if (!leaves) outcomes.push(`${error.code}, reused: ${asked.reusedSocket}`);
        resolve();
      });
      asked.end(JSON.stringify(chat(leaves ? 64 : 3)));
    });
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const sdk = async () => {
    for (let i = 0; i < 20; i++) {
      const leaves = i % 5 === 4;
      const stream = await client.chat.completions.create(chat(leaves ? 64 : 3));
      for await (const _ of stream) if (leaves) break;
    }
  };
  const many = () => Promise.all(Array.from({ length: 100 }, (_, i) => ask(i % 5 === 4)));
  await Promise.all([sdk(), sdk(), many().then(many)]);
  await Promise.all(Array.from({ length: 32 }, () => ask(false)));
  // A busy client sends on connections that have idled, before it has seen whether the server has closed them.
  await new Promise((resolve) => setTimeout(resolve, WORKERD_IDLE_MS - STALL_MS / 2));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
  await many();
  agent.destroy();
  expect(outcomes.filter((outcome) => outcome !== "whole")).toEqual([]);
  expect(outcomes).toHaveLength(272);
});

test("a stream whose server dies is cut, without an end that looks like one", async () => {
  const body = JSON.stringify(chat(200));
  const client = raw("POST /v1/chat/completions", [authorized(), JSON_TYPE, `content-length: ${body.length}`], body);
  expect(await client.until((text) => text.includes("delta"))).toBe(true);
  const workers = processesOf(serve.child.pid, /bin\/workerd serve/);
  expect(workers).toHaveLength(1);
  process.kill(workers[0]!, "SIGKILL");
  expect(await client.end()).toBeDefined();
  expect(client.text).not.toContain("[DONE]");
  expect(client.text).not.toContain("\r\n0\r\n");
  await untilHealthy(url);
});
