/** What an Engine tells of prompts, held to transformers' logits and to what it says of the same tokens as it writes them. */
import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import type { StoredFolder } from "../../../edge/blobs/stored-folder.ts";
import {
  type AskedOfPrompts,
  decodeEvents,
  type GenerateEvent,
  type GenerateRequest,
  type ResolvedDelta,
  type Sampling,
} from "../../../edge/serving/protocol.ts";
import type { PromptScore } from "../../../shared/decode/events.ts";
import { likeliest, logSumExp } from "../../../shared/decode/logits.ts";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import { encodeCanonical } from "../../../shared/delta/serving-file.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import goldenConfig from "../../golden/llama/plain/config.json";
import golden from "../../golden/llama/plain/golden.json";
import tokenizerJson from "../../golden/tokenizer/hub/gpt2-like/tokenizer.json";
import tokenizerConfig from "../../golden/tokenizer/hub/gpt2-like/tokenizer_config.json";
import { PARTS, randomDelta } from "../runtime/tiny-model.ts";
import { goldenBase } from "../support/golden-base.ts";
import { storeFolder } from "../support/stored-folder.ts";

const config = parseModelConfig(goldenConfig);
const tokenizer = loadTokenizer(tokenizerJson, tokenizerConfig);
const [ROWS, TOKENS] = golden.inputIds.shape as [number, number];
const PROMPTS = Array.from({ length: ROWS }, (_, row) => golden.inputIds.data.slice(row * TOKENS, (row + 1) * TOKENS));
const CONTEXT = goldenConfig.max_position_embeddings;
const tokens = (length: number) => Array.from({ length }, (_, i) => 3 + ((7 * i * i + 11 * i) % 90));
const NO_CONTROL = [0, 1, 2].map((token) => [token, -100] as const);
const DRAWN: Sampling = { settings: { logitBias: NO_CONTROL }, seed: 7, maxTokens: 6, stop: [], n: 1, topLogprobs: 2 };

interface Wish {
  readonly prompts?: readonly (string | readonly number[])[];
  readonly sampling?: Partial<Sampling>;
  readonly asked?: AskedOfPrompts;
  readonly deltas?: readonly ResolvedDelta[];
  readonly readsControl?: boolean;
  readonly tenant?: string;
}

let base: StoredFolder;
let tuned: ResolvedDelta;
beforeAll(async () => {
  base = await storeFolder(goldenBase());
  const delta = randomDelta("reported", PARTS, { config });
  const bytes = encodeCanonical({ ...NO_DELTA, ...delta });
  tuned = { ...(await storeFolder(new Map([["serving.safetensors", bytes]]))), weight: 1 };
});

async function events({ prompts = PROMPTS, sampling = {}, asked, deltas = [], readsControl, tenant = "acme" }: Wish) {
  const request: GenerateRequest = {
    requestId: "r",
    tenant,
    model: { base: { ...base, id: "golden" }, weights: null, deltas },
    prompt: { kind: "text", prompts, ...(readsControl === undefined ? {} : { readsControl }) },
    sampling: { ...DRAWN, ...sampling },
    ...(asked === undefined ? {} : { ofPrompts: asked }),
  };
  const engine = env.ENGINE.get(env.ENGINE.idFromName("golden"));
  const { body } = await engine.fetch("https://engine/generate", { method: "POST", body: JSON.stringify(request) });
  const all: GenerateEvent[] = [];
  for await (const event of decodeEvents(body!)) {
    if (event.type === "error") throw Object.assign(new Error(event.message), event);
    all.push(event);
  }
  return all;
}

/** What one choice is told, in order. */
function ofChoice(all: readonly GenerateEvent[], choice: number) {
  const own = all.filter((event) =>
    "choices" in event ? event.choices.includes(choice) : "choice" in event && event.choice === choice,
  );
  const firstText = own.findIndex(({ type }) => type !== "prompt");
  expect(own.slice(firstText).every(({ type }) => type !== "prompt")).toBe(true);
  return {
    prompt: own.map((event) => (event.type === "prompt" ? event.text : "")).join(""),
    scores: own.flatMap((event): readonly PromptScore[] => (event.type === "prompt" ? (event.scores ?? []) : [])),
    text: own.map((event) => (event.type === "token" ? event.text : "")).join(""),
    logprobs: own.flatMap((event) => (event.type === "token" ? (event.logprobs ?? []) : [])),
    end: own.at(-1),
  };
}

