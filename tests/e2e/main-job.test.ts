/**
 * The main job from end to end, as a newcomer and as a client meet it: `npm start -- --once --json` trains the bundled
 * dataset over HTTP; then a stack on the same folder serves the result to the official SDK and to the README's examples.
 */
import { spawnSync } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { choosePort } from "../../infra/start/free-port.ts";
import { processesOf } from "../support/processes.ts";
import { finish, type Program, ROOT, run, untilHealthy } from "./programs.ts";
import { readmeBlock } from "./readme-blocks.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const SAILOR = join(ROOT, "infra/base/demo/sailor.jsonl");

/** What `--json` promises. */
const Result = z.strictObject({
  url: z.url(),
  key: z.string(),
  fine_tuned_model: z.string(),
  base_model: z.string(),
  trained: z.boolean(),
  base_loss: z.number(),
  tuned_loss: z.number(),
  trained_tokens: z.int(),
  train_tokens_per_second: z.number(),
  decode_tokens_per_second: z.number(),
  seconds: z.number(),
  samples: z.array(z.strictObject({ prompt: z.string(), base: z.string(), tuned: z.string() })).length(3),
});

let state: string;
let env: NodeJS.ProcessEnv;
let demo: { stdout: string; stderr: string; result: z.infer<typeof Result> };

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "trimtab-e2e-"));
  env = { PORT: String(await choosePort("0")), TRIMTAB_STATE: state };
  const { stdout, stderr } = await finish("npm", ["start", "--silent", "--", "--once", "--json"], env);
  demo = { stdout, stderr, result: Result.parse(JSON.parse(stdout)) };
});

afterAll(() => rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));

