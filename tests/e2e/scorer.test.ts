/** A scorer over HTTP: registered, called by the served model with signed calls, and followed by the text. */
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { ApiClient } from "../../infra/start/api-client.ts";
import { addBase, demoKey } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { finish, type Program, ROOT, run, untilHealthy } from "./programs.ts";
import { readmeBlock } from "./readme-blocks.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const BASE = "trimtab-base";
const SECRET = "0123456789abcdef";

interface Call {
  readonly request_id: string;
  readonly candidates: { readonly text: string }[];
  readonly context: { readonly prompt: unknown };
}

let state: string;
let serve: Program;
let url: string;
let key: string;
let client: OpenAI;
let judge: Server;
let judgeUrl: string;
const calls: (Call & { readonly signed: boolean })[] = [];
/** Milliseconds before it answers. */
let delay = 0;

/** What it wants to read. */
let wanted = "";

const wish = (text: string): number => (wanted.startsWith(text) ? text.length : -1_000);

beforeAll(async () => {
  judge = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      const { "x-trimtab-timestamp": time, "x-trimtab-signature": signature } = request.headers;
      const expected = `sha256=${createHmac("sha256", SECRET).update(`${time}.${body}`).digest("hex")}`;
      const call = JSON.parse(body) as Call;
      calls.push({ ...call, signed: signature === expected });
      const scores = call.candidates.map(({ text }) => wish(text));
      setTimeout(() => response.end(JSON.stringify({ scores })), delay);
    });
  });
  await new Promise<void>((resolve) => judge.listen(0, "127.0.0.1", resolve));
  judgeUrl = `http://127.0.0.1:${(judge.address() as { port: number }).port}/`;
  state = mkdtempSync(join(tmpdir(), "trimtab-scorer-"));
  const port = String(await choosePort("0"));
  url = `http://127.0.0.1:${port}`;
  serve = run("npm", ["run", "serve", "--silent"], {
    PORT: port,
    TRIMTAB_STATE: state,
    TRIMTAB_TRAINER: "none",
    SCORER_ALLOW: "http://127.0.0.1:*",
  });
  await untilHealthy(url);
  const folder = new StateFolder(state);
  const admin = new ApiClient({ url, token: folder.secrets().admin_token });
  await addBase(admin, BASE, join(ROOT, "infra/base/model"));
  key = await demoKey(admin, url, folder);
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  await client.post("/steering/scorers", { body: { name: "rome", url: judgeUrl, secret: SECRET } });
});

afterAll(async () => {
  serve.child.kill("SIGTERM");
  await serve.ended;
  judge.closeAllConnections();
  judge.close();
  rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

beforeEach(() => {
  calls.length = 0;
  wanted = "";
  delay = 0;
});

const MESSAGES = [{ role: "user" as const, content: "What is the capital of France?" }];

async function ask(steering?: object, more: object = {}) {
  const body = { model: BASE, messages: MESSAGES, temperature: 0, max_tokens: 24, ...more };
  const reply = await client.chat.completions.create({
    ...body,
    ...(steering === undefined ? {} : { steering }),
  } as never);
  return reply as OpenAI.ChatCompletion & { steering?: object; usage: { steering_tokens?: number } };
}

const textOf = (reply: OpenAI.ChatCompletion) => reply.choices[0]!.message.content!;

test("the text follows what the scorer prefers, and every call is signed", async () => {
  const plain = textOf(await ask());
  expect(plain).toContain("Paris");
  wanted = plain.replace("Paris", "Rome");
  const scorer = { name: "rome", strength: 100, candidates: 64, deadline_ms: 20_000, on_timeout: "closed" };
  const reply = await ask({ rules: { scorer } }, { trace: true });
  const text = textOf(reply);
  expect(text).toBe(wanted);
  expect(calls.length).toBe(reply.usage.completion_tokens);
  for (const [step, call] of calls.entries()) {
    expect(call.signed).toBe(true);
    expect(call.context.prompt).toEqual(MESSAGES);
    expect(call.candidates.length).toBeGreaterThan(1);
    // Every candidate continues the text so far, and one of them is where it went.
    if (step > 0)
      expect(calls[step - 1]!.candidates.some(({ text: one }) => call.candidates[0]!.text.startsWith(one))).toBe(true);
  }
  expect(calls.at(-1)!.candidates.map(({ text: one }) => one)).toContain(text);
  expect(reply.steering).toEqual({ rules: { scorer: { every: 1, ...scorer } } });
  expect(reply.usage.steering_tokens).toBe(0);
  const { steering_trace: trace } = reply.choices[0] as unknown as { steering_trace: { parts: object }[] };
  expect(trace[0]!.parts).toMatchObject({ scorer: { candidates: expect.any(Array) } });
  expect(JSON.stringify(reply)).not.toContain(SECRET);
});

test("a late scorer is passed over or ends the request, and a plain stream goes on beside it", async () => {
  const plain = textOf(await ask());
  delay = 1_500;
  const late = { name: "rome", deadline_ms: 300 };
  const closed = ask({ rules: { scorer: { ...late, on_timeout: "closed" } } }).catch((error: unknown) => error);
  const open = ask({ rules: { scorer: { ...late, every: 64, on_timeout: "open" } } });
  expect(textOf(await ask())).toBe(plain);
  expect(await closed).toMatchObject({
    status: 424,
    code: "scorer_failed",
    param: "steering.rules.scorer",
    message: expect.stringContaining('The scorer "rome" did not answer in time: it had 300 ms.'),
  });
  expect(textOf(await open)).toBe(plain);
});

test("a scorer that nobody registered is refused by name", async () => {
  await expect(ask({ rules: { scorer: "nobody" } })).rejects.toMatchObject({
    status: 404,
    code: "not_found",
    param: "steering.rules.scorer",
  });
});

test("the README's example asks a registered scorer", async () => {
  await client.post("/steering/scorers", { body: { name: "politeness", url: judgeUrl, secret: SECRET } });
  const env = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key, MODEL: BASE };
  const block = readmeBlock("sh", '"scorer": {"name"');
  const tenant = readmeBlock("sh", "tenant() {").split("\n").slice(0, 3).join("\n");
  const { stdout } = await finish("sh", ["-c", `${tenant}\n${block}`], env);
  const reply = JSON.parse(stdout) as { object: string; steering: { rules: { scorer: { name: string } } } };
  expect([reply.object, reply.steering.rules.scorer.name]).toEqual(["chat.completion", "politeness"]);
  expect(calls.length).toBeGreaterThan(0);
});
