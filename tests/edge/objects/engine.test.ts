import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import type { StoredFolder } from "../../../edge/blobs/stored-folder.ts";
import {
  decodeEvents,
  type GenerateEvent,
  type GenerateRequest,
  type ResolvedModel,
  type Sampling,
} from "../../../edge/serving/protocol.ts";
import { type CanonicalDelta, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { encodeCanonical } from "../../../shared/delta/serving-file.ts";
import { fromF32, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { linearModules, weightName } from "../../../shared/model/modules.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32 } from "../../../shared/tensor.ts";
import goldenConfig from "../../golden/llama/plain/config.json";
import golden from "../../golden/llama/plain/golden.json";
import tokenizerJson from "../../golden/tokenizer/hub/gpt2-like/tokenizer.json";
import tokenizerConfig from "../../golden/tokenizer/hub/gpt2-like/tokenizer_config.json";
import { PARTS, type Part, randomDelta } from "../runtime/tiny-model.ts";
import { goldenBase, goldenTensors } from "../support/golden-base.ts";
import { storeFolder } from "../support/stored-folder.ts";

const tokenizer = loadTokenizer(tokenizerJson, tokenizerConfig);
const [, TOKENS] = golden.inputIds.shape as [number, number];
const promptOf = (row: number) => golden.inputIds.data.slice(row * TOKENS, (row + 1) * TOKENS);
const GREEDY: Sampling = { settings: { temperature: 0 }, seed: null, maxTokens: 8, stop: [], n: 1, topLogprobs: 0 };
/** The tokens that would end a text or leave no trace in it. */
const NO_CONTROL = [0, 1, 2].map((token) => [token, -100] as const);
/** A draw that tells two models apart. */
const DRAWN: Sampling = { ...GREEDY, settings: { logitBias: NO_CONTROL }, seed: 7, maxTokens: 12 };

interface Wish {
  readonly tenant?: string;
  readonly model?: Partial<ResolvedModel>;
  readonly prompt?: GenerateRequest["prompt"];
  readonly sampling?: Partial<Sampling>;
}

let base: StoredFolder;
const engine = () => env.ENGINE.get(env.ENGINE.idFromName("golden"));

async function post({ tenant = "acme", model, prompt, sampling }: Wish, signal?: AbortSignal): Promise<Response> {
  const request: GenerateRequest = {
    requestId: "r",
    tenant,
    model: { base: { ...base, id: "golden" }, weights: null, deltas: [], ...model },
    prompt: prompt ?? { kind: "text", prompts: [promptOf(1)] },
    sampling: { ...GREEDY, ...sampling },
  };
  const body = JSON.stringify(request);
  const response = await engine().fetch("https://engine/generate", {
    method: "POST",
    body,
    ...(signal === undefined ? {} : { signal }),
  });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  return response;
}

async function events(wish: Wish): Promise<GenerateEvent[]> {
  const response = await post(wish);
  const all: GenerateEvent[] = [];
  for await (const event of decodeEvents(response.body!)) all.push(event);
  return all;
}

interface Choice {
  text: string;
  logprobs: number[];
  reason: string;
}

/** The choices that the events add up to. */
function choicesOf(all: readonly GenerateEvent[]): Choice[] {
  const choices: Choice[] = [];
  for (const event of all) {
    if (event.type === "error") throw new Error(`${event.code}: ${event.message}`);
    if (!("choice" in event)) continue;
    choices[event.choice] ??= { text: "", logprobs: [], reason: "" };
    const choice = choices[event.choice]!;
    if (event.type === "finish") choice.reason = event.reason;
    else if (event.type === "token") {
      choice.text += event.text;
      choice.logprobs.push(...(event.logprobs ?? []).map(({ logprob }) => logprob));
    }
  }
  return choices;
}

const generate = async (wish: Wish) => choicesOf(await events(wish));

interface Status {
  readonly rows: number;
  readonly waiting: number;
  readonly cachedPrompts: number;
  readonly prefilledPositions: number;
}

/** Of the model in memory. */
async function status(): Promise<Status | undefined> {
  const response = await engine().fetch("https://engine/status");
  const { models } = (await response.json()) as { models: (Status & { digest: string })[] };
  return models.find(({ digest }) => digest === base.digest);
}

/** A random delta, as its serving file and merged into the weights of a whole model. */
async function tuned(seed: number): Promise<{ delta: StoredFolder; merged: StoredFolder }> {
  const config = parseModelConfig(goldenConfig);
  const tensors = goldenTensors();
  const factors = linearModules(config).map((module) => {
    const random = createRandom(seed, module.path);
    const draw = (rows: number, columns: number) =>
      f32(
        [rows, columns],
        Float32Array.from({ length: rows * columns }, () => 0.25 * random.normal()),
      );
    return [module, draw(module.in, 3), draw(3, module.out)] as const;
  });
  for (const [module, a, b] of factors) {
    const { values } = tensors.get(weightName(module.path))!;
    for (let o = 0; o < module.out; o++) {
      for (let i = 0; i < module.in; i++) {
        for (let r = 0; r < 3; r++) values[o * module.in + i]! += a.data[i * 3 + r]! * b.data[r * module.out + o]!;
      }
    }
  }
  const file = writeSafetensors(
    new Map([...tensors].map(([name, { tensor, values }]) => [name, { ...tensor, bytes: fromF32(values, "F32") }])),
  );
  const linears = new Map(factors.map(([module, a, b]) => [module.path, { a, b }]));
  return {
    delta: await storeDelta({ ...NO_DELTA, linears }),
    merged: await storeFolder(new Map([["model.safetensors", file]])),
  };
}

const storeDelta = (delta: CanonicalDelta) => storeFolder(new Map([["serving.safetensors", encodeCanonical(delta)]]));

function expectSame(got: readonly Choice[], expected: readonly Choice[]): void {
  expect(got.map(({ text, reason }) => [text, reason])).toEqual(expected.map(({ text, reason }) => [text, reason]));
  got.forEach(({ logprobs }, choice) => {
    expect(logprobs).toHaveLength(expected[choice]!.logprobs.length);
    logprobs.forEach((logprob, i) => {
      expect(Math.abs(logprob - expected[choice]!.logprobs[i]!)).toBeLessThan(1e-4);
    });
  });
}

beforeAll(async () => {
  base = await storeFolder(goldenBase());
});

// V8 compiles the runtime's hot functions anew while these run, which takes a busy machine half a minute.
describe("Engine", { timeout: 120_000 }, () => {
  it("continues as transformers does, and says how likely each token was", async () => {
    const all = await events({ prompt: { kind: "text", prompts: [promptOf(0), promptOf(1)] } });
    const [first, second] = choicesOf(all);
    const continuation = (row: number) => golden.greedy.data.slice(row * 8, (row + 1) * 8);
    // The first row's fourth token ends the text; the third is a control token, which is not shown.
    expect(continuation(0).indexOf(tokenizer.eosId)).toBe(3);
    expect(first).toMatchObject({ text: tokenizer.decode(continuation(0).slice(0, 2)), reason: "stop" });
    expect(second).toMatchObject({ text: tokenizer.decode(continuation(1)), reason: "length" });
    const at = (2 * TOKENS - 1) * 96;
    const logits = golden.logits.data.slice(at, at + 96);
    const logsumexp = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    expect(Math.abs(second!.logprobs[0]! - (logits[continuation(1)[0]!]! - logsumexp))).toBeLessThan(1e-4);
    expect(all.at(-1)).toEqual({ type: "usage", promptTokens: 2 * TOKENS, completionTokens: 4 + 8, cachedTokens: 0 });
    expect(all.filter(({ type }) => type === "finish")).toHaveLength(2);
  });

  it("numbers n choices of each prompt, with random streams of their own", async () => {
    const prompts = [promptOf(0), promptOf(1)];
    const wish = { prompt: { kind: "text", prompts }, sampling: { ...DRAWN, n: 3 } } as const;
    const all = await events(wish);
    const choices = choicesOf(all);
    expect(choices).toHaveLength(6);
    expect(new Set(choices.map(({ text }) => text)).size).toBe(6);
    expect(all.at(-1)).toMatchObject({ type: "usage", promptTokens: 2 * TOKENS, completionTokens: 6 * 12 });
    // Choice p·n + i of a request is what prompt p's i-th choice is, whatever else the request holds.
    expectSame(await generate(wish), choices);
    const alone = await generate({ prompt: { kind: "text", prompts: [promptOf(0)] }, sampling: { ...DRAWN, n: 2 } });
    expectSame(alone, choices.slice(0, 2));
  });

  it("draws the same from the same seed, and another from another or from none", async () => {
    const draw = async (seed: number | null) => (await generate({ sampling: { ...DRAWN, seed } }))[0]!.text;
    const [a, b, other, none, noneAgain] = await Promise.all([7, 7, 8, null, null].map(draw));
    expect(a).toBe(b);
    expect(new Set([a, other, none, noneAgain]).size).toBe(4);
  });

  it("serves two tenants' deltas, a full fine-tune and the base in one batch, each as if alone", async () => {
    const [mine, theirs] = [await tuned(1), await tuned(2)];
    const wishes: Wish[] = [
      { sampling: DRAWN },
      { tenant: "acme", model: { deltas: [{ ...mine.delta, weight: 1 }] }, sampling: DRAWN },
      { tenant: "other", model: { deltas: [{ ...theirs.delta, weight: 1 }] }, sampling: DRAWN },
      { tenant: "other", model: { weights: { ...mine.merged, tenant: "other" } }, sampling: DRAWN },
      { tenant: "acme", model: { deltas: [{ ...mine.delta, weight: 0 }] }, sampling: DRAWN },
    ];
    const alone: Choice[][] = [];
    for (const wish of wishes) alone.push(await generate(wish));
    const together = await Promise.all(wishes.map(generate));
    for (const [i, choices] of together.entries()) expectSame(choices, alone[i]!);
    // A delta is what merging it gives, and one of weight 0 is nothing.
    expectSame(alone[3]!, alone[1]!);
    expectSame(alone[4]!, alone[0]!);
    expect(new Set(alone.slice(0, 3).map(([choice]) => choice!.text)).size).toBe(3);
    expect(await status()).toMatchObject({ rows: 0, waiting: 0 });
  });

  it("serves every kind of delta by name, several on one row, in one batch of two tenants, each as if alone", async () => {
    const config = parseModelConfig(goldenConfig);
    const stored = (kinds: readonly Part[], key = kinds.join()) =>
      storeDelta(randomDelta(key, kinds, { config, positions: 4 }));
    const each = await Promise.all(PARTS.map((part) => stored([part])));
    const all = await stored(PARTS);
    const extra = await stored(["factors", "bottlenecks"], "extra");
    const wishes: Wish[] = [
      ...each.map((delta): Wish => ({ model: { deltas: [{ ...delta, weight: 1 }] }, sampling: DRAWN })),
      {
        tenant: "other",
        model: {
          deltas: [
            { ...all, weight: 1 },
            { ...extra, weight: -0.5 },
          ],
        },
        sampling: DRAWN,
      },
      { sampling: DRAWN },
    ];
    const alone: Choice[][] = [];
    for (const wish of wishes) alone.push(await generate(wish));
    expect(new Set(alone.map(([choice]) => choice!.logprobs.join())).size).toBe(wishes.length);
    const together = await Promise.all(wishes.map(generate));
    for (const [i, choices] of together.entries()) expectSame(choices, alone[i]!);
    // What stands before the text is no token of it.
    const usage = (await events(wishes[PARTS.length]!)).at(-1);
    expect(usage).toMatchObject({ type: "usage", promptTokens: TOKENS, completionTokens: 12 });
  });

  it("computes a prompt once for a tenant, and says how many of its tokens were computed before", async () => {
    const prompts = [promptOf(1).toReversed(), promptOf(0).toReversed()];
    const wish = (tenant: string): Wish => ({
      tenant,
      prompt: { kind: "text", prompts },
      sampling: { ...DRAWN, n: 3 },
    });
    const prefilled = async () => (await status())?.prefilledPositions ?? 0;
    const before = await prefilled();
    const first = await events(wish("first to ask"));
    expect((await prefilled()) - before).toBe(2 * TOKENS);
    expect(first.at(-1)).toMatchObject({ promptTokens: 2 * TOKENS, completionTokens: 6 * 12, cachedTokens: 0 });
    const again = await events(wish("first to ask"));
    expect(again.at(-1)).toMatchObject({ promptTokens: 2 * TOKENS, cachedTokens: 2 * TOKENS });
    expect((await prefilled()) - before).toBe(2 * TOKENS);
    expectSame(choicesOf(again), choicesOf(first));
    // Nobody else finds them, or learns that they are there.
    expect((await events(wish("second to ask"))).at(-1)).toMatchObject({ cachedTokens: 0 });
  });

  it.each(["leaves the answer", "aborts the request"])(
    "takes the rows out when a client %s, and goes on with the others",
    async (how) => {
      const drawn = { ...DRAWN, n: 2, maxTokens: 16 };
      const expected = await generate({ sampling: drawn });
      const controller = new AbortController();
      const left = await post({ sampling: { ...drawn, n: 8, maxTokens: 54 } }, controller.signal);
      const running = generate({ sampling: drawn });
      const reading = decodeEvents(left.body!);
      for (const type of ["start", "token"]) expect((await reading.next()).value).toMatchObject({ type });
      expect((await status())!.rows).toBeGreaterThanOrEqual(8);
      if (how === "leaves the answer") await reading.return();
      else controller.abort();
      expectSame(await running, expected);
      // Had they stayed, they would have had some forty tokens to go.
      expect(await status()).toMatchObject({ rows: 0, waiting: 0 });
    },
  );

  it("stops at a stop sequence and keeps it to itself", async () => {
    const whole = (await generate({}))[0]!.text;
    const stop = whole.slice(3, 5);
    const [choice] = await generate({ sampling: { stop: [stop] } });
    expect(choice).toMatchObject({ text: whole.slice(0, whole.indexOf(stop)), reason: "stop" });
  });

  it.each<[what: string, wish: () => Wish | Promise<Wish>, error: Partial<Extract<GenerateEvent, { type: "error" }>>]>([
    [
      "a prompt that leaves no room for what was asked",
      () => ({ sampling: { maxTokens: 55 } }),
      { code: "context_length_exceeded", param: "max_tokens" },
    ],
    [
      "a prompt that fills the context",
      () => ({ prompt: { kind: "text", prompts: [new Array<number>(64).fill(5)] }, sampling: { maxTokens: null } }),
      { code: "context_length_exceeded", param: "prompt" },
    ],
    [
      "a token that the model does not have",
      () => ({ prompt: { kind: "text", prompts: [[96]] } }),
      { code: "invalid_request", param: "prompt" },
    ],
    [
      "a bias for a token that the model does not have",
      () => ({ sampling: { settings: { temperature: 0, logitBias: [[96, 1]] } } }),
      { code: "invalid_request", param: "logit_bias.96" },
    ],
    [
      "a delta whose bytes changed",
      async () => {
        const { delta } = await tuned(3);
        await env.BLOBS.put(`${delta.prefix}serving.safetensors`, "other");
        return { model: { deltas: [{ ...delta, weight: 1 }] } };
      },
      { code: "corrupt_blob", param: null },
    ],
    [
      "two deltas that both put a prefix before the text",
      async () => {
        const config = parseModelConfig(goldenConfig);
        const deltas = await Promise.all(["a", "b"].map((key) => storeDelta(randomDelta(key, ["prefix"], { config }))));
        return { model: { deltas: deltas.map((delta) => ({ ...delta, weight: 1 })) } };
      },
      {
        code: "invalid_request",
        param: "deltas",
        message: expect.stringMatching(
          /^the deltas delta-[0-9a-f]{32} and delta-[0-9a-f]{32} both put a prefix before/,
        ),
      },
    ],
    [
      "half a prompt",
      async () => {
        const delta = await storeDelta(randomDelta("a", ["prompt"], { config: parseModelConfig(goldenConfig) }));
        return { model: { deltas: [{ ...delta, weight: 0.5 }] } };
      },
      { code: "invalid_request", param: "deltas" },
    ],
    [
      "a prefix that leaves no room for what was asked",
      async () => {
        const config = parseModelConfig(goldenConfig);
        const delta = await storeDelta(randomDelta("a", ["prefix"], { config, positions: 30 }));
        return { model: { deltas: [{ ...delta, weight: 1 }] }, sampling: { maxTokens: 30 } };
      },
      {
        code: "context_length_exceeded",
        param: "max_tokens",
        message: expect.stringContaining(
          "64 tokens, of which the deltas take 30, but the prompt has 10 and 30 were asked",
        ),
      },
    ],
    [
      "a delta whose weight is out of all proportion",
      async () => ({ model: { deltas: [{ ...(await tuned(1)).delta, weight: 1e38 }] } }),
      { code: "non_finite", param: "model" },
    ],
  ])("answers %s with one error event", async (_, wish, error) => {
    const all = (await events(await wish())).filter(({ type }) => type !== "start");
    expect(all).toEqual([expect.objectContaining({ type: "error", ...error })]);
    expect((all[0] as { message: string }).message).not.toBe("");
    expect(await status()).toMatchObject({ rows: 0, waiting: 0 });
  });

  it("goes on after an error, and loads a base again whose bytes were put right", async () => {
    const folder = await storeFolder(goldenBase().set("README.md", new Uint8Array(1)));
    const path = `${folder.prefix}model.safetensors`;
    await env.BLOBS.put(path, "damaged");
    const model = { base: { ...folder, id: "golden" } };
    expect(await events({ model })).toEqual([expect.objectContaining({ type: "error", code: "corrupt_blob" })]);
    await env.BLOBS.put(path, goldenBase().get("model.safetensors")!);
    expectSame(await generate({ model }), await generate({}));
  });

  it("answers a chat through the base's template, and ends it where the template ends a turn", async () => {
    const turn = "{{ m.content }}{% if m.role == 'assistant' %}<|im_start|>{% endif %}";
    const template = new TextEncoder().encode(`{% for m in messages %}${turn}{% endfor %}`);
    const folder = await storeFolder(goldenBase().set("chat_template.jinja", template));
    const model = { base: { ...folder, id: "golden" } };
    const text = tokenizer.decode([55, 50, 92]);
    const messages = [{ role: "user", content: text }] as const;
    const [chat] = await generate({ model, prompt: { kind: "chat", messages } });
    const [plain] = await generate({ model, prompt: { kind: "text", prompts: [text] } });
    expect(chat!.text).not.toBe("");
    expectSame([chat!], [plain!]);
    // Not the end of a text, but of what the assistant says.
    const bias = [[tokenizer.control.get("<|im_start|>")!, 100]] as const;
    const sampling = { settings: { temperature: 0, logitBias: bias }, topLogprobs: null };
    expect(await events({ model, prompt: { kind: "chat", messages }, sampling })).toEqual([
      { type: "start", temperature: 0, topP: 1, maxTokens: expect.any(Number) },
      { type: "finish", choice: 0, reason: "stop" },
      { type: "usage", promptTokens: 3, completionTokens: 1, cachedTokens: 3 },
    ]);
    expect(await generate({ model, sampling })).toMatchObject([{ reason: "length" }]);
  });

  it("does not let an answer pile up that nobody reads", async () => {
    const prompts = Array.from({ length: 4 }, () => promptOf(0).slice(0, 4));
    const sampling = { ...DRAWN, n: 16, maxTokens: 60, topLogprobs: 20 };
    const response = await post({ prompt: { kind: "text", prompts }, sampling });
    await expect.poll(async () => (await status())?.rows).toBeGreaterThan(0);
    await expect.poll(status, { timeout: 60_000 }).toMatchObject({ rows: 0, waiting: 0 });
    const all: GenerateEvent[] = [];
    for await (const event of decodeEvents(response.body!)) all.push(event);
    expect(JSON.stringify(all).length).toBeLessThan(3 * 1024 * 1024);
    expect(all.at(-1)).toEqual({
      type: "error",
      code: "capacity_exceeded",
      message: expect.stringMatching(/^The answer was read too slowly: more than 2097152 bytes of it waited\./),
      param: null,
    });
    expect(all.slice(0, -1).some(({ type }) => type === "error" || type === "usage")).toBe(false);
  });
});