describe("npm start -- --once --json", () => {
  test("prints one line of JSON, and everything else on standard error", () => {
    expect(demo.stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(demo.stderr).toContain("Training a LoRA adapter");
    expect(demo.stderr).toContain(`curl ${demo.result.url}/v1/chat/completions`);
  });

  test("the adapter has learnt a visibly different behaviour", () => {
    const { base_loss: base, tuned_loss: tuned, samples, trained_tokens: tokens } = demo.result;
    expect(tuned).toBeLessThan(base / 2);
    expect(tokens).toBeGreaterThan(10_000);
    for (const { base, tuned } of samples) {
      expect(base).not.toMatch(/^Ahoy!/);
      expect(tuned).toMatch(/^Ahoy! .* Fair winds, sailor!$/);
    }
  });

  test("reports its speeds", () => {
    expect(demo.result.train_tokens_per_second).toBeGreaterThan(0);
    expect(demo.result.decode_tokens_per_second).toBeGreaterThan(0);
    expect(demo.result.seconds).toBeGreaterThan(0);
  });

  test("nothing answers afterwards, and the secrets are the owner's alone", async () => {
    await expect(fetch(`${demo.result.url}/healthz`)).rejects.toThrow();
    expect(statSync(join(state, "secrets.json")).mode & 0o777).toBe(0o600);
    expect(statSync(join(state, "demo.json")).mode & 0o777).toBe(0o600);
  });
});

test("started again, the demo serves what it trained before", async () => {
  const { stdout } = await finish("npm", ["start", "--silent", "--", "--once", "--json"], env);
  const again = Result.parse(JSON.parse(stdout));
  expect(demo.result.trained).toBe(true);
  const { trained, seconds, decode_tokens_per_second, ...same } = again;
  expect(trained).toBe(false);
  expect(demo.result).toMatchObject(same);
});

describe("a stack on the same folder", () => {
  let serve: Program;
  let client: OpenAI;
  const url = () => demo.result.url;
  const tuned = () => demo.result.fine_tuned_model;
  const ask = (content: string) => ({ messages: [{ role: "user" as const, content }], temperature: 0 });

  beforeAll(async () => {
    serve = run("npm", ["run", "serve", "--silent"], env);
    await untilHealthy(url());
    client = new OpenAI({ baseURL: `${url()}/v1`, apiKey: demo.result.key });
  });

  afterAll(async () => {
    serve.child.kill("SIGTERM");
    await serve.ended;
  });

  test("lists the base and the tuned model", async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(expect.arrayContaining([demo.result.base_model, tuned()]));
    expect(await client.models.retrieve(tuned())).toMatchObject({ object: "model", root: demo.result.base_model });
  });

  test("answers as before it was restarted, at once and streamed", async () => {
    for (const { prompt, base, tuned: expected } of demo.result.samples) {
      const reply = await client.chat.completions.create({ model: tuned(), ...ask(prompt) });
      expect(reply.choices[0]?.message.content).toBe(expected);
      expect(reply.choices[0]?.finish_reason).toBe("stop");
      expect(reply.usage?.completion_tokens).toBeGreaterThan(1);
      const untouched = await client.chat.completions.create({ model: demo.result.base_model, ...ask(prompt) });
      expect(untouched.choices[0]?.message.content).toBe(base);
    }
    const { prompt = "", tuned: expected } = demo.result.samples[0] ?? {};
    const stream = await client.chat.completions.create({
      model: tuned(),
      ...ask(prompt),
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let chunks = 0;
    const reasons: unknown[] = [];
    for await (const chunk of stream) {
      chunks += 1;
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason);
      if (chunk.usage) reasons.push(chunk.usage.completion_tokens);
    }
    expect(text).toBe(expected);
    expect(chunks).toBeGreaterThan(5);
    expect(reasons).toEqual(["stop", expect.any(Number)]);
  });

  test("completes plain text", async () => {
    const reply = await client.completions.create({
      model: demo.result.base_model,
      prompt: "The capital of France is",
      max_tokens: 4,
      temperature: 0,
    });
    expect(reply.choices[0]?.text.length).toBeGreaterThan(0);
  });

  test("keeps files as they were sent", async () => {
    const file = await client.files.create({ file: createReadStream(SAILOR), purpose: "fine-tune" });
    expect(file).toMatchObject({ filename: "sailor.jsonl", bytes: statSync(SAILOR).size, purpose: "fine-tune" });
    expect(await (await client.files.content(file.id)).text()).toBe(readFileSync(SAILOR, "utf8"));
    expect((await client.files.list()).data.map(({ id }) => id)).toContain(file.id);
    expect(await client.files.delete(file.id)).toMatchObject({ id: file.id, deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
  });

  test("names what is wrong with a request", async () => {
    const broken = await toFile(Buffer.from('{"prompt":"a","completion":"b"}\nnot json\n'), "broken.jsonl");
    await expect(client.files.create({ file: broken, purpose: "fine-tune" })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("line 2"),
    });
    await expect(client.chat.completions.create({ model: "no-such-model", ...ask("Hello") })).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
    const stranger = new OpenAI({ baseURL: `${url()}/v1`, apiKey: "tt_demo_wrong", maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401 });
  });

  test("trains a job on a file of the caller's, whose trainer and server are killed in the middle", async () => {
    const lines = Array.from({ length: 40 }, (_, i) =>
      JSON.stringify({
        messages: [
          { role: "user", content: `What comes after ${i}?` },
          { role: "assistant", content: `After ${i} comes ${i + 1}, of course.` },
        ],
      }),
    );
    const file = await client.files.create({
      file: await toFile(Buffer.from(lines.join("\n")), "count.jsonl"),
      purpose: "fine-tune",
    });
    const hyperparameters = { max_steps: 60, batch_size: 8, checkpoint_steps: 5 } as object;
    const job = await client.fineTuning.jobs.create({
      model: demo.result.base_model,
      training_file: file.id,
      suffix: "count",
      seed: 7,
      method: { type: "supervised", supervised: { hyperparameters } },
    });
    expect(job.object).toBe("fine_tuning.job");
    await untilStep(job.id, 10);
    killOne(/trainer\/main\.ts/);
    await untilStep(job.id, 20);
    killOne(/workerd serve/);
    const ended = await vi.waitFor(
      async () => {
        const now = await client.fineTuning.jobs.retrieve(job.id);
        expect(["succeeded", "failed", "cancelled"], JSON.stringify(now)).toContain(now.status);
        return now;
      },
      { timeout: 200_000, interval: 500 },
    );
    expect(ended).toMatchObject({ status: "succeeded", error: null, model: demo.result.base_model });
    const checkpoints = await client.fineTuning.jobs.checkpoints.list(job.id);
    expect(checkpoints.data.length).toBeGreaterThan(0);
    const reply = await client.chat.completions.create({
      model: ended.fine_tuned_model ?? "",
      ...ask("What comes after 3?"),
    });
    expect(reply.choices[0]?.message.content).toMatch(/^After \d+ comes/);
  });

  test("cancels a job", async () => {
    const file = await client.files.create({ file: createReadStream(SAILOR), purpose: "fine-tune" });
    const job = await client.fineTuning.jobs.create({ model: demo.result.base_model, training_file: file.id });
    await client.fineTuning.jobs.cancel(job.id);
    await vi.waitFor(async () => expect((await client.fineTuning.jobs.retrieve(job.id)).status).toBe("cancelled"), {
      timeout: 60_000,
      interval: 200,
    });
  });

  describe("the README's example", () => {
    const example = () => ({ OPENAI_BASE_URL: `${url()}/v1`, OPENAI_API_KEY: demo.result.key, MODEL: tuned() });

    test("for curl answers", async () => {
      const { stdout } = await finish("sh", ["-c", readmeBlock("sh", "Who wrote Hamlet")], example());
      expect(JSON.parse(stdout)).toMatchObject({ object: "chat.completion", model: tuned() });
    });

    test("for openai from npm trains and answers", async () => {
      expect(await runScript(readmeBlock("js", "sailor.jsonl"))).toContain("Ahoy!");
    });

    test("for steering with curl keeps to its rule, and says how it was steered", async () => {
      const { stdout } = await finish("sh", ["-c", readmeBlock("sh", '"steering": {"guidance"')], example());
      const reply = JSON.parse(stdout);
      expect(reply.steering).toMatchObject({ guidance: { scale: 2 }, rules: { banned: ["bed"] } });
      expect(reply.choices[0].text).toContain("I loved this hotel.");
      expect(reply.choices[0].text).not.toContain("bed");
      expect(reply.usage.steering_tokens).toBeGreaterThan(0);
    });

    test("for steering with openai from npm makes a vector that turns a review either way", async () => {
      const [against, without, along] = (await runScript(readmeBlock("js", "steering_vector"))).trim().split("\n");
      expect(against).toMatch(/^-1\.5 .*(worst|disliked|hated|letdown|unhappy)/);
      expect(without).toMatch(/^0 /);
      expect(along).toMatch(/^1\.5 .*(loved|enjoyed|gem|wonderful|happy)/);
    });

    test("for result files shows the last steps", async () => {
      const { stdout } = await finish("sh", ["-c", readmeBlock("sh", "result_files")], example());
      expect(stdout.trim().split("\n")).toHaveLength(3);
      expect(stdout).toMatch(/^\d+,\d\.\d+/m);
    });

    test("for customers creates one, changes it and deletes it", async () => {
      const block = readmeBlock("sh", "/admin/tenants").replace(".trimtab", state);
      const { stdout } = await finish("sh", ["-c", block], example());
      expect(stdout).toContain('"tokens_per_minute":500000');
      expect(stdout).toContain('"deleted":true');
    });

    test("for aliases moves one and rolls it back", async () => {
      const { stdout } = await finish("sh", ["-c", aliases()], example());
      expect(stdout).toContain(`"model":"${tuned()}","steering":null,"version":2`);
      expect(stdout).toContain('"version":3,"model":"trimtab-base","steering":null,"by":"rollback"');
    });

    test("for presets steers an alias, and brings a version back", async () => {
      const block = `${aliases()}\n${readmeBlock("sh", "/steering/presets/calm/rollback")}`;
      const { stdout } = await finish("sh", ["-c", block], example());
      expect(stdout).toContain('"steering":"calm@1"');
      expect(stdout).toMatch(/"id":"calm@3",[^\n]*"by":"rollback"/);
    });

    /** The block that makes `tenant`, which later ones use. */
    const aliases = () => readmeBlock("sh", "/aliases/support-bot/rollback");

    const python = spawnSync("python3", ["-c", "import openai"]).status === 0;
    test.runIf(python)("for openai from PyPI answers", async () => {
      const { stdout } = await finish("python3", ["-c", readmeBlock("python", "chemical symbol")], example());
      expect(stdout).toContain(`${tuned()} Ahoy!`);
    });

    test.runIf(python)("for steering with openai from PyPI parses the reply and shows every token", async () => {
      const { stdout } = await finish("python3", ["-c", readmeBlock("python", "steering_trace")], example());
      const [parsed, ...steps] = stdout.trim().split("\n");
      expect(parsed).toMatch(/^stars=[1-5] word='(good|bad)'$/);
      expect(steps.length).toBeGreaterThan(5);
      for (const step of steps) expect(step).toMatch(/^'.*' +\d\.\d{3} -> \d\.\d{3}$/);
    });
  });

  /** What one of the README's scripts prints. It lies inside the repository, where it finds the packages. */
  async function runScript(text: string): Promise<string> {
    const file = join(ROOT, "tests/e2e", `readme-example.${process.pid}.mjs`);
    writeFileSync(file, text);
    try {
      const env = { OPENAI_BASE_URL: `${url()}/v1`, OPENAI_API_KEY: demo.result.key, MODEL: tuned() };
      return (await finish(process.execPath, [file], env)).stdout;
    } finally {
      rmSync(file);
    }
  }

  async function untilStep(job: string, step: number): Promise<void> {
    await vi.waitFor(
      async () => {
        const events = await client.fineTuning.jobs.listEvents(job, { limit: 100 });
        const steps = events.data.map(({ data }) => Number((data as { step?: number } | null)?.step ?? 0));
        expect(Math.max(0, ...steps)).toBeGreaterThanOrEqual(step);
      },
      { timeout: 120_000, interval: 100 },
    );
  }

  /** Ends one process of this stack as nothing else could: without a word. */
  function killOne(what: RegExp): void {
    const found = processesOf(serve.child.pid, what);
    expect(found).toHaveLength(1);
    process.kill(found[0] as number, "SIGKILL");
  }
});