const usageOf = (all: readonly GenerateEvent[]) => all.find((event) => event.type === "usage");
const SCORED: AskedOfPrompts = { text: true, top: 3 };
const ONLY = { maxTokens: 0 };

describe("a prompt that is told of", () => {
  it("has transformers' log-probabilities, with ranks and the likeliest tokens in each place", async () => {
    const all = await events({ asked: SCORED, sampling: ONLY });
    for (const [row, ids] of PROMPTS.entries()) {
      const { scores, prompt, end, text } = ofChoice(all, row);
      expect(scores.map(({ id }) => id)).toEqual(ids);
      expect(scores[0]).toMatchObject({ logprob: null, rank: null, top: [] });
      for (const [i, { logprob, rank, top }] of scores.slice(1).entries()) {
        const at = (row * TOKENS + i) * config.vocabSize;
        const logits = golden.logits.data.slice(at, at + config.vocabSize);
        const expected = (token: number) => logits[token]! - logSumExp(logits);
        expect(logprob).toBeCloseTo(expected(ids[i + 1]!), 4);
        expect(rank).toBe(1 + logits.filter((logit) => logit > logits[ids[i + 1]!]!).length);
        expect(top.map(({ id }) => id)).toEqual(likeliest(logits, 3));
        for (const one of top) expect(one.logprob).toBeCloseTo(expected(one.id), 4);
      }
      expect([prompt, text]).toEqual([tokenizer.decode(ids), ""]);
      expect(end).toEqual({ type: "finish", choice: row, reason: "length" });
    }
    expect(usageOf(all)).toMatchObject({ promptTokens: ROWS * TOKENS, completionTokens: 0, cachedTokens: 0 });
  });

  it("is followed by the text that follows it anyway, whatever was asked", async () => {
    const prompts = [tokens(37), tokens(9)];
    const plain = await events({ prompts, sampling: { n: 3 } });
    const told = await events({ prompts, sampling: { n: 3 }, asked: SCORED, tenant: "another" });
    for (const choice of Array.from({ length: 6 }, (_, i) => i)) {
      const [before, after] = [ofChoice(plain, choice), ofChoice(told, choice)];
      expect(after.logprobs).toEqual(before.logprobs);
      expect(after.text).toBe(before.text);
      expect(after.scores.map(({ id }) => id)).toEqual(prompts[Math.floor(choice / 3)]);
    }
    expect(usageOf(told)).toEqual(usageOf(plain));
  });

  it.each([false, true])(
    "has the numbers that its tokens had as the model wrote them, with a delta: %s",
    async (has) => {
      const deltas = has ? [tuned] : [];
      const prompt = tokens(20);
      const written = ofChoice(await events({ prompts: [prompt], deltas, sampling: { maxTokens: 30 } }), 0).logprobs;
      const ids = [...prompt, ...written.map(({ id }) => id)];
      const { scores } = ofChoice(
        await events({ prompts: [ids], deltas, asked: { text: false, top: 2 }, sampling: ONLY }),
        0,
      );
      for (const [i, { id, logprob, top }] of written.entries()) {
        const score = scores[prompt.length + i]!;
        expect(score.id).toBe(id);
        expect(score.logprob).toBeCloseTo(logprob, 4);
        expect(score.top.map((one) => one.id)).toEqual(top.map((one) => one.id));
      }
    },
  );

  it("is scored in full though all of it is in the cache, and may fill the context", async () => {
    const prompt = tokens(CONTEXT - 1);
    await events({ prompts: [prompt], sampling: { maxTokens: 1 } });
    expect(usageOf(await events({ prompts: [prompt], sampling: { maxTokens: 1 } }))).toMatchObject({
      cachedTokens: 63,
    });
    const all = await events({ prompts: [prompt], sampling: { maxTokens: 1 }, asked: SCORED });
    expect(
      ofChoice(all, 0)
        .scores.slice(1)
        .every(({ logprob }) => logprob! < 0),
    ).toBe(true);
    expect(usageOf(all)).toMatchObject({ promptTokens: 63, completionTokens: 1, cachedTokens: 0 });
    const full = await events({ prompts: [tokens(CONTEXT)], sampling: ONLY, asked: SCORED });
    expect(ofChoice(full, 0).scores).toHaveLength(CONTEXT);
    await expect(events({ prompts: [tokens(CONTEXT + 1)], sampling: ONLY, asked: SCORED })).rejects.toMatchObject({
      code: "context_length_exceeded",
      message: expect.stringMatching(/64 tokens.*has 65/),
    });
  });

  it("is repeated without scores, before the first of the text", async () => {
    const all = await events({ prompts: ["ab", [5, 6]], asked: { text: true, top: null } });
    expect(all.filter(({ type }) => type === "prompt")).toEqual([
      { type: "prompt", choices: [0], text: "ab" },
      { type: "prompt", choices: [1], text: tokenizer.decode([5, 6]) },
    ]);
    const silent = await events({ prompts: ["ab"], asked: { text: true, top: null }, sampling: ONLY });
    expect(silent.map(({ type }) => type)).toEqual(["start", "prompt", "finish", "usage"]);
  });

  it("scores the token that ends the text, so that tokens can be counted", async () => {
    const ends = { ...ONLY, maxTokens: 3, settings: { logitBias: [[2, 100]] as const, temperature: 0 } };
    const told = ofChoice(await events({ prompts: [[5, 6]], asked: SCORED, sampling: ends }), 0);
    expect(told.logprobs.map(({ id }) => id)).toEqual([2]);
    expect(told.text).toBe("");
    const plain = ofChoice(await events({ prompts: [[5, 6]], sampling: ends }), 0);
    expect(plain.logprobs).toEqual([]);
  });

  it("has the text of control tokens that are written in it", async () => {
    const prompts = ["<|im_end|>"];
    const { prompt, scores } = ofChoice(
      await events({ prompts, readsControl: true, asked: SCORED, sampling: ONLY }),
      0,
    );
    expect(prompt).toBe(prompts[0]);
    expect(scores).toMatchObject([{ id: 2, token: "<|im_end|>", bytes: [...new TextEncoder().encode("<|im_end|>")] }]);
  });

  it("ends with an error where the numbers are none", async () => {
    const bytes = encodeCanonical({ ...NO_DELTA, ...randomDelta("broken", ["factors"], { config }) });
    const broken = { ...(await storeFolder(new Map([["serving.safetensors", bytes]]))), weight: 1e38 };
    await expect(events({ prompts: [tokens(40)], deltas: [broken], asked: SCORED })).rejects.toMatchObject({
      code: "non_finite",
      param: "model",
    });
  });

  it("takes no more of the heap, however many there are", async () => {
    const heap = async () => {
      const engine = env.ENGINE.get(env.ENGINE.idFromName("golden"));
      const status = await (await engine.fetch("https://engine/status")).json<{ models: { heapBytes: number }[] }>();
      return status.models[0]!.heapBytes;
    };
    const score = (count: number) =>
      events({
        prompts: Array.from({ length: count }, (_, i) => tokens(40 + (i % 20))),
        asked: SCORED,
        sampling: ONLY,
      });
    await score(16);
    const before = await heap();
    const all = await score(120);
    expect(all.filter(({ type }) => type === "finish")).toHaveLength(120);
    expect(await heap()).toBe(before);
  });

  it("is refused where the answer would be too large, with figures", async () => {
    const prompts = Array.from({ length: 120 }, () => tokens(60));
    await expect(events({ prompts, asked: { text: false, top: 20 }, sampling: ONLY })).rejects.toMatchObject({
      code: "invalid_request",
      param: "prompt",
      message: `The prompts have 7200 tokens, with 21 log-probabilities each: 151200 in all, and one answer may have ${LIMITS.promptScores}. Send fewer prompts at a time, or ask for fewer alternatives.`,
    });
  });
});
