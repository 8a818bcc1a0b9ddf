/** Every part of the steering object, rules and vectors, in the batch of a whole model: what holds for all of them. */
import { beforeAll, describe, expect, it } from "vitest";
import type { ConditionalDelta, ResolvedModel } from "../../../edge/serving/protocol.ts";
import { yieldToEventLoop } from "../../../edge/serving/yield-to-event-loop.ts";
import { STEERING_NAMES } from "../../../shared/decode/steering/registry.ts";
import type { Condition } from "../../../shared/delta/condition.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { createRandom } from "../../../shared/random.ts";
import config from "../../golden/llama/plain/config.json";
import { randomScorer } from "../../shared/delta/random-scorer.ts";
import { type Part, randomDelta, TINY } from "../runtime/tiny-model.ts";
import { lettersBase } from "../support/letters-base.ts";
import { type Reply, SteeredModel, storedDelta, type Wish } from "../support/steered-model.ts";
import { ask, tinyLoop, tokens } from "./steered-request.ts";

const CONFIG = parseModelConfig(config);
const LENGTH = 10;
const PROMPT = [35, 78, 79, 93, 38, 4];

interface Steered {
  readonly name: string;
  readonly wish: Partial<Wish>;
  /** Positions of companions and probes, by hand, for a text of that many tokens behind `PROMPT`. */
  readonly cost: (tokens: number) => number;
}

let model: SteeredModel;
let cases: readonly Steered[];

/** A companion with a prompt of that many tokens computes it, and every token but the last. */
const rows =
  (...prompts: readonly number[]) =>
  (tokens: number) =>
    prompts.reduce((sum, prompt) => sum + prompt + tokens - 1, 0);

async function madeCases(): Promise<Steered[]> {
  const made = (name: string, parts: readonly Part[], size = 0.2) => randomDelta(name, parts, { config: CONFIG, size });
  const delta = (name: string, parts: readonly Part[], weight = 1) => storedDelta(made(name, parts), weight);
  const tone = await storedDelta({ ...made("tone", ["factors"]), scorer: randomScorer(CONFIG) });
  const names: Record<string, ResolvedModel> = {
    kind: model.model(await delta("kind", ["factors"])),
    rude: model.model(await delta("rude", ["factors", "biases"])),
    tone: model.model(tone),
  };
  const always = await delta("vector", ["biases"], 0.5);
  const conditional = (position: Condition["position"]): ConditionalDelta[] => [
    {
      at: "vectors[0]",
      delta: always,
      condition: {
        layer: 0,
        position,
        vector: Array.from({ length: CONFIG.hiddenSize }, (_, i) => (i % 3) - 1),
        threshold: -1,
        comparator: "above",
      },
    },
  ];
  const attribute = { id: "tone", label: "class 0", strength: 3 };
  const vectors = [{ id: "v" }];
  const none = () => 0;
  return [
    { name: "layers", wish: { steering: { layers: { candidates: [0, 1] } } }, cost: none },
    { name: "guidance", wish: { steering: { guidance: { negative_prompt: "abc", scale: 2 } } }, cost: rows(3) },
    { name: "guidance without a prompt", wish: { steering: { guidance: { scale: 2 } } }, cost: rows(1) },
    {
      name: "experts",
      wish: {
        steering: {
          experts: [
            { id: "kind", weight: 1 },
            { id: "rude", weight: -1 },
            { id: "base", weight: 0 },
          ],
        },
      },
      cost: rows(PROMPT.length, PROMPT.length),
    },
    { name: "contrastive", wish: { steering: { contrastive: { amateur: "rude" } } }, cost: rows(PROMPT.length) },
    {
      name: "contrastive with an expert",
      wish: { steering: { contrastive: { expert: "kind", amateur: "rude", strength: 0.5 } } },
      cost: rows(PROMPT.length, PROMPT.length),
    },
    {
      name: "classifier, looking ahead",
      wish: { steering: { classifier: [{ ...attribute, mode: "lookahead", top_k: 5 }] } },
      cost: (tokens: number) => rows(1)(tokens) + 5 * tokens,
    },
    // Lead and control tokens: [1, 2] and [1, 3, 4].
    {
      name: "classifier, by rows of classes",
      wish: { steering: { classifier: [{ ...attribute, mode: "class_rows" }] } },
      cost: rows(2, 3),
    },
    {
      name: "classifier, by values of tokens",
      wish: { steering: { classifier: [{ ...attribute, mode: "token_values", target: 0.8 }] } },
      cost: rows(1),
    },
    {
      name: "classifiers that share a row",
      wish: {
        steering: {
          classifier: [
            { ...attribute, mode: "lookahead", top_k: 5 },
            { ...attribute, label: "class 1", mode: "lookahead", strength: -1, top_k: 3 },
            { ...attribute, mode: "token_values" },
          ],
        },
      },
      cost: (tokens: number) => rows(1)(tokens) + 5 * tokens,
    },
    { name: "rules", wish: { steering: { rules: { regex: "([a-f][0-9])*", required: ["a1"] } } }, cost: none },
    { name: "vectors", wish: { steering: { vectors }, deltas: [always] }, cost: none },
    {
      name: "vectors where the last token calls for them",
      wish: { steering: { vectors }, conditional: conditional("last") },
      cost: none,
    },
    {
      name: "vectors where the mean calls for them",
      wish: { steering: { vectors }, conditional: conditional("mean") },
      cost: none,
    },
  ].map((each) => ({ ...each, wish: { names, ...each.wish } }));
}

