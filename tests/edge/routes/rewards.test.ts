/** Rewards over the whole Worker, on a tiny base in a real Engine. */
import { beforeAll, describe, expect, it } from "vitest";
import { Rewards } from "../../../shared/api/rewards.ts";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { encodeScorer } from "../../../shared/delta/scorer-file.ts";
import { fromF32, toF32 } from "../../../shared/formats/safetensors.ts";
import { tarEnd, tarEntry } from "../../../shared/formats/tar.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32, zeros } from "../../../shared/tensor.ts";
import { randomScorer } from "../../shared/delta/random-scorer.ts";
import { Api } from "../support/api.ts";
import { json, TINY_CONFIG, tinyBase, tinyWeights } from "../support/tiny-base.ts";

const config = parseModelConfig(TINY_CONFIG);
const BASE = "reward-base";
const OTHER = "reward-other";
const api = new Api();
let key: string;
const models: Record<"first" | "second" | "other" | "classifier", string> = {} as never;

async function upload(base: string, scorer: Scorer): Promise<string> {
  const bytes = encodeScorer(scorer);
  const { header, padding } = tarEntry("scorer.safetensors", bytes.length);
  const archive = new Uint8Array([header, bytes, padding, tarEnd()].flatMap((part) => [...part]));
  const body = new FormData();
  body.append("model", base);
  body.append("file", new File([archive], "reward.tar"));
  const { models } = await api.call<{ models: string[] }>("POST", "/v1/deltas", { key, body });
  return models[0]!;
}

function reward(name: string, { temperature = 1, lead = [] as number[], threshold = 1e6 } = {}): Scorer {
  const random = createRandom(3, name);
  const draw = (shape: [number, ...number[]]) =>
    f32(
      shape,
      Float32Array.from({ length: shape.reduce((all, size) => all * size, 1) }, () => random.normal()),
    );
  const { hiddenSize: width } = config;
  return {
    weight: draw([width, 1]),
    bias: draw([1]),
    seen: { mean: zeros([width]), directions: f32([width, 1], [1, ...new Array(width - 1).fill(0)]) },
    about: {
      labels: ["reward"],
      lead,
      ends: true,
      temperatures: { lookahead: temperature },
      seen: { variances: [1], rest: 1, threshold },
    },
  };
}

/** Weights large enough that texts differ. */
const strongWeights = () =>
  tinyWeights((tensors) => {
    for (const [name, tensor] of tensors) {
      tensors.set(name, { ...tensor, bytes: fromF32(new Float32Array(toF32(tensor).map((x) => 8 * x)), "F16") });
    }
  });

beforeAll(async () => {
  await api.base(BASE, tinyBase({ "model.safetensors": strongWeights() }));
  const settings = { eos_token: "<|im_end|>", pad_token: "<|endoftext|>" };
  await api.base(OTHER, tinyBase({ "tokenizer_config.json": json(settings), "model.safetensors": strongWeights() }));
  key = await api.tenant("rewarder");
  models.first = await upload(BASE, reward("first", { temperature: 2 }));
  models.second = await upload(BASE, reward("second", { threshold: 1e-6 }));
  models.other = await upload(OTHER, reward("other"));
  models.classifier = await upload(BASE, randomScorer(config));
});

const INPUT = [{ text: "hello there" }, { text: " there", prompt: "hello" }, { text: "ahoy" }];
const ask = async (body: object) =>
  Rewards.parse(await api.call("POST", "/v1/rewards", { key, body: { model: models.first, input: INPUT, ...body } }));
const refusal = async (body: object) =>
  api.refusal("POST", "/v1/rewards", { key, body: { model: models.first, input: INPUT, ...body } });
const near = (a: number, b: number) => expect(Math.abs(a - b)).toBeLessThan(1e-5 * Math.max(1, Math.abs(b)));

