/** Classifiers and reward models over HTTP: trained by a job from their data, described, downloaded and found again, and served. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ApiClient } from "../../infra/start/api-client.ts";
import { addBase, demoKey } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { preferenceLines, registerPreferences } from "../effects/support/register-preferences.ts";
import { jsonLines, sentimentTexts } from "../fixtures/classifiers/texts.ts";
import { finish, type Program, ROOT, run, untilHealthy } from "./programs.ts";
import { readmeBlock } from "./readme-blocks.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const BASE = "trimtab-base";
let state: string;
let serve: Program;
let url: string;
let key: string;
let client: OpenAI;

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "trimtab-classifier-"));
  const port = String(await choosePort("0"));
  url = `http://127.0.0.1:${port}`;
  serve = run("npm", ["run", "serve", "--silent"], { PORT: port, TRIMTAB_STATE: state });
  await untilHealthy(url);
  const folder = new StateFolder(state);
  const admin = new ApiClient({ url, token: folder.secrets().admin_token });
  await addBase(admin, BASE, join(ROOT, "infra/base/model"));
  key = await demoKey(admin, url, folder);
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
});

afterAll(async () => {
  serve.child.kill("SIGTERM");
  await serve.ended;
  rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(`${url}/v1${path}`, { ...init, headers: { authorization: `Bearer ${key}` } });
  expect(response.status, path).toBe(200);
  return response;
}

test("a job trains a head on the base, says how far to trust it, and publishes it as a delta", async () => {
  const upload = async (name: string, count: number, heldOut: boolean) => {
    const text = jsonLines(sentimentTexts(count, { heldOut, seed: 5 }));
    return (await client.files.create({ file: await toFile(Buffer.from(text), name), purpose: "fine-tune" })).id;
  };
  const created = await client.fineTuning.jobs.create({
    model: BASE,
    training_file: await upload("reviews.jsonl", 240, false),
    validation_file: await upload("held-out.jsonl", 60, true),
    seed: 3,
    method: {
      type: "classifier",
      classifier: { peft: [], value_rank: 8, hyperparameters: { max_steps: 45, batch_size: 16, learning_rate: 0.01 } },
    },
  } as never);
  const job = await vi.waitFor(
    async () => {
      const now = await client.fineTuning.jobs.retrieve(created.id);
      expect(["succeeded", "failed", "cancelled"]).toContain(now.status);
      return now;
    },
    { timeout: 240_000, interval: 500 },
  );
  expect(job, JSON.stringify(job.error)).toMatchObject({ status: "succeeded" });
  const model = job.fine_tuned_model!;
  expect(model).toMatch(/^ft:trimtab-base:/);

  const events = (await client.fineTuning.jobs.listEvents(job.id, { limit: 100 })).data.map(({ message }) => message);
  expect(events.find((message) => message.startsWith("Calibrated on the validation file"))).toContain(
    "lookahead: accuracy",
  );
  expect(await (await call(`/models/${encodeURIComponent(model)}`)).json()).toMatchObject({
    root: BASE,
    labels: ["negative", "positive"],
  });
  const { data } = (await (await call("/deltas")).json()) as { data: { id: string; models: string[] }[] };
  const delta = data.find(({ models }) => models.includes(model))!;
  expect(delta).toMatchObject({
    labels: ["negative", "positive"],
    modes: ["lookahead", "token_values"],
    methods: ["scorer"],
  });
  const { metrics } = delta as unknown as { metrics: Record<string, number> };
  for (const mode of ["lookahead", "token_values"]) {
    expect(metrics[`${mode}_accuracy_50`]).toBeGreaterThanOrEqual(0.85);
    expect(metrics[`${mode}_accuracy_100`]).toBeGreaterThanOrEqual(0.95);
  }

  const archive = await (await call(`/deltas/${delta.id}/content`)).arrayBuffer();
  const form = new FormData();
  form.append("model", BASE);
  form.append("file", new File([new Uint8Array(archive)], "classifier.tar"));
  expect(await (await call("/deltas", { method: "POST", body: form })).json()).toMatchObject({ id: delta.id });

  // A head alone leaves the base's text as it is.
  const ask = async (name: string) => {
    const messages = [{ role: "user" as const, content: "What is the capital of France?" }];
    const reply = await client.chat.completions.create({ model: name, messages, temperature: 0, max_tokens: 12 });
    return reply.choices[0]?.message.content;
  };
  expect(await ask(model)).toBe(await ask(BASE));
});

test("a job trains a reward model on pairs, and its rewards prefer what the pairs prefer", async () => {
  const pairs = (count: number, seed: number, heldOut: boolean) =>
    preferenceLines(registerPreferences({ count, seed, heldOut }, (text) => [...text].map((_, at) => at)));
  const file = await client.files.create({
    file: await toFile(Buffer.from(pairs(80, 1, false)), "pairs.jsonl"),
    purpose: "fine-tune",
  });
  const created = await client.fineTuning.jobs.create({
    model: BASE,
    training_file: file.id,
    seed: 3,
    method: {
      type: "reward_model",
      reward_model: { peft: [], hyperparameters: { max_steps: 40, batch_size: 16, learning_rate: 0.02 } },
    },
  } as never);
  const job = await vi.waitFor(
    async () => {
      const now = await client.fineTuning.jobs.retrieve(created.id);
      expect(["succeeded", "failed", "cancelled"]).toContain(now.status);
      return now;
    },
    { timeout: 240_000, interval: 500 },
  );
  expect(job, JSON.stringify(job.error)).toMatchObject({ status: "succeeded" });
  const model = job.fine_tuned_model!;
  const events = (await client.fineTuning.jobs.listEvents(job.id, { limit: 100 })).data;
  expect(events.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/prefers the better completion in .* the longer one is better in/),
  );
  const held = pairs(20, 2, true)
    .trim()
    .split("\n")
    .map(
      (line) =>
        JSON.parse(line) as Record<"preferred_output" | "non_preferred_output", object[]> & {
          input: { messages: object[] };
        },
    );
  const input = held.flatMap(({ input: { messages }, preferred_output: better, non_preferred_output: worse }) => [
    { messages: [...messages, ...better] },
    { messages: [...messages, ...worse] },
  ]);
  const answer = await fetch(`${url}/v1/rewards`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, input }),
  });
  const { data, usage } = (await answer.json()) as { data: { reward: number }[]; usage: { prompt_tokens: number } };
  const right = held.filter((_, i) => data[2 * i]!.reward > data[2 * i + 1]!.reward).length;
  expect(right / held.length).toBeGreaterThanOrEqual(0.8);
  expect(usage.prompt_tokens).toBeGreaterThan(400);
});

test("the README's example trains a classifier", async () => {
  const env = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key };
  const job = JSON.parse((await finish("sh", ["-c", readmeBlock("sh", '"type": "classifier"')], env)).stdout);
  expect(job).toMatchObject({ object: "fine_tuning.job", status: "succeeded", method: { type: "classifier" } });
  expect(await (await call(`/models/${encodeURIComponent(job.fine_tuned_model)}`)).json()).toMatchObject({
    labels: ["negative", "positive"],
  });
});
