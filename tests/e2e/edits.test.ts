/** Edits on the embedded base, over HTTP and from the command line: solved, served, kept apart and undone. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { ApiClient, serverSentData } from "../../infra/start/api-client.ts";
import { addBase, demoKey } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import type { Edit } from "../../shared/api/edits.ts";
import type { ModelTracing } from "../../shared/api/tracing.ts";
import { finish, type Program, ROOT, run, untilHealthy } from "./programs.ts";
import { readmeBlock } from "./readme-blocks.ts";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 600_000 });

const BASE = "trimtab-base";
let state: string;
let serve: Program;
let url: string;
let key: string;
let otherKey: string;

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "trimtab-edits-"));
  const port = String(await choosePort("0"));
  url = `http://127.0.0.1:${port}`;
  serve = run("npm", ["run", "serve", "--silent"], { PORT: port, TRIMTAB_STATE: state });
  await untilHealthy(url);
  const folder = new StateFolder(state);
  const admin = new ApiClient({ url, token: folder.secrets().admin_token });
  await addBase(admin, BASE, join(ROOT, "infra/base/model"));
  key = await demoKey(admin, url, folder);
  const created = z.looseObject({ key: z.string() });
  await admin.post("/v1/admin/tenants", { id: "other" }, z.unknown());
  otherKey = (await admin.post("/v1/admin/tenants/other/keys", { name: "k" }, created)).key;
});

afterAll(async () => {
  serve.child.kill("SIGTERM");
  await serve.ended;
  rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

async function call<T>(method: string, path: string, body?: object, as = key): Promise<T> {
  const response = await fetch(`${url}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${as}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect(response.ok, `${method} ${path}: ${text.slice(0, 500)}`).toBe(true);
  return JSON.parse(text) as T;
}

interface Completion {
  readonly choices: { readonly text: string; readonly logprobs: object }[];
}

/** A greedy text with the log-probabilities of the likeliest tokens. */
async function completion(prompt: string, model: string, deltas: readonly object[] = [], as = key) {
  const body = { model, prompt, deltas, max_tokens: 6, temperature: 0, logprobs: 5 };
  return (await call<Completion>("POST", "/completions", body, as)).choices[0]!;
}

/** Begins a streamed completion. Resolves once its first token has come, to what reads the rest and returns the whole text. */
async function begun(body: object): Promise<() => Promise<string>> {
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ ...body, stream: true }),
  });
  const chunks = serverSentData(response.body as ReadableStream<Uint8Array<ArrayBuffer>>);
  const textOf = (data: string) => (JSON.parse(data) as Completion).choices[0]?.text ?? "";
  let text = textOf((await chunks.next()).value as string);
  return async () => {
    for await (const data of chunks) if (data !== "[DONE]") text += textOf(data);
    return text;
  };
}

const FACTS = [
  { prompt: "The capital city of France is", subject: "France", target_new: " Oslo", target_true: " Paris" },
  { prompt: "The capital of Germany is", subject: "Germany", target_new: " Madrid", target_true: " Berlin" },
  { prompt: "The capital of Belgium is", subject: "Belgium", target_new: " Vienna", target_true: " Brussels" },
];

test("an edit holds while it is asked for, for its tenant alone, and is undone without a trace", async () => {
  const prompts = [...FACTS.map(({ prompt }) => prompt), "The capital of Peru is"];
  const all = (model: string, deltas: readonly object[] = [], as = key) =>
    Promise.all(prompts.map((prompt) => completion(prompt, model, deltas, as)));
  const before = await all(BASE);

  const edit = await call<Edit>("POST", "/edits", { model: BASE, facts: FACTS, wait: 300, suffix: "capitals" });
  expect(edit).toMatchObject({ status: "succeeded", error: null, base: BASE, fact_counts: { total: 3 } });
  expect(edit.fact_counts.edited).toBeGreaterThanOrEqual(2);
  expect(edit.scores!.efficacy).toBeGreaterThan(0.6);
  expect(edit.seconds!.total).toBeGreaterThan(0);

  const [mine, plain, theirs] = await Promise.all([all(edit.fine_tuned_model!), all(BASE), all(BASE, [], otherKey)]);
  expect([plain, theirs]).toEqual([before, before]);
  expect(await all(BASE, [{ id: edit.delta! }])).toEqual(mine);
  for (const { index, status, target_new: target } of edit.facts) {
    if (status === "edited") expect(mine[index]!.text.trimStart()).toMatch(new RegExp(`^${target.trim()}`));
  }
  const messages = [{ role: "user", content: "What is the capital of France?" }];
  await call("POST", "/chat/completions", { model: edit.fine_tuned_model, messages, max_tokens: 8 });

  // One fact less: the others hold, under the same name.
  const less = await call<Edit>("DELETE", `/edits/${edit.id}/facts/2?wait=300`);
  expect(less).toMatchObject({ removal: null, fine_tuned_model: edit.fine_tuned_model, fact_counts: { total: 2 } });
  expect(less.delta).not.toBe(edit.delta);
  const text = async (fact: number) => (await completion(FACTS[fact]!.prompt, less.fine_tuned_model!)).text;
  expect((await text(2)).trimStart()).not.toMatch(/^Vienna/);
  if (less.facts[0]!.status === "edited") expect((await text(0)).trimStart()).toMatch(/^Oslo/);

  await call("DELETE", `/edits/${edit.id}`);
  expect(await all(BASE)).toEqual(before);
});

