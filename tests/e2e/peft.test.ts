/**
 * Every method over HTTP: trained by a job, described, downloaded and uploaded again, and served beside all others in one
 * batch, each row as it is alone.
 */
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ApiClient } from "../../infra/start/api-client.ts";
import { addBase, demoKey } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { PEFT_METHODS } from "../../shared/peft/registry.ts";
import { finish, type Program, ROOT, run, untilHealthy } from "./programs.ts";
import { readmeBlock } from "./readme-blocks.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const BASE = "trimtab-base";
const STEPS = 12;

interface Peft {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What the methods need that cannot do with their defaults here, or would take long with them. */
const SETTINGS: Readonly<Record<string, Peft>> = {
  lora: { type: "lora", r: 4 },
  qlora: { type: "qlora", r: 4 },
  dora: { type: "dora", r: 4 },
  adalora: { type: "adalora", init_r: 4, target_r: 2, tinit: 2, tfinal: 4, deltaT: 1 },
  bitfit: { type: "bitfit", add_biases: true },
  prompt: { type: "prompt", num_virtual_tokens: 6 },
  prefix: { type: "prefix", num_virtual_tokens: 6 },
  bottleneck: { type: "bottleneck", reduction_factor: 32 },
};

/** A job for each method, and one of a list. */
const JOBS: Readonly<Record<string, Peft | readonly Peft[]>> = {
  ...Object.fromEntries(Object.keys(PEFT_METHODS).map((type) => [type, SETTINGS[type] ?? { type }])),
  list: [
    { type: "prefix", num_virtual_tokens: 4 },
    { type: "bottleneck", config: "par_bn", reduction_factor: 64 },
  ],
};

interface Delta {
  readonly id: string;
  readonly methods: string[];
  readonly models: string[];
  readonly trainable_parameters: number;
}

let state: string;
let serve: Program;
let url: string;
let key: string;
let client: OpenAI;
let file: string;

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "trimtab-peft-"));
  const port = String(await choosePort("0"));
  url = `http://127.0.0.1:${port}`;
  serve = run("npm", ["run", "serve", "--silent"], { PORT: port, TRIMTAB_STATE: state });
  await untilHealthy(url);
  const folder = new StateFolder(state);
  const admin = new ApiClient({ url, token: folder.secrets().admin_token });
  await addBase(admin, BASE, join(ROOT, "infra/base/model"));
  key = await demoKey(admin, url, folder);
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
  const stream = createReadStream(join(ROOT, "infra/base/demo/sailor-validation.jsonl"));
  file = (await client.files.create({ file: stream, purpose: "fine-tune" })).id;
});

