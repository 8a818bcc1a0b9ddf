/** Sweeps over the whole Worker, on a tiny base in a real Engine. */
import { beforeAll, describe, expect, it, vi } from "vitest";
import { Sweep } from "../../../shared/api/steering-sweep.ts";
import { encodeScorer } from "../../../shared/delta/scorer-file.ts";
import { fromF32, toF32 } from "../../../shared/formats/safetensors.ts";
import { tarEnd, tarEntry } from "../../../shared/formats/tar.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { adapterFiles } from "../../../shared/peft/adapter-folder.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32 } from "../../../shared/tensor.ts";
import { randomScorer } from "../../shared/delta/random-scorer.ts";
import { Api, type CallOptions } from "../support/api.ts";
import { openai } from "../support/client.ts";
import { json, TINY_CONFIG, tinyBase, tinyWeights } from "../support/tiny-base.ts";

const config = parseModelConfig(TINY_CONFIG);
const BASE = "sweep-base";
const PLAIN = "sweep-plain";
const OTHER = "sweep-other";
const PROMPTS = ["hi", "ahoy there", "fair winds"];
const LENGTH = 8;

/** A scorer that likes long texts. */
const network = {
  fetch: async (_url: string, init: { body: Uint8Array }) => {
    const { candidates } = JSON.parse(new TextDecoder().decode(init.body)) as { candidates: { text: string }[] };
    return Response.json({ scores: candidates.map(({ text }) => [...text].length) });
  },
} as unknown as Fetcher;

const api = new Api({ SCORER_NETWORK: network });
let key: string;
let judge: string;
let tuned: string;

async function upload(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const parts = [...files].flatMap(([name, bytes]) => {
    const { header, padding } = tarEntry(name, bytes.length);
    return [header, bytes, padding];
  });
  const body = new FormData();
  body.append("model", BASE);
  const archive = new Uint8Array([...parts, tarEnd()].flatMap((part) => [...part]));
  body.append("file", new File([archive], "adapter.tar"));
  const { models } = await api.call<{ models: string[] }>("POST", "/v1/deltas", { key, body });
  return models[0]!;
}

/** Large enough to change what the model says. */
function adapter(): ReadonlyMap<string, Uint8Array> {
  const { hiddenSize: width, ffnSize: inner } = config;
  const module = "layers.1.mlp.down_proj";
  const name = `base_model.model.model.${module}.lora`;
  const drawn = (rows: number, columns: number) => {
    const random = createRandom(5, String(columns));
    return f32(
      [rows, columns],
      Float32Array.from({ length: rows * columns }, () => 3 * random.normal()),
    );
  };
  return adapterFiles(
    { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: [module], bias: "none" },
    new Map([
      [`${name}_A.weight`, drawn(2, inner)],
      [`${name}_B.weight`, drawn(width, 2)],
    ]),
  );
}

/** Weights large enough that what came before changes what is said. */
function strongWeights(): Uint8Array {
  return tinyWeights((tensors) => {
    for (const [name, tensor] of tensors) {
      const values = toF32(tensor).map((value) => 8 * value);
      tensors.set(name, { ...tensor, bytes: fromF32(new Float32Array(values), "F16") });
    }
  });
}

beforeAll(async () => {
  await api.base(BASE, tinyBase({ "model.safetensors": strongWeights() }));
  const settings = { eos_token: "<|im_end|>", pad_token: "<|endoftext|>" };
  await api.base(PLAIN, tinyBase({ "tokenizer_config.json": json(settings), "model.safetensors": strongWeights() }));
  const tokenizer = JSON.parse(new TextDecoder().decode(tinyBase().get("tokenizer.json"))) as Record<string, unknown>;
  await api.base(OTHER, tinyBase({ "tokenizer.json": json({ ...tokenizer, version: "1.0 " }) }));
  key = await api.tenant("sweeper");
  judge = await upload(new Map([["scorer.safetensors", encodeScorer(randomScorer(config))]]));
  tuned = await upload(adapter());
});

const classifier = (strength = 1) => ({ id: judge, label: "class 1", mode: "token_values", strength });
const body = (changes: Readonly<Record<string, unknown>> = {}) => ({
  model: BASE,
  prompts: PROMPTS,
  steering: { classifier: [classifier()] },
  grid: { "classifier.0.strength": [0, 4] },
  n: 2,
  max_tokens: LENGTH,
  seed: 11,
  ...changes,
});
const sweep = async (changes: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}) =>
  Sweep.parse(await api.call("POST", "/v1/steering/sweep", { key, body: body(changes), ...options }));
