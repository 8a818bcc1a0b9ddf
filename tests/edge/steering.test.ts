/** Steering over the whole Worker and a real Engine: what is asked, what comes back, and what is refused. */
import type OpenAI from "openai";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeScorer } from "../../shared/delta/scorer-file.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import config from "../golden/llama/plain/config.json";
import kindConfig from "../golden/lora/adapter/adapter_config.json";
import kindFile from "../golden/lora/adapter/adapter_model.safetensors?url&inline";
import { randomScorer } from "../shared/delta/random-scorer.ts";
import { adapterForm } from "./support/adapter-form.ts";
import { Api } from "./support/api.ts";
import { collected, openai } from "./support/client.ts";
import { lettersBase } from "./support/letters-base.ts";
import { bytesOf } from "./support/stored-folder.ts";
import { json, tinyBase } from "./support/tiny-base.ts";

const api = new Api();
const BASE = "letters";
const OTHER = "letters-too";
const CHAT = "/v1/chat/completions";
const messages = [
  { role: "system" as const, content: "kindly" },
  { role: "user" as const, content: "hello" },
];
let key: string;
let client: OpenAI;
/** Names: a tuned model, a classifier, and a classifier of another base. */
const named = { kind: "", tone: "", stray: "" };

const adapter = (extra: readonly (readonly [string, Uint8Array])[] = []) =>
  new Map([["adapter_config.json", json(kindConfig)], ["adapter_model.safetensors", bytesOf(kindFile)], ...extra]);

async function uploaded(model: string, files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const reply = await api.call<{ models: string[] }>("POST", "/v1/deltas", {
    key,
    body: adapterForm(files, { model }),
  });
  return reply.models[0]!;
}

interface Trace {
  readonly id: number;
  readonly token: string;
  readonly before: number;
  readonly after: number;
  readonly kl: number;
  readonly top: readonly unknown[];
  readonly parts: Readonly<Record<string, unknown>>;
}
interface Reply {
  readonly choices: readonly {
    readonly message: { readonly content: string };
    readonly text: string;
    readonly steering_trace?: readonly Trace[];
  }[];
  readonly usage: { readonly steering_tokens?: number; readonly completion_tokens: number };
  readonly steering?: unknown;
  readonly steering_preset?: string;
}
const GREEDY = { model: BASE, temperature: 0, max_completion_tokens: 9 };
const chat = (body: object) => api.call<Reply>("POST", CHAT, { key, body: { ...GREEDY, messages, ...body } });
const text = async (body: object) => (await chat(body)).choices[0]!.message.content;

beforeAll(async () => {
  await api.base(BASE, lettersBase());
  await api.base(OTHER, lettersBase({ "README.md": "another" }));
  await api.base("bytes", tinyBase());
  key = await api.tenant("steersman");
  client = openai(api, key);
  const scorer = encodeScorer(randomScorer(parseModelConfig(config)));
  named.kind = await uploaded(BASE, adapter());
  named.tone = await uploaded(BASE, adapter([["scorer.safetensors", scorer]]));
  named.stray = await uploaded(OTHER, adapter([["scorer.safetensors", scorer]]));
});