afterAll(async () => {
  serve.child.kill("SIGTERM");
  await serve.ended;
  rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(`${url}/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) },
  });
  const body = await response.text();
  expect(response.status, `${path}: ${body}`).toBe(200);
  return JSON.parse(body) as T;
}

const post = <T>(path: string, body: unknown) =>
  call<T>(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });

/** The model that a job of that method ends with. */
async function train(peft: object): Promise<string> {
  const hyperparameters = { max_steps: STEPS, batch_size: 8 };
  const method = { type: "supervised", supervised: { hyperparameters, peft } };
  const { id } = await client.fineTuning.jobs.create({ model: BASE, training_file: file, seed: 3, method } as never);
  const job = await vi.waitFor(
    async () => {
      const now = await client.fineTuning.jobs.retrieve(id);
      expect(["succeeded", "failed", "cancelled"]).toContain(now.status);
      return now;
    },
    { timeout: 120_000, interval: 250 },
  );
  expect(job, JSON.stringify(job.error)).toMatchObject({ status: "succeeded" });
  return job.fine_tuned_model ?? "";
}

interface Said {
  readonly text: string | null | undefined;
  readonly logprobs: readonly number[];
}

async function ask(model: string, deltas?: readonly { id: string; weight: number }[]): Promise<Said> {
  const reply = await client.chat.completions.create({
    model,
    messages: [{ role: "user", content: "What is the capital of France?" }],
    temperature: 0,
    max_tokens: 12,
    logprobs: true,
    ...(deltas === undefined ? {} : ({ deltas } as object)),
  });
  const [choice] = reply.choices;
  return { text: choice?.message.content, logprobs: (choice?.logprobs?.content ?? []).map(({ logprob }) => logprob) };
}

function expectSame(one: Said, other: Said): void {
  expect(one.text).toBe(other.text);
  one.logprobs.forEach((value, at) => {
    expect(value).toBeCloseTo(other.logprobs[at]!, 3);
  });
}

describe("every method", () => {
  const models = new Map<string, string>();
  const alone = new Map<string, Said>();

  test.each(Object.entries(JOBS))("%s trains, publishes and answers otherwise than the base", async (name, peft) => {
    models.set(name, await train(peft));
    alone.set("base", alone.get("base") ?? (await ask(BASE)));
    alone.set(name, await ask(models.get(name)!));
    expect(alone.get(name)!.logprobs).not.toEqual(alone.get("base")!.logprobs);
    if (name === "full") return;
    const { data } = await call<{ data: Delta[] }>("/deltas?limit=100");
    const delta = data.find((candidate) => candidate.models.includes(models.get(name)!));
    expect(delta).toMatchObject({
      object: "delta",
      model: BASE,
      methods: [peft].flat().map((one) => (one as Peft).type),
    });
    expect(delta!.trainable_parameters).toBeGreaterThan(0);
  });

  test("all of them at once answer as each alone", async () => {
    const asked = [...models].flatMap(([name, model]) => (name === "full" ? [] : [name, name].map((n) => [n, model])));
    const together = await Promise.all([
      ask(BASE),
      ...asked.map(async ([name, model]) => {
        expectSame(await ask(model!), alone.get(name!)!);
      }),
    ]);
    expectSame(together[0], alone.get("base")!);
  });

  test("what was downloaded is found again when it is uploaded", async () => {
    for (const name of ["dora", "prefix", "list"]) {
      const { data } = await call<{ data: Delta[] }>("/deltas?limit=100");
      const delta = data.find((candidate) => candidate.models.includes(models.get(name)!))!;
      const content = await fetch(`${url}/v1/deltas/${delta.id}/content`, {
        headers: { authorization: `Bearer ${key}` },
      });
      const form = new FormData();
      form.append("model", BASE);
      form.append("file", new File([new Uint8Array(await content.arrayBuffer())], "delta.tar"));
      expect(await call<Delta>("/deltas", { method: "POST", body: form })).toMatchObject({ id: delta.id });
    }
  });

  test("a merged delta, and a model with it in its weights, answer as the two together", async () => {
    const { data } = await call<{ data: Delta[] }>("/deltas?limit=100");
    const idOf = (name: string) => data.find((candidate) => candidate.models.includes(models.get(name)!))!.id;
    const deltas = [
      { id: idOf("lora"), weight: 0.5 },
      { id: idOf("dora"), weight: 0.75 },
    ];
    const merged = await post<Delta & { parents: string[] }>("/deltas/merge", { model: BASE, deltas, method: "cat" });
    expect(merged.parents).toHaveLength(2);
    const together = await ask(BASE, deltas);
    expectSame(await ask(merged.models[0]!), together);
    const model = await post<{ id: string }>("/deltas/merge", { model: BASE, deltas, output: "model" });
    expectSame(await ask(model.id), together);
  });

  test("what cannot be added up is refused by name", async () => {
    const { data } = await call<{ data: Delta[] }>("/deltas?limit=100");
    const prefix = data.find((candidate) => candidate.models.includes(models.get("prefix")!))!;
    await expect(ask(BASE, [{ id: prefix.id, weight: 0.5 }])).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("prefix"),
    });
  });

  test("the README's examples train a list of methods, and upload what was downloaded", async () => {
    const env = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key };
    const job = JSON.parse((await finish("sh", ["-c", readmeBlock("sh", '"type": "dora"')], env)).stdout);
    expect(job).toMatchObject({ object: "fine_tuning.job", model: BASE, status: "succeeded" });
    const again = await finish("sh", ["-c", readmeBlock("sh", "-F model=trimtab-base")], env);
    expect(JSON.parse(again.stdout)).toMatchObject({ object: "delta", model: BASE });
  });

  test("the README's examples compare methods", async () => {
    const env = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key };
    const { stdout } = await finish("sh", ["-c", readmeBlock("sh", "/peft/compare")], env);
    const [, twoMethods = ""] = stdout.split(/^bitfit: .*$/m);
    expect(stdout).toMatch(/^method .* trained .* serving/);
    expect(twoMethods).toMatch(/^lora .*\ndora /m);
    expect(JSON.parse(twoMethods.slice(twoMethods.indexOf("{"))).data).toMatchObject([
      { type: "lora", trainable_parameters: 933_888, config: { r: 32 }, mergeable: true },
      { type: "prefix", trainable_parameters: 30_720, mergeable: false },
    ]);
  });

  test("are compared without training", async () => {
    const { data } = await post<{ data: { type: string }[] }>("/peft/compare", { model: BASE });
    expect(data.map(({ type }) => type)).toEqual(Object.keys(PEFT_METHODS));
  });
});