/** What is the same in every sweep of equal requests: what steering computes depends on which prompts are in the cache. */
const repeated = ({ usage: { steering_tokens: _, ...usage }, ...rest }: Sweep) => ({ ...rest, usage });
const refusal = (changes: Readonly<Record<string, unknown>>) =>
  api.refusal("POST", "/v1/steering/sweep", { key, body: body(changes) });

interface Told {
  readonly choices: {
    readonly message: { readonly content: string };
    readonly logprobs: { readonly content: { readonly token: string; readonly bytes: number[] }[] };
    readonly steering_trace: { readonly parts: { readonly classifier: { readonly probability: number }[] } }[];
  }[];
}

/** What a chat says that asks for one prompt of a cell, one token longer, so that the trace judges the whole of its text. */
const chat = (prompt: number, strength: number, max_tokens: number) =>
  api.call<Told>("POST", "/v1/chat/completions", {
    key,
    body: {
      model: BASE,
      messages: [{ role: "user", content: PROMPTS[prompt] }],
      n: 2,
      max_tokens,
      temperature: 1,
      seed: 11 + prompt,
      logprobs: true,
      steering: { classifier: [classifier(strength)] },
      trace: true,
    },
  });

const bytes = (of: string) => [...new TextEncoder().encode(of)].map((byte) => byte + 3);
const templated = (text: string) => [1, ...bytes(`user\n${text}`), 2, ...bytes("\n"), 1, ...bytes("assistant\n")];

/** ln p of the next token under the bare base. */
async function logprob(prompt: readonly number[], token: number): Promise<number> {
  const answer = await api.call<{ choices: { logprobs: { token_logprobs: number[] } }[] }>("POST", "/v1/completions", {
    key,
    body: {
      model: BASE,
      prompt,
      max_tokens: 1,
      temperature: 0,
      logprobs: 0,
      min_tokens: 1,
      logit_bias: { [token]: 100 },
    },
  });
  return answer.choices[0]!.logprobs.token_logprobs[0]!;
}