describe("a steered reply", () => {
  it("echoes what steered it with every default, and traces every token, in a chat and in a completion", async () => {
    const steering = { contrastive: { amateur: named.kind }, guidance: { negative_prompt: "rude" } };
    const reply = await chat({ steering, trace: true, n: 2 });
    expect(reply.steering).toEqual({
      contrastive: { amateur: named.kind, alpha: 0.1, temperature: 0.5 },
      guidance: { negative_prompt: "rude", scale: 1.5 },
    });
    expect(reply.steering_preset).toBeUndefined();
    for (const { message, steering_trace: trace } of reply.choices) {
      expect(
        trace!
          .map(({ token }) => token)
          .join("")
          .replaceAll(/<\|.*?\|>/g, ""),
      ).toBe(message.content);
      for (const { before, after, kl, top } of trace!) {
        expect([before, after].every((p) => p > 0 && p <= 1)).toBe(true);
        expect(kl).toBeGreaterThanOrEqual(0);
        expect(top.length).toBeGreaterThan(0);
      }
    }
    const traced = reply.choices.reduce((sum, { steering_trace: trace }) => sum + trace!.length, 0);
    expect(traced).toBe(reply.usage.completion_tokens);
    expect(reply.usage.steering_tokens).toBeGreaterThan(0);
    expect(await text({})).not.toBe(reply.choices[0]!.message.content);

    const body = { model: BASE, prompt: "hello", max_tokens: 9, temperature: 0, steering, trace: true };
    const completion = await api.call<Reply>("POST", "/v1/completions", { key, body });
    expect(completion.steering).toEqual(reply.steering);
    expect(completion.choices[0]!.steering_trace).toHaveLength(completion.usage.completion_tokens);
  });

  it("has no trace, echo or cost where nothing steers it, and a trace alone where only that is asked for", async () => {
    const plain = await chat({});
    expect([plain.steering, plain.usage.steering_tokens, plain.choices[0]!.steering_trace]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const traced = await chat({ trace: true });
    expect(traced.choices[0]!.message.content).toBe(plain.choices[0]!.message.content);
    expect(traced.choices[0]!.steering_trace!.map(({ kl }) => kl)).toEqual(
      traced.choices[0]!.steering_trace!.map(() => 0),
    );
  });

  it("is the same in a stream, through the official client, with the echo in the first chunk of each choice", async () => {
    const steering = { classifier: [{ id: named.tone, label: "class 0", mode: "token_values", strength: 4 }] };
    const asked = { ...GREEDY, messages, steering, trace: true };
    const whole = (await client.chat.completions.create(asked)) as unknown as Reply;
    expect(whole.steering).toMatchObject(steering);
    const stream = client.chat.completions.create({
      ...asked,
      n: 2,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = (await collected(await stream)) as unknown as (Reply & {
      choices: { index: number; delta: { content?: string }; steering_trace?: Trace[] }[];
    })[];
    const of = (index: number) => chunks.filter(({ choices }) => choices[0]?.index === index);
    for (const index of [0, 1]) {
      const own = of(index);
      expect(own.filter(({ steering: echo }) => echo !== undefined)).toEqual([own[0]]);
      expect(own[0]!.steering).toEqual(whole.steering);
      expect(own.map(({ choices }) => choices[0]!.delta.content ?? "").join("")).toBe(
        whole.choices[0]!.message.content,
      );
      const traces = own.flatMap(({ choices }) => choices[0]!.steering_trace ?? []);
      const expected = whole.choices[0]!.steering_trace!;
      expect(traces.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      expect(traces[0]!.parts).toMatchObject({ classifier: [{ id: named.tone, label: "class 0", strength: 4 }] });
    }
    expect(chunks.at(-1)!.usage.steering_tokens).toBeGreaterThan(0);
    const lines = await client.completions.create({
      model: BASE,
      prompt: "hello",
      max_tokens: 5,
      temperature: 0,
      stream: true,
      ...({ steering: { guidance: {} }, trace: true } as object),
    });
    const pieces = (await collected(lines)) as unknown as Reply[];
    expect(pieces[0]!.steering).toEqual({ guidance: { scale: 1.5 } });
    expect(pieces.slice(1).every(({ steering: echo }) => echo === undefined)).toBe(true);
    expect(pieces.flatMap(({ choices }) => choices[0]?.steering_trace ?? [])).toHaveLength(5);
  });

  it("takes a preset by name, by an alias, and none where the object is empty", async () => {
    const steering = { rules: { regex: "[x-z]{4}" } };
    await api.call("POST", "/v1/steering/presets", { key, body: { name: "xyz", steering } });
    await api.call("POST", "/v1/aliases", { key, body: { id: "bot", model: BASE, steering: "xyz" } });
    for (const asked of [{ steering: "xyz" }, { steering: "xyz@1" }, { model: "bot" }]) {
      const reply = await chat(asked);
      expect(reply.choices[0]!.message.content).toMatch(/^[x-z]{4}$/);
      expect([reply.steering, reply.steering_preset]).toEqual([steering, "xyz@1"]);
    }
    const off = await chat({ model: "bot", steering: {} });
    expect([off.steering, off.steering_preset]).toEqual([{}, undefined]);
    expect(off.choices[0]!.message.content).toBe(await text({}));
  });

  it("steers a response too, and says so", async () => {
    const steering = { rules: { choice: ["yes", "no"] } };
    const body = { model: BASE, input: "hello", steering };
    const reply = await api.call<{ steering: unknown; output: { content: { text: string }[] }[] }>(
      "POST",
      "/v1/responses",
      { key, body },
    );
    expect(reply.steering).toEqual(steering);
    expect(["yes", "no"]).toContain(reply.output[0]!.content[0]!.text);
  });

  it("is steered by a model of another base with the same tokenizer, both of which stay in memory", async () => {
    const other = `${OTHER}`;
    const steering = { experts: [{ id: other, weight: 0.5 }] };
    // Both bases have the same weights, so the expert has nothing to add to what its nucleus leaves.
    expect(await text({ steering })).toBe(await text({}));
    const contrast = await chat({ steering: { contrastive: { amateur: other } } });
    expect(contrast.usage.steering_tokens).toBeGreaterThan(GREEDY.max_completion_tokens);
    const loaded = async (): Promise<{ digest: string; decodedTokens: number }[]> => {
      const engine = api.env.ENGINE.get(api.env.ENGINE.idFromName(BASE));
      const status = (await (await engine.fetch("https://engine/status")).json()) as { models: never[] };
      return status.models;
    };
    const before = await loaded();
    await chat({ steering });
    const after = await loaded();
    for (const { digest, decodedTokens } of before) {
      const now = after.find((each) => each.digest === digest);
      expect(now?.decodedTokens ?? 0, "thrown out and loaded again").toBeGreaterThanOrEqual(decodedTokens);
    }
    expect(after.length).toBeGreaterThanOrEqual(2);
  });
});

describe("what is refused up front", () => {
  const deep = (depth: number): object =>
    depth === 0 ? { type: "string" } : { type: "array", items: deep(depth - 1) };
  const tone = (changes: object) => [{ id: named.tone, label: "class 0", mode: "lookahead", ...changes }];
  it.each<[what: string, steering: () => object, param: string, code?: string]>([
    ["an unknown part", () => ({ wind: 1 }), "steering.wind"],
    ["an unknown field of a part", () => ({ guidance: { scales: 1 } }), "steering.guidance.scales"],
    ["a strength out of range", () => ({ guidance: { scale: 1e9 } }), "steering.guidance.scale"],
    ["a weight out of range", () => ({ experts: [{ id: "base", weight: 1e9 }] }), "steering.experts[0].weight"],
    ["an amateur that is the expert", () => ({ contrastive: { amateur: "base" } }), "steering.contrastive.amateur"],
    [
      "an expert and an amateur that are the same",
      () => ({ contrastive: { expert: named.kind, amateur: { model: named.kind } } }),
      "steering.contrastive.amateur",
    ],
    [
      "a model that is not there",
      () => ({ contrastive: { amateur: "nobody" } }),
      "steering.contrastive.amateur",
      "model_not_found",
    ],
    ["a classifier of another base", () => ({ classifier: tone({ id: named.stray }) }), "steering.classifier[0].id"],
    ["a classifier that is none", () => ({ classifier: tone({ id: named.kind }) }), "steering.classifier[0].id"],
    ["a class that is not there", () => ({ classifier: tone({ label: "nice" }) }), "steering.classifier[0].label"],
    ["a base with another tokenizer", () => ({ experts: [{ id: "bytes", weight: 1 }] }), "steering.experts[0].id"],
    ["a layer that is not there", () => ({ layers: { candidates: [2] } }), "steering.layers.candidates[0]"],
    [
      "a message that is not there",
      () => ({ contrastive: { amateur: { without: { name: "x" } } } }),
      "steering.contrastive",
    ],
    ["a scorer that is not there", () => ({ rules: { scorer: "nobody" } }), "steering.rules.scorer", "not_found"],
    ["a vector that is none", () => ({ vectors: [{ id: named.kind }] }), "steering.vectors[0].id"],
    ["a vector that is not there", () => ({ vectors: [{ id: "nobody" }] }), "steering.vectors[0].id", "not_found"],
    ["two shapes", () => ({ rules: { regex: "a", choice: ["a"] } }), "steering.rules"],
    [
      "phrases that exclude each other",
      () => ({ rules: { banned: ["ab"], required: ["abc"] } }),
      "steering.rules.banned",
    ],
    [
      "a schema that nothing satisfies",
      () => ({ rules: { json_schema: { type: "integer", minimum: 2, maximum: 1 } } }),
      "steering.rules.json_schema",
    ],
    ["a schema with no value", () => ({ rules: { json_schema: false } }), "steering.rules.json_schema"],
    ["a schema of 3,000 levels", () => ({ rules: { json_schema: deep(3000) } }), "steering.rules.json_schema"],
    [
      "an enum of 20,000",
      () => ({ rules: { json_schema: { enum: Array.from({ length: 20_000 }, (_, i) => `v${i}`) } } }),
      "steering.rules.json_schema",
    ],
    ["an expression that explodes", () => ({ rules: { regex: "(a{1,500}){1,500}" } }), "steering.rules.regex"],
    ["a grammar that is none", () => ({ rules: { grammar: "root ::= (" } }), "steering.rules.grammar"],
  ])("%s", async (_, steering, param, code = "invalid_request") => {
    const started = Date.now();
    const refusal = await api.refusal("POST", CHAT, {
      key,
      body: { ...GREEDY, messages, steering: steering(), stream: true },
    });
    expect(refusal).toMatchObject({ code, param });
    expect(refusal.status).toBeLessThan(500);
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it("a preset that is not there", async () => {
    expect(await api.refusal("POST", CHAT, { key, body: { ...GREEDY, messages, steering: "nobody" } })).toMatchObject({
      code: "not_found",
      param: "steering",
    });
  });
});