/** Drawn at temperature 1, each case with a seed of its own. */
const wishOf = ({ wish }: Steered, seed: number, changes: Partial<Wish> = {}): Wish => ({
  prompt: PROMPT,
  maxTokens: LENGTH,
  seed,
  ...wish,
  ...changes,
});
const plain = (n: number, changes: Partial<Wish> = {}): Wish => ({
  tenant: `plain ${n % 3}`,
  prompt: [9 + n, 40, 7 * n, 3],
  maxTokens: 6 + 3 * n,
  seed: 50 + n,
  ...changes,
});

const PLAIN = 6;
/** What each request says alone: the cases, then the plain ones. */
const alone: Reply[] = [];
const wishes = (): Wish[] => [
  ...cases.map((each, i) => wishOf(each, i, { tenant: `steered ${i % 2}` })),
  ...Array.from({ length: PLAIN }, (_, n) => plain(n)),
];
const idle = () => [model.served.loop.activeRows, model.served.loop.waitingRows, model.served.loop.broken];
const turns = async (count: number) => {
  for (let n = 0; n < count; n++) await yieldToEventLoop();
};

beforeAll(async () => {
  model = await SteeredModel.load("golden", lettersBase());
  cases = await madeCases();
  for (const wish of wishes()) alone.push(await model.ask(wish));
});

