/** One call that runs supervised tuning, a reward model and PPO, over HTTP with the official SDK: from files to a report. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { ApiClient } from "../../infra/start/api-client.ts";
import { addBase, demoKey } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { finish, type Program, ROOT, run, untilHealthy } from "./programs.ts";
import { readmeBlock } from "./readme-blocks.ts";

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

test("the README's example trains a policy on its own replies, against a reward model that it has trained", async () => {
  const script = join(ROOT, `align-${process.pid}.mjs`);
  onTestFinished(() => rmSync(script, { force: true }));
  writeFileSync(script, readmeBlock("js", "reward_model"));
  const env = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key };
  await finish("npx", ["node", script], env);

  const { data } = await client.fineTuning.jobs.list();
  const job = data.find(({ method }) => (method?.type as string) === "pipeline") as OpenAI.FineTuning.FineTuningJob &
    Stages;
  expect(job.status).toBe("succeeded");
  expect(job.stages.map(({ name, status }) => [name, status])).toEqual([
    ["sft", "succeeded"],
    ["rm", "succeeded"],
    ["ppo", "succeeded"],
  ]);
  const [sft, rm, ppo] = job.stages;
  expect(rm!.gate).toMatchObject({ passed: true });
  expect(job.fine_tuned_model).toBe(ppo!.fine_tuned_model);

  // The reward model judges at the edge what the policy says now of requests that it was not asked for, and what its start said.
  const rewards = async (model: string) => {
    const texts = await Promise.all(
      ["lend me a pen", "move your car", "hold my coat", "clean the table"].map(async (request) => {
        const messages = [{ role: "user", content: `Ask me to ${request}.` }] as OpenAI.ChatCompletionMessageParam[];
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
  expect(await rewards(job.fine_tuned_model!)).toBeGreaterThan((await rewards(sft!.fine_tuned_model)) + 1);

  const report = await call<Record<string, unknown>>(`/fine_tuning/jobs/${job.id}/report`);
  expect(report).toMatchObject({ object: "fine_tuning.job.report", base: BASE });
  expect(report).toEqual(await call(`/fine_tuning/jobs/${ppo!.job}/report`));
});