describe("POST /v1/rewards", { timeout: 120_000 }, () => {
  it("scores each text at its end, in order, and divides by the temperature", async () => {
    const { object, model, data, usage } = await ask({});
    expect([object, model, data.map(({ index }) => index)]).toEqual(["list", models.first, [0, 1, 2]]);
    // Bytes are tokens here, so a text is the same wherever its prompt ends.
    near(data[1]!.reward, data[0]!.reward);
    expect(Math.abs(data[2]!.reward - data[0]!.reward)).toBeGreaterThan(1e-3);
    for (const { reward, calibrated, out_of_distribution, members } of data) {
      near(calibrated, reward / 2);
      expect([out_of_distribution, members]).toEqual([false, undefined]);
    }
    // Every text with the token that ends it.
    expect(usage.prompt_tokens).toBe(12 + 12 + 5);
  });

  it("scores a conversation as its template writes it, up to the token that ends the reply", async () => {
    const messages = [
      { role: "system", content: "Be kind." },
      { role: "user", content: "Hi" },
      { role: "assistant", content: "hello there" },
    ];
    const written = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    const { data, usage } = await ask({ input: [{ messages }, ...INPUT] });
    // A control token is one position.
    const control = written.split(/<\|im_\w+\|>/).length - 1;
    const plain = written.replaceAll(/<\|im_\w+\|>/g, "").length;
    expect(usage.prompt_tokens).toBe(plain + control + 12 + (12 + 12 + 5));
    near(data[1]!.reward, data[2]!.reward);
    expect(Math.abs(data[0]!.reward - data[1]!.reward)).toBeGreaterThan(1e-3);
    const other = await ask({ input: [{ messages: [...messages.slice(0, 2), { role: "assistant", content: "no" }] }] });
    expect(Math.abs(other.data[0]!.reward - data[0]!.reward)).toBeGreaterThan(1e-3);
  });

  it("lets several models judge together, in one batch", async () => {
    const alone = await Promise.all([models.first, models.second].map((model) => ask({ model })));
    const names = [models.first, models.second];
    const expected = INPUT.map((_, i) => alone.map(({ data }) => data[i]!.reward));
    const mean = ([a, b]: number[]) => (a! + b!) / 2;
    const variance = ([a, b]: number[]) => ((a! - b!) / 2) ** 2;
    for (const [aggregate, of] of [
      [undefined, mean],
      [{ type: "mean" }, mean],
      [{ type: "worst" }, (all: number[]) => Math.min(...all)],
      [{ type: "mean_minus_variance", lambda: 0.5 }, (all: number[]) => mean(all) - 0.5 * variance(all)],
    ] as const) {
      const { data, model } = await ask({ model: names, ...(aggregate === undefined ? {} : { aggregate }) });
      expect(model).toEqual(names);
      for (const [i, entry] of data.entries()) {
        near(entry.reward, of(expected[i]!));
        near(entry.variance!, variance(expected[i]!));
        expect(entry.members!.map((member) => member.model)).toEqual(names);
        for (const [k, member] of entry.members!.entries()) near(member.reward, expected[i]![k]!);
        // One of the two has never seen the like.
        expect(entry.members!.map((member) => member.out_of_distribution)).toEqual([false, true]);
        expect(entry.out_of_distribution).toBe(true);
      }
    }
    const [first] = expected;
    const strict = await ask({ model: [models.first], input: INPUT.slice(0, 1), max_variance: 0 });
    expect(strict.data[0]).toMatchObject({ variance: 0, out_of_distribution: false });
    near(strict.data[0]!.reward, first![0]!);
  });

  it("charges the positions that were read", async () => {
    const own = await api.tenant("charged");
    const before = await api.call<{ days: Record<string, number>[] }>("GET", "/v1/usage", { key: own });
    expect(before.days).toEqual([]);
    const was = await api.call<{ days: Record<string, number>[] }>("GET", "/v1/usage", { key });
    const { usage } = await ask({});
    const now = await api.call<{ days: Record<string, number>[] }>("GET", "/v1/usage", { key });
    expect(now.days[0]!.prompt_tokens! - was.days[0]!.prompt_tokens!).toBe(usage.prompt_tokens);
  });

  it.each([
    ["no reward model", () => ({ model: BASE }), "invalid_request", "model", "no scoring head"],
    [
      "a classifier",
      () => ({ model: [models.first, models.classifier] }),
      "invalid_request",
      "model[1]",
      "classifier of 2 classes",
    ],
    ["another base", () => ({ model: [models.first, models.other] }), "invalid_request", "model[1]", "share a base"],
    ["no such model", () => ({ model: [models.first, "ft:none"] }), "model_not_found", "model[1]", "ft:none"],
    ["a model twice", () => ({ model: [models.first, models.first] }), "invalid_request", "model", "twice"],
    ["an aggregate of one", () => ({ aggregate: { type: "mean" } }), "invalid_request", "aggregate", "list of models"],
    [
      "no such aggregate",
      () => ({ model: [models.first], aggregate: { type: "best" } }),
      "unsupported_parameter",
      "aggregate.type",
      "",
    ],
    ["nothing", () => ({ input: [] }), "invalid_request", "input", ""],
    ["an empty text", () => ({ input: [{ text: " " }] }), "invalid_request", "input[0].text", "empty"],
    ["neither form", () => ({ input: [{}] }), "invalid_request", "input[0]", "either messages or text"],
    [
      "both forms",
      () => ({
        input: [
          {
            text: "a",
            messages: [
              { role: "user", content: "a" },
              { role: "assistant", content: "b" },
            ],
          },
        ],
      }),
      "invalid_request",
      "input[0]",
      "either messages or text",
    ],
    [
      "a question alone",
      () => ({
        input: [
          { text: "a" },
          {
            messages: [
              { role: "assistant", content: "a" },
              { role: "user", content: "b" },
            ],
          },
        ],
      }),
      "invalid_request",
      "input[1].messages[1].role",
      "assistant",
    ],
    [
      "an empty reply",
      () => ({
        input: [
          {
            messages: [
              { role: "user", content: "a" },
              { role: "assistant", content: "" },
            ],
          },
        ],
      }),
      "invalid_request",
      "input[0].messages[1].content",
      "empty",
    ],
    [
      "a text beyond the context",
      () => ({ input: [{ text: "ok" }, { text: "x".repeat(128) }] }),
      "context_length_exceeded",
      "input[1]",
      "129 positions",
    ],
    [
      "a text far beyond it",
      () => ({ input: [{ text: "x".repeat(5000) }] }),
      "context_length_exceeded",
      "input[0]",
      "5",
    ],
    ["an unknown field", () => ({ temperature: 1 }), "invalid_request", "temperature", ""],
  ] as const)("refuses %s", async (_, body, code, param, message) => {
    const refused = await refusal(body());
    expect(refused).toMatchObject({ code, param });
    expect(refused.message).toContain(message);
  });
});
