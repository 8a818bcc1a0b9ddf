/** Judging finished texts through an Engine, held to what generating them with the same models says. */
import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import type { StoredFolder } from "../../../edge/blobs/stored-folder.ts";
import type { JudgeEvent, JudgeRequest } from "../../../edge/serving/judge-protocol.ts";
import {
  decodeEvents,
  type GenerateEvent,
  type GeneratePrompt,
  type GenerateRequest,
  type ResolvedModel,
} from "../../../edge/serving/protocol.ts";
import { type CanonicalDelta, NO_DELTA } from "../../../shared/delta/canonical.ts";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { encodeCanonical } from "../../../shared/delta/serving-file.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import goldenConfig from "../../golden/llama/plain/config.json";
import { randomScorer } from "../../shared/delta/random-scorer.ts";
import { randomDelta } from "../runtime/tiny-model.ts";
import { goldenBase } from "../support/golden-base.ts";
import { storeFolder } from "../support/stored-folder.ts";
import { json, tinyBase } from "../support/tiny-base.ts";

const config = parseModelConfig(goldenConfig);
const PROMPT = [11, 23, 5, 40, 17, 9, 33];
const LEAD = [2, 7];
const text = (length: number, from = 3) => Array.from({ length }, (_, i) => 4 + ((from + 13 * i) % 90));

let base: StoredFolder;
beforeAll(async () => {
  base = await storeFolder(goldenBase());
});

/** As the tiny base's tokenizer has them. */
const bytes = (of: string) => [...new TextEncoder().encode(of)].map((byte) => byte + 3);

const modelOf = (deltas: ResolvedModel["deltas"] = []): ResolvedModel => ({
  base: { ...base, id: "golden" },
  weights: null,
  deltas,
});

async function stored(delta: Partial<CanonicalDelta>): Promise<ResolvedModel> {
  const folder = await storeFolder(new Map([["serving.safetensors", encodeCanonical({ ...NO_DELTA, ...delta })]]));
  return modelOf([{ ...folder, weight: 1 }]);
}

const tuned = (key: string) => stored(randomDelta(key, ["factors", "scales"], { config }));

async function posted<E extends GenerateEvent | JudgeEvent>(path: string, request: object, signal?: AbortSignal) {
  const engine = env.ENGINE.get(env.ENGINE.idFromName("golden"));
  const init = { method: "POST", body: JSON.stringify(request), ...(signal === undefined ? {} : { signal }) };
  const { body } = await engine.fetch(`https://engine/${path}`, init);
  const events: E[] = [];
  for await (const event of decodeEvents<E>(body!)) {
    if (event.type === "error") throw Object.assign(new Error(event.message), event);
    events.push(event);
  }
  return events;
}

type Wish = Partial<JudgeRequest> & {
  readonly texts?: readonly (readonly number[])[];
  readonly prompt?: GeneratePrompt;
};

async function judged({ texts = [], prompt = { kind: "text", prompts: [PROMPT] }, ...wish }: Wish) {
  const request: JudgeRequest = {
    requestId: "r",
    tenant: "acme",
    base: { ...base, id: "golden" },
    prompts: [{ prompt, texts }],
    ...wish,
  };
  const events = await posted<JudgeEvent>("judge", request);
  expect(events[0]).toMatchObject({ type: "start" });
  expect(events.at(-1)).toEqual({ type: "end" });
  const found = events.flatMap((event) => (event.type === "judged" ? [event] : []));
  return { start: events[0]!, found: found.sort((a, b) => a.index - b.index) };
}

const refusal = (wish: Wish) =>
  judged(wish).then(
    () => expect.fail("was not refused"),
    (error: unknown) => error,
  );

/** The log-probabilities of a text under a model, by generating it: every token but its own is ruled out. */
async function generated(model: ResolvedModel, wanted: readonly number[]): Promise<number[]> {
  const logprobs: number[] = [];
  for (const [i, token] of wanted.entries()) {
    const request: GenerateRequest = {
      requestId: "r",
      tenant: "acme",
      model,
      prompt: { kind: "text", prompts: [[...PROMPT, ...wanted.slice(0, i)]] },
      sampling: {
        settings: { temperature: 0, logitBias: [[token, 100]] },
        seed: null,
        maxTokens: 1,
        stop: [],
        n: 1,
        topLogprobs: 0,
      },
    };
    for (const event of await posted<GenerateEvent>("generate", request)) {
      if (event.type === "token") logprobs.push(...(event.logprobs ?? []).map(({ logprob }) => logprob));
    }
  }
  return logprobs;
}