describe("steered requests", { timeout: 120_000 }, () => {
  it("have a case of every part", () => {
    const parts = new Set(cases.flatMap(({ wish }) => Object.keys(wish.steering!)));
    // Perturbed texts have the same contract in perturbing-turns.test.ts.
    const others = STEERING_NAMES.filter((name) => name !== "gradient");
    expect(parts).toEqual(new Set([...others, "rules", "vectors"]));
  });

  it("each say something else than without their steering", async () => {
    for (const [i, each] of cases.entries()) {
      const { steering: _, conditional: __, deltas: ___, ...own } = wishOf(each, i);
      const { tokens, traces } = await model.ask(own);
      const steered = alone[i]!;
      const isChanged =
        tokens.join() !== steered.tokens.join() || traces.some((trace, t) => trace.after !== steered.traces[t]!.after);
      expect(isChanged, each.name).toBe(true);
    }
  });

  it("say alone what they say in a mixed batch, and so do plain ones, all at once", async () => {
    const together = await Promise.all(wishes().map((wish) => model.ask(wish)));
    expect(together.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
    expect(idle()).toEqual([0, 0, false]);
  });

  it("draw the same again from the same seed, and give every choice a text of its own", async () => {
    for (const [i, each] of cases.entries()) {
      const two = await model.ask(wishOf(each, i, { n: 2, tenant: "twice" }));
      expect(two.tokens, each.name).toEqual(alone[i]!.tokens);
      expect(new Set(two.texts).size, each.name).toBe(2);
    }
  });

  it("cost what their rows and probes compute, counted by hand", async () => {
    for (const [i, each] of cases.entries()) {
      // A tenant of its own, which has no prompts in the cache.
      const { tokens, usage } = await model.ask(wishOf(each, i, { tenant: `costs of ${each.name}` }));
      expect(usage, each.name).toMatchObject({
        promptTokens: PROMPT.length,
        completionTokens: tokens.length,
        steeringTokens: each.cost(tokens.length),
      });
    }
    const { usage } = await model.ask(plain(0));
    expect(usage!.steeringTokens).toBeUndefined();
  });

  it("leave everybody's text alone while they come and go at random, 200 times", async () => {
    const all = wishes();
    for (let seed = 0; seed < 200; seed++) {
      const random = createRandom(seed, "comings and goings");
      const running: Promise<void>[] = [];
      for (let n = 0; n < 5; n++) {
        const i = n % 2 === 0 ? random.below(cases.length) : cases.length + random.below(PLAIN);
        // Steered ones may leave at any of their tokens.
        const leaves = n % 2 === 0 && random.float() < 0.5 ? 1 + random.below(LENGTH) : Number.POSITIVE_INFINITY;
        const wish: Wish = { ...all[i]!, onToken: (count, cancel) => (count === leaves ? cancel() : undefined) };
        const whole = alone[i]!.tokens;
        const expected = whole.slice(0, Math.min(leaves, whole.length));
        running.push(
          model.ask(wish).then(({ tokens }) => {
            expect(tokens, `seed ${seed}, request ${n}`).toEqual(expected);
          }),
        );
        await turns(random.below(4));
      }
      await Promise.all(running);
    }
    expect(idle()).toEqual([0, 0, false]);
  });

  it("leave no rows and no memory behind, wherever they are cancelled", async () => {
    const before = model.served.heapBytes;
    for (const [i, each] of cases.entries()) {
      for (let step = 1; step < LENGTH; step++) {
        const onToken: Wish["onToken"] = (count, cancel) => (count === step ? cancel() : undefined);
        const { tokens } = await model.ask({ ...wishOf(each, i), onToken });
        expect(tokens, `${each.name} after ${step}`).toEqual(alone[i]!.tokens.slice(0, step));
        expect(idle()).toEqual([0, 0, false]);
      }
    }
    expect(model.served.heapBytes).toBe(before);
    expect(model.served.busy).toBe(false);
  });
});

describe("a processor that fails in mid-text", () => {
  const scorer = { about: { labels: ["a", "b"], lead: [1], temperatures: { lookahead: 1 } } };
  /** Looks ahead with the row `judge`, and from its fifth token on throws if it is `bad`. */
  const looking = (bad: boolean, seed: number) => {
    const settings = {
      greedy: false,
      classifier: [
        {
          asked: { id: "t", label: "a", mode: "lookahead", strength: 2, top_k: 4 },
          scorer: { ...randomScorer(TINY), ...scorer },
          label: 0,
          roles: ["judge"],
        },
      ],
    };
    const state = { tokens: 0 };
    if (bad) {
      Object.defineProperty(settings, "bias", {
        enumerable: true,
        get() {
          if (state.tokens >= 4) throw new TrimtabError("invalid_request", "no");
          return undefined;
        },
      });
    }
    return {
      rows: [{ prompt: tokens(9, seed) }, { role: "judge", prompt: [1], takes: { final: true } }],
      settings: settings as never,
      seed,
      tenant: `tenant ${seed}`,
      maxTokens: 9,
      onToken: (count: number) => {
        state.tokens = count;
      },
    };
  };

  it("ends its own request; a neighbour keeps its text, and pays for it what it pays alone", async () => {
    const first = await tinyLoop();
    const expected = ask(first.loop, first.weights, looking(false, 1));
    const { steeringTokens } = await expected.end;
    expect(steeringTokens).toBe(1 + 8 + 9 * 4);
    const { loop, weights } = await tinyLoop();
    const good = ask(loop, weights, looking(false, 1));
    const bad = ask(loop, weights, looking(true, 2));
    await expect(bad.end).rejects.toMatchObject({ code: "invalid_request" });
    expect(bad.tokens).toHaveLength(4);
    expect(await good.end).toMatchObject({ steeringTokens });
    expect(good.tokens).toEqual(expected.tokens);
    expect([loop.activeRows, loop.waitingRows, loop.broken]).toEqual([0, 0, false]);
  });
});