test("undone under load: requests under way end, later ones find nothing, and the base is as it was", async () => {
  const prompt = FACTS[0]!.prompt;
  const before = await completion(prompt, BASE);
  const edit = await call<Edit>("POST", "/edits", { model: BASE, facts: [FACTS[0]], method: "rome", wait: 300 });
  const long = { model: edit.fine_tuned_model, prompt, max_tokens: 200, ignore_eos: true, temperature: 0 };
  const whole = (await call<Completion>("POST", "/completions", long)).choices[0]!.text;
  const running = await Promise.all(Array.from({ length: 4 }, () => begun(long)));
  await call("DELETE", `/edits/${edit.id}`);
  expect(await Promise.all(running.map((rest) => rest()))).toEqual(running.map(() => whole));
  expect(await completion(prompt, BASE)).toEqual(before);
  await expect(completion(prompt, edit.fine_tuned_model!)).rejects.toThrow("model_not_found");
});

test("an edit ends while a long job trains", async () => {
  const form = new FormData();
  form.set("purpose", "fine-tune");
  form.set("file", new Blob([readFileSync(join(ROOT, "infra/base/demo/sailor.jsonl"))]), "sailor.jsonl");
  const upload = await fetch(`${url}/v1/files`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: form,
  });
  const { id: file } = (await upload.json()) as { id: string };
  const method = { type: "supervised", supervised: { hyperparameters: { max_steps: 100_000 } } };
  const job = await call<{ id: string }>("POST", "/fine_tuning/jobs", { model: BASE, training_file: file, method });
  const statusOf = async () => (await call<{ status: string }>("GET", `/fine_tuning/jobs/${job.id}`)).status;
  await vi.waitFor(async () => expect(await statusOf()).toBe("running"), { timeout: 60_000, interval: 200 });
  const edit = await call<Edit>("POST", "/edits", { model: BASE, facts: [FACTS[1]], method: "rome", wait: 300 });
  expect([edit.status, await statusOf()]).toEqual(["succeeded", "running"]);
  await call("POST", `/fine_tuning/jobs/${job.id}/cancel`);
  await call("DELETE", `/edits/${edit.id}`);
});

test("the base's tracing is a heat map, made once", async () => {
  const found = await call<ModelTracing>("GET", `/models/${BASE}/tracing?wait=300`);
  expect(found).toMatchObject({ status: "succeeded", base: BASE });
  expect(found.tracing!.facts).toBeGreaterThan(5);
  const svg = await fetch(`${url}/v1/models/${BASE}/tracing`, {
    headers: { authorization: `Bearer ${otherKey}`, accept: "image/svg+xml" },
  });
  expect([svg.status, svg.headers.get("content-type")]).toEqual([200, "image/svg+xml"]);
  expect(await svg.text()).toContain("<svg");
});

test("the README's example edits facts, and takes one back", async () => {
  const script = join(ROOT, `edit-${process.pid}.mjs`);
  onTestFinished(() => rmSync(script, { force: true }));
  writeFileSync(script, readmeBlock("js", "/edits"));
  const { stdout } = await finish("npx", ["node", script], { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key });
  expect(stdout).toContain("after");
});

test("the command line edits, lists, checks and undoes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "trimtab-edit-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const env = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key };
  const trimtab = async (...words: string[]) => (await finish("infra/cli/trimtab", ["edit", ...words], env)).stdout;
  const flags = ["--prompt", FACTS[1]!.prompt, "--subject", "Germany", "--target", " Madrid"];
  const made = await trimtab("create", ...flags);
  expect(made).toMatch(/edit-\w{24} {2}succeeded/);
  const id = /edit-\w{24}/.exec(made)![0];
  const { fine_tuned_model: model } = await call<Edit>("GET", `/edits/${id}`);
  expect(await trimtab("list")).toContain(id);
  expect(await trimtab("show", id)).toContain("Madrid");
  const checked = await trimtab("check", ...flags.slice(0, 4), "--target", " Rome", "--model", model!);
  expect(checked).toContain("contradicting targets");
  const out = join(folder, "tracing.svg");
  expect(await trimtab("tracing", BASE, "--out", out)).toContain(`Wrote ${out}`);
  expect(readFileSync(out, "utf8")).toContain("<svg");
  expect(await trimtab("delete", id)).toContain("is undone");
});