const calibratedScorer = (lead: readonly number[] = LEAD): Scorer => {
  const scorer = randomScorer(config);
  return {
    ...scorer,
    about: { ...scorer.about, lead: [...lead], temperatures: { ...scorer.about.temperatures, lookahead: 1.7 } },
  };
};

describe("the judge of an Engine", { timeout: 120_000 }, () => {
  it("gives each token's log-probability after its prompt, under the base and under a tuned model", async () => {
    for (const model of [modelOf(), await tuned("a")]) {
      // Shorter than a chunk, and longer.
      for (const length of [1, 5, 40]) {
        const wanted = text(length);
        const { start, found } = await judged({ texts: [wanted], likelihood: model });
        expect(start).toEqual({ type: "start", labels: null, hasChat: true });
        expect(found).toHaveLength(1);
        const { logprobs, scores, positions } = found[0]!;
        expect([scores, positions]).toEqual([null, PROMPT.length + length - 1]);
        const expected = await generated(model, length > 5 ? wanted.slice(0, 5) : wanted);
        expect(logprobs).toHaveLength(length);
        for (const [i, logprob] of expected.entries()) expect(Math.abs(logprobs![i]! - logprob)).toBeLessThan(1e-5);
      }
    }
  });

  it("gives the same numbers to the last bit for a text alone, beside others and after them", async () => {
    const likelihood = await tuned("a");
    const scorer = { model: await stored({ scorer: calibratedScorer() }), param: "effect" };
    const texts = [text(30), text(30), text(12, 50), [], text(1), ...Array.from({ length: 20 }, (_, i) => text(9, i))];
    const { found } = await judged({ texts, likelihood, scorer });
    expect(found.map(({ index }) => index)).toEqual(texts.map((_, index) => index));
    expect(found.map(({ logprobs }) => logprobs!.length)).toEqual(texts.map(({ length }) => length));
    expect(found[1]).toEqual({ ...found[0], index: 1 });
    for (const at of [0, 2, 3, 7]) {
      const { found: alone } = await judged({ texts: [texts[at]!], likelihood, scorer });
      expect(alone).toEqual([{ ...found[at], index: 0 }]);
    }
  });

  it("gives calibrated probabilities of whole texts, as guidance reads them while it writes", async () => {
    const scorer = calibratedScorer();
    const model = await stored({ ...randomDelta("b", ["factors"], { config }), scorer });
    const { labels } = scorer.about;
    const request: GenerateRequest = {
      requestId: "r",
      tenant: "acme",
      model: modelOf(),
      prompt: { kind: "text", prompts: [PROMPT] },
      sampling: { settings: {}, seed: 3, maxTokens: 7, stop: [], n: 1, topLogprobs: 0, ignoresEnd: true },
      steering: {
        parts: {
          classifier: labels.map((label) => ({ id: "judge", label, strength: 1e-9, mode: "lookahead", top_k: 2 })),
        } as never,
        models: Object.fromEntries(labels.map((_, i) => [`classifier[${i}].id`, model])),
        conditional: [],
      },
      traced: 1,
    };
    const ids: number[] = [];
    const before: number[][] = [];
    for (const event of await posted<GenerateEvent>("generate", request)) {
      if (event.type !== "token") continue;
      ids.push(...(event.logprobs ?? []).map(({ id }) => id));
      const notes = event.trace?.parts.classifier as
        | { classifier: { probability: number }[] }
        | { probability: number }[];
      const list = Array.isArray(notes) ? notes : notes.classifier;
      before.push(list.map(({ probability }) => probability));
    }
    expect(ids).toHaveLength(7);
    const { start, found } = await judged({
      texts: ids.map((_, i) => ids.slice(0, i)),
      scorer: { model, param: "effect" },
    });
    expect(start).toMatchObject({ labels });
    found.forEach(({ scores, logprobs, positions }, i) => {
      expect([logprobs, positions]).toEqual([null, LEAD.length + i]);
      expect(scores!.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 12);
      for (const [c, score] of scores!.entries()) expect(Math.abs(score - before[i]![c]!)).toBeLessThan(1e-5);
    });
    expect(new Set(found.map(({ scores }) => scores![0]!.toFixed(6))).size).toBe(7);
  });

  it("reads the prompt too for a scorer without a lead, and gives a reward model's value", async () => {
    const scorer = calibratedScorer([]);
    const model = await stored({ scorer });
    const { found } = await judged({ texts: [text(4)], scorer: { model, param: "effect" } });
    const withPrompt = await stored({ scorer: calibratedScorer(PROMPT) });
    const { found: same } = await judged({ texts: [text(4)], scorer: { model: withPrompt, param: "effect" } });
    expect(found).toEqual(same);

    // Against a class whose score is always 0, the first has the probability sigmoid(value).
    const { weight, bias, about } = scorer;
    const [width] = weight.shape as [number, number];
    const column = Float32Array.from({ length: width }, (_, d) => weight.data[2 * d]!);
    const pair: Scorer = {
      weight: {
        ...weight,
        data: Float32Array.from({ length: 2 * width }, (_, i) => (i % 2 === 0 ? column[i / 2]! : 0)),
      },
      bias: { ...bias, data: Float32Array.of(bias.data[0]!, 0) },
      about: { labels: about.labels, lead: [], prior: about.prior!, temperatures: { lookahead: 1 } },
    };
    const reward: Scorer = {
      weight: { ...weight, shape: [width, 1], data: column },
      bias: { ...bias, shape: [1], data: bias.data.slice(0, 1) },
      about: { labels: ["reward"], lead: [], temperatures: { lookahead: 1 } },
    };
    const texts = [text(4), text(9)];
    const scored = async (by: Scorer) =>
      judged({ texts, scorer: { model: await stored({ scorer: by }), param: "effect" } });
    const [{ found: probabilities }, { start, found: values }] = [await scored(pair), await scored(reward)];
    expect(start).toMatchObject({ labels: ["reward"] });
    for (const [i, { scores }] of values.entries()) {
      expect(scores).toHaveLength(1);
      const [p] = probabilities[i]!.scores!;
      expect(scores![0]).toBeCloseTo(Math.log(p! / (1 - p!)), 4);
    }
  });

  it("reads conversations with the base's own template", async () => {
    const tiny = { ...(await storeFolder(tinyBase())), id: "tiny" };
    const prompt: GeneratePrompt = { kind: "chat", messages: [{ role: "user", content: "hi" }] };
    const likelihood: ResolvedModel = { base: tiny, weights: null, deltas: [] };
    const { found } = await judged({ texts: [[100, 101, 102]], base: tiny, prompt, likelihood });
    const written = new TextEncoder().encode("user\nhi\nassistant\n").length + 3;
    expect(found).toMatchObject([{ positions: written + 2, scores: null }]);
    const same = [1, ...bytes("user\nhi"), 2, ...bytes("\n"), 1, ...bytes("assistant\n")];
    const asTokens: GeneratePrompt = { kind: "text", prompts: [same] };
    expect(await judged({ texts: [[100, 101, 102]], base: tiny, prompt: asTokens, likelihood })).toMatchObject({
      found,
    });
  });

  it("says what it offers where there is nothing to judge, and of a base without a template", async () => {
    const plain = new Map([...goldenBase()].filter(([name]) => name !== "chat_template.jinja"));
    const settings = JSON.parse(new TextDecoder().decode(plain.get("tokenizer_config.json"))) as Record<
      string,
      unknown
    >;
    const { chat_template: _, ...rest } = settings;
    plain.set("tokenizer_config.json", json(rest));
    const other = { ...(await storeFolder(plain)), id: "plain" };
    const events = await posted<JudgeEvent>("judge", { requestId: "r", tenant: "acme", base: other, prompts: [] });
    expect(events).toEqual([{ type: "start", labels: null, hasChat: false }, { type: "end" }]);
  });

  it("refuses what cannot judge, and what cannot be judged", async () => {
    const scorer = { model: modelOf(), param: "effect.classifier.id" };
    expect(await refusal({ scorer })).toMatchObject({
      code: "invalid_request",
      param: "effect.classifier.id",
      message: expect.stringContaining("is no classifier"),
    });
    const { about, ...tensors } = calibratedScorer();
    const { lookahead: _, ...temperatures } = about.temperatures;
    const untrained = await stored({ scorer: { ...tensors, about: { ...about, temperatures } } });
    expect(await refusal({ scorer: { model: untrained, param: "effect" } })).toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("not trained to judge whole texts"),
    });
    expect(await refusal({ texts: [[96]], likelihood: modelOf() })).toMatchObject({
      message: "the token 96 of a text is outside the vocabulary of 96",
    });
    // 64 positions: the last token of a text is not read.
    expect((await judged({ texts: [text(58)], likelihood: modelOf() })).found[0]!.positions).toBe(64);
    expect(await refusal({ texts: [text(59)], likelihood: modelOf() })).toMatchObject({
      code: "context_length_exceeded",
      message: expect.stringContaining("takes 65 positions"),
    });
  });
});
