/**
 * Requests with which evaluation harnesses score, as `tests/harness/harness.py --record` kept them, with what lm-evaluation-harness's
 * own `hf` backend finds on the same model. They run through the whole Worker, with the embedded base.
 */
import { env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import config from "../../../infra/base/model/config.json";
import generation from "../../../infra/base/model/generation_config.json";
import tokenizer from "../../../infra/base/model/tokenizer.json";
import tokenizerConfig from "../../../infra/base/model/tokenizer_config.json";
import scores from "../../golden/harness/scores.json";
import { Api } from "../support/api.ts";
import { json } from "../support/tiny-base.ts";

interface Exchange {
  readonly harness: string;
  readonly method: string;
  readonly path: string;
  readonly body: object | null;
  readonly expected: unknown;
  /** Of lm-evaluation-harness: for each prompt, its tokens, and those of them that are the context. */
  readonly lengths?: readonly number[];
  readonly ctxlens?: readonly number[];
  /** Of inspect-ai: the prompt's tokens. */
  readonly ids?: readonly number[];
}

interface Completion {
  readonly choices: readonly {
    readonly index: number;
    readonly text?: string;
    readonly message?: { readonly content: string };
    readonly logprobs?: {
      readonly token_logprobs: readonly (number | null)[];
      readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[];
    };
    readonly prompt_logprobs?: readonly (Readonly<Record<string, { readonly logprob: number }>> | null)[];
  }[];
}

const api = new Api();
let key: string;

beforeAll(async () => {
  await api.base(
    "trimtab-base",
    new Map([
      ["config.json", json(config)],
      ["generation_config.json", json(generation)],
      ["model.safetensors", new Uint8Array(env.EMBEDDED_WEIGHTS)],
      ["tokenizer.json", json(tokenizer)],
      ["tokenizer_config.json", json(tokenizerConfig)],
    ]),
  );
  key = await api.tenant("harness");
});

/** How far sums in float32 may lie apart. */
const near = (expected: number) => 1e-4 + 1e-6 * Math.abs(expected);

/** What lm-evaluation-harness reads in a reply: the sum of the continuation's log-probabilities, and whether it is the likeliest text. */
function likelihoods({ choices }: Completion, { ctxlens, lengths }: Exchange): [number, boolean][] {
  return [...choices]
    .sort((a, b) => a.index - b.index)
    .map(({ logprobs }, i) => {
      const { token_logprobs: all, top_logprobs: tops } = logprobs!;
      expect(all).toHaveLength(lengths![i]! + 1);
      expect([all[0], tops[0]]).toEqual([null, null]);
      const own = all.slice(ctxlens![i]!, -1) as number[];
      const top = tops.slice(ctxlens![i]!, -1);
      const isGreedy = own.every((logprob, at) => logprob === Math.max(...Object.values(top[at]!)));
      return [own.reduce((sum, logprob) => sum + logprob, 0), isGreedy];
    });
}

const exchanges = scores as readonly Exchange[];
const named = exchanges.map((exchange, i) => [exchange.harness, i, exchange] as const);

describe("a harness", () => {
  it("sends requests of every kind", () => {
    expect(new Set(exchanges.map(({ path }) => path))).toEqual(
      new Set(["/v1/completions", "/v1/chat/completions", "/tokenize", "/tokenizer_info"]),
    );
    const bodies = exchanges.map(({ body }) => JSON.stringify(body));
    expect(bodies.some((body) => body.includes("<|im_end|>"))).toBe(true);
    expect(bodies.some((body) => body.includes("漢字"))).toBe(true);
    expect(exchanges.flatMap(({ lengths = [] }) => lengths).includes(511)).toBe(true);
  });

  it.each(named)("gets what it expects: %s, %i", async (_, _index, exchange) => {
    const { method, path, body, expected, ids } = exchange;
    const reply = await api.call<Completion>(method, path, { key, ...(body === null ? {} : { body }) });
    if (exchange.ctxlens !== undefined) {
      const found = likelihoods(reply, exchange);
      const wanted = expected as readonly [number, boolean][];
      expect(found).toHaveLength(wanted.length);
      for (const [i, [sum, isGreedy]] of wanted.entries()) {
        expect(Math.abs(found[i]![0] - sum), `${found[i]![0]} is not ${sum}`).toBeLessThan(near(sum));
        expect(found[i]![1]).toBe(isGreedy);
      }
    } else if (ids !== undefined) {
      const maps = reply.choices[0]!.prompt_logprobs!;
      expect(maps).toHaveLength(ids.length);
      for (const [i, logprob] of (expected as readonly number[]).entries()) {
        expect(Math.abs(maps[i + 1]![ids[i + 1]!]!.logprob - logprob)).toBeLessThan(near(logprob));
      }
    } else if (reply.choices !== undefined) {
      expect(reply.choices.map(({ text, message }) => text ?? message?.content)).toEqual(expected);
    } else expect(reply).toMatchObject(expected as object);
  });
});
