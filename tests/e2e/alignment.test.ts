/** One call that runs supervised tuning, a reward model and PPO, over HTTP with the official SDK: from files to a report. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createRandom } from "../../infra/base/corpus/random.ts";
import { REGISTERS, REQUESTS, type Register, wordRequest } from "../../infra/base/corpus/registers.ts";
import { ApiClient } from "../../infra/start/api-client.ts";
import { addBase, demoKey } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { type Program, ROOT, run, untilHealthy } from "./programs.ts";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 600_000 });

const BASE = "trimtab-base";
let state: string;
let serve: Program;
let url: string;
let key: string;
let client: OpenAI;

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "trimtab-alignment-"));
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

const random = createRandom(5);
const [HELD_OUT, TRAINED] = [REQUESTS.slice(0, 6), REQUESTS.slice(6)];
const asked = (request: string) => [{ role: "user", content: `Ask me to ${request}.` }];
const reply = (request: string, register: Register) => [
  { role: "assistant", content: wordRequest(request, register, random) },
];

async function upload(name: string, lines: readonly object[]): Promise<string> {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  return (await client.files.create({ file: await toFile(Buffer.from(text), name), purpose: "fine-tune" })).id;
}

/** Both registers in equal parts, so that this stage prefers neither. */
const chats = (requests: readonly string[]) =>
  requests.flatMap((request) =>
    REGISTERS.map((register) => ({ messages: [...asked(request), ...reply(request, register)] })),
  );
const pairs = (requests: readonly string[], each: number) =>
  requests.flatMap((request) =>
    Array.from({ length: each }, () => ({
      input: { messages: asked(request) },
      preferred_output: reply(request, "polite"),
      non_preferred_output: reply(request, "rude"),
    })),
  );
const prompts = (requests: readonly string[]) => requests.map((request) => ({ messages: asked(request) }));

async function call<T>(path: string, body?: object): Promise<T> {
  const response = await fetch(`${url}/v1${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

interface Stages {
  readonly stages: readonly {
    readonly name: string;
    readonly status: string;
    readonly job: string;
    readonly fine_tuned_model: string;
    readonly metrics: Record<string, number>;
    readonly gate: { readonly passed: boolean } | null;
  }[];
}

test("a pipeline trains a policy on its own replies, against a reward model that it has trained", async () => {
  const created = await client.fineTuning.jobs.create({
    model: BASE,
    training_file: await upload("chats.jsonl", chats(TRAINED)),
    seed: 5,
    method: {
      type: "pipeline",
      pipeline: {
        stages: [
          { name: "sft", method: { type: "supervised", supervised: { hyperparameters: { max_steps: 20 } } } },
          {
            name: "rm",
            training_file: await upload("pairs.jsonl", pairs(TRAINED, 4)),
            validation_file: await upload("pairs-held-out.jsonl", pairs(HELD_OUT, 4)),
            method: { type: "reward_model", reward_model: { hyperparameters: { max_steps: 40, batch_size: 8 } } },
            gate: { metric: "valid_accuracy", at_least: 0.9, otherwise: "fail" },
          },
          {
            name: "ppo",
            model: { stage: "sft" },
            training_file: await upload("prompts.jsonl", prompts(TRAINED)),
            validation_file: await upload("prompts-held-out.jsonl", prompts(HELD_OUT)),
            method: {
              type: "ppo",
              ppo: {
                reward: { type: "reward_model", model: "stage:rm" },
                hyperparameters: { max_steps: 48, batch_size: 6, num_generations: 4, max_completion_length: 24 },
              },
            },
          },
        ],
      },
    },
  } as never);
  const job = await vi.waitFor(
    async () => {
      const now = await client.fineTuning.jobs.retrieve(created.id);
      expect(["succeeded", "failed", "cancelled"]).toContain(now.status);
      return now as typeof now & Stages;
    },
    { timeout: 380_000, interval: 1_000 },
  );
  const told = async () => (await client.fineTuning.jobs.listEvents(job.id)).data.map(({ message }) => message);
  expect(job.status, JSON.stringify([job.error, await told()])).toBe("succeeded");
  const [, rm, ppo] = job.stages;
  expect(job.stages.map(({ name, status }) => [name, status])).toEqual([
    ["sft", "succeeded"],
    ["rm", "succeeded"],
    ["ppo", "succeeded"],
  ]);
  expect(rm!.gate).toMatchObject({ passed: true });
  expect(job.fine_tuned_model).toBe(ppo!.fine_tuned_model);

  // The reward model judges at the edge what the policy says now, and what its start said.
  const rewards = async (model: string) => {
    const texts = await Promise.all(
      HELD_OUT.map(async (request) => {
        const messages = asked(request) as OpenAI.ChatCompletionMessageParam[];
        const { choices } = await client.chat.completions.create({ model, messages, seed: 3, max_tokens: 32, n: 4 });
        return choices.map(({ message }) => ({
          messages: [...messages, { role: "assistant", content: message.content }],
        }));
      }),
    );
    const { data } = await call<{ data: { reward: number }[] }>("/rewards", {
      model: rm!.fine_tuned_model,
      input: texts.flat(),
    });
    return data.reduce((sum, { reward }) => sum + reward, 0) / data.length;
  };
  expect(await rewards(job.fine_tuned_model!)).toBeGreaterThan((await rewards(BASE)) + 1);

  const report = await call<Record<string, unknown>>(`/fine_tuning/jobs/${job.id}/report`);
  expect(report).toMatchObject({ job: { type: "ppo" } });
});