describe("a sweep", { timeout: 240_000 }, () => {
  it("gives what chats of the same seeds give, with the perplexity and the effect that they have", async () => {
    const result = await sweep();
    expect(result.cells.map(({ grid }) => grid)).toEqual([
      { "classifier.0.strength": 0 },
      { "classifier.0.strength": 4 },
    ]);
    expect(result.baselines.map(({ kind }) => kind)).toEqual(["plain"]);
    const { statistics } = result.cells[1]!;
    const texts: string[] = [];
    const effects: number[] = [];
    let [surprise, tokens] = [0, 0];
    for (const [prompt, asked] of PROMPTS.entries()) {
      const told = await chat(prompt, 4, LENGTH);
      const longer = await chat(prompt, 4, LENGTH + 1);
      for (const [i, { message, logprobs }] of told.choices.entries()) {
        texts.push(message.content);
        const ids = logprobs.content.map(({ token, bytes: own }) => (token === "<|im_start|>" ? 1 : own[0]! + 3));
        for (const [at, token] of ids.entries()) {
          surprise -= await logprob([...templated(asked), ...ids.slice(0, at)], token);
          tokens++;
        }
        effects.push(longer.choices[i]!.steering_trace.at(-1)!.parts.classifier[0]!.probability);
      }
    }
    expect(statistics.examples).toEqual(texts.slice(0, 3));
    expect([statistics.texts, statistics.tokens]).toEqual([6, tokens]);
    const expected = Math.exp(surprise / tokens);
    expect(Math.abs(statistics.base_perplexity!.value / expected - 1)).toBeLessThan(1e-4);
    const mean = effects.reduce((sum, effect) => sum + effect, 0) / effects.length;
    expect(Math.abs(statistics.effect.value - mean)).toBeLessThan(1e-4);
    // A strength of 0 is the model as it is.
    expect(result.cells[0]!.statistics).toEqual({
      ...result.baselines[0]!.statistics,
      effect: { ...result.cells[0]!.statistics.effect, value: result.baselines[0]!.statistics.effect.value },
      base_perplexity: {
        ...result.cells[0]!.statistics.base_perplexity,
        value: result.baselines[0]!.statistics.base_perplexity!.value,
      },
    });
    // The scorer is a random one: guidance moves its effect, and nobody knows where to.
    expect(Math.abs(statistics.effect.value - result.baselines[0]!.statistics.effect.value)).toBeGreaterThan(0.01);
  });

  it("puts a prompt and a fine-tuned model beside the grid, is the same again, and is charged", async () => {
    const own = await api.tenant("counted");
    const asked = {
      steering: { guidance: { negative_prompt: "be dull", scale: 2 } },
      grid: { "guidance.scale": [1.5] },
    };
    const effect = { phrases: ["e"] };
    const [first, again] = [
      await sweep({ ...asked, effect, baselines: { prompt: "Be glad.", model: tuned } }),
      await sweep({ ...asked, effect, baselines: { prompt: "Be glad.", model: tuned } }),
    ];
    expect(repeated(again)).toEqual(repeated(first));
    expect(first.baselines.map(({ kind, name }) => [kind, name])).toEqual([
      ["plain", "plain"],
      ["prompt", "prompt"],
      ["model", tuned],
    ]);
    const perplexities = [...first.cells, ...first.baselines].map(
      ({ statistics }) => statistics.base_perplexity!.value,
    );
    expect(new Set(perplexities).size).toBe(4);
    expect(first.svg).toMatch(/^<svg[\s\S]*Steering sweep-base/);

    const counted = Sweep.parse(
      await api.call("POST", "/v1/steering/sweep", { key: own, body: body({ ...asked, effect }) }),
    );
    await vi.waitFor(async () => {
      const { days } = await api.call<{ days: Record<string, number>[] }>("GET", "/v1/usage", { key: own });
      expect(days[0]).toMatchObject({
        requests: 2 * PROMPTS.length,
        prompt_tokens: counted.usage.prompt_tokens,
        completion_tokens: counted.usage.completion_tokens,
      });
    });
    expect(counted.usage.steering_tokens).toBeGreaterThan(0);
  });

  it("continues texts where the base has no chat template, and measures with a scorer and with a preset", async () => {
    const steering = { guidance: { negative_prompt: "dull", scale: 2 } };
    await api.call("POST", "/v1/steering/presets", { key, body: { name: "bright", steering } });
    await api.call("POST", "/v1/steering/scorers", { key, body: { name: "long", url: "https://scores.trimtab.dev/" } });
    const result = await sweep({
      model: PLAIN,
      steering: "bright",
      grid: { "guidance.scale": [1, 3] },
      effect: { scorer: "long" },
      baselines: { prompt: "Be brief." },
    });
    const { seed, n } = body();
    const texts: string[] = [];
    for (const [i, prompt] of PROMPTS.entries()) {
      const asked = { model: PLAIN, prompt, n, max_tokens: LENGTH, temperature: 1, seed: seed + i };
      const { choices } = await api.call<{ choices: { text: string }[] }>("POST", "/v1/completions", {
        key,
        body: { ...asked, steering: { guidance: { ...steering.guidance, scale: 3 } } },
      });
      texts.push(...choices.map(({ text }) => text));
    }
    const { statistics } = result.cells[1]!;
    expect(statistics.examples).toEqual(texts.slice(0, 3));
    expect(statistics.effect.value).toBeCloseTo(
      texts.reduce((sum, text) => sum + [...text].length, 0) / texts.length,
      9,
    );
  });

  it("is called by the official client, as a picture and as events too", async () => {
    const client = openai(api, key);
    const small = body({ prompts: ["hi"], n: 1 });
    const whole = Sweep.parse(await client.post("/steering/sweep", { body: small }));
    const send = (accept: string) => api.send("POST", "/v1/steering/sweep", { key, body: small, headers: { accept } });
    const picture = await send("image/svg+xml");
    expect(picture.headers.get("content-type")).toBe("image/svg+xml");
    expect(await picture.text()).toBe(whole.svg);
    const events = await send("text/event-stream");
    expect(events.headers.get("content-type")).toContain("text/event-stream");
    const all = (await events.text())
      .split("\n")
      .flatMap((line) => (line.startsWith("data: ") ? [JSON.parse(line.slice(6)) as Record<string, unknown>] : []));
    expect(all.map(({ type, name, done, of }) => [type, name, done, of])).toEqual([
      ["sweep.run", "plain", 1, 3],
      ["sweep.run", "cell 1", 2, 3],
      ["sweep.run", "cell 2", 3, 3],
      ["sweep.completed", undefined, undefined, undefined],
    ]);
    expect(all[1]!.statistics).toEqual(whole.cells[0]!.statistics);
    expect(repeated(all[3]!.sweep as Sweep)).toEqual(repeated(whole));
  });

  it("stops when its client hangs up", async () => {
    const many = body({ prompts: Array.from({ length: 30 }, (_, i) => `hi ${i}`), max_tokens: 64, n: 4 });
    const response = await api.send("POST", "/v1/steering/sweep", {
      key,
      body: many,
      headers: { accept: "text/event-stream" },
    });
    const reader = response.body!.getReader();
    void reader.read();
    const engine = api.env.ENGINE.get(api.env.ENGINE.idFromName(BASE));
    const rows = async () => {
      const { models } = (await (await engine.fetch("https://engine/status")).json()) as {
        models: { rows: number; waiting: number; decodedTokens: number }[];
      };
      return models.map((model) => model.rows + model.waiting);
    };
    await vi.waitFor(async () => expect(Math.max(...(await rows()))).toBeGreaterThan(0), {
      timeout: 30_000,
      interval: 5,
    });
    await reader.cancel();
    await vi.waitFor(async () => expect(Math.max(...(await rows()))).toBe(0), { timeout: 2_000, interval: 20 });
  });

  it("names the cell that an error is of, before work where it can", async () => {
    const grid = { "classifier.0.label": ["class 0", "nope"] };
    expect(await refusal({ grid, prompts: ["hi"] })).toMatchObject({
      status: 400,
      param: "steering.classifier[0].label",
      message: expect.stringMatching(/^In cell 2 \(classifier\.0\.label "nope"\): The classifier has no class "nope"/),
    });
    const named = { "classifier.0.id": [judge, "ft:gone"] };
    expect(await refusal({ grid: named })).toMatchObject({
      status: 404,
      message: expect.stringMatching(/^In cell 2 \(classifier\.0\.id "ft:gone"\): /),
    });
  });

  it.each<[string, () => Record<string, unknown>, Record<string, unknown>]>([
    ["a model", () => ({ model: "none" }), { status: 404, param: "model" }],
    ["a preset", () => ({ steering: "none" }), { status: 404, param: "steering" }],
    ["a baseline", () => ({ baselines: { model: "ft:none" } }), { status: 404, param: "baselines.model" }],
    [
      "a classifier",
      () => ({ effect: { classifier: { id: "ft:none", label: "x" } } }),
      { status: 404, param: "effect.classifier.id" },
    ],
    ["a scorer", () => ({ effect: { scorer: "none" } }), { status: 404, param: "effect.scorer" }],
    [
      "a model that judges nothing",
      () => ({ effect: { classifier: { id: tuned, label: "x" } } }),
      { status: 400, param: "effect.classifier.id" },
    ],
    [
      "a class",
      () => ({ effect: { classifier: { id: judge, label: "x" } } }),
      { status: 400, param: "effect.classifier.label" },
    ],
    [
      "a path",
      () => ({ grid: { "classifier.3.strength": [1] } }),
      { status: 400, param: "grid.classifier.3.strength" },
    ],
    [
      "a value",
      () => ({ grid: { "classifier.0.strength": [1e9] } }),
      { status: 400, param: "grid.classifier.0.strength" },
    ],
    [
      "no effect",
      () => ({ steering: { guidance: { negative_prompt: "x", scale: 1 } }, grid: { "guidance.scale": [2] } }),
      { status: 400, param: "effect" },
    ],
    ["another tokenizer", () => ({ baselines: { model: OTHER } }), { status: 400, param: "baselines.model" }],
    [
      "too many tokens",
      () => ({ n: 16, max_tokens: 512, prompts: new Array(64).fill("hi") }),
      { status: 400, param: "grid" },
    ],
    [
      "a prompt without room",
      () => ({ prompts: ["x".repeat(200)] }),
      { status: 400, code: "context_length_exceeded", param: "prompts" },
    ],
  ])("refuses %s that it cannot use", async (_, changes, expected) => {
    expect(await refusal(changes())).toMatchObject(expected);
  });
});
