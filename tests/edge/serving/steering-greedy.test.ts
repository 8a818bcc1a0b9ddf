/** The reference's texts of 40 tokens under each way of steering, through all of serving. */
import { beforeAll, describe, expect, it } from "vitest";
import type { ResolvedDelta } from "../../../edge/serving/protocol.ts";
import { type CanonicalDelta, NO_DELTA } from "../../../shared/delta/canonical.ts";
import type { Scorer, ScorerAbout } from "../../../shared/delta/scorer.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { readModel } from "../../../shared/model/weights.ts";
import { readAdapterFolder } from "../../../shared/peft/adapter-folder.ts";
import { ADAPTER_FORMATS } from "../../../shared/peft/registry.ts";
import { f32 } from "../../../shared/tensor.ts";
import golden from "../../golden/decode/steering-greedy.json";
import config from "../../golden/llama/plain/config.json";
import kindConfig from "../../golden/lora/adapter/adapter_config.json";
import kindFile from "../../golden/lora/adapter/adapter_model.safetensors?url&inline";
import rudeConfig from "../../golden/lora/regex-targets-f16/adapter_config.json";
import rudeFile from "../../golden/lora/regex-targets-f16/adapter_model.safetensors?url&inline";
import { GOLDEN_WEIGHTS } from "../support/golden-base.ts";
import { lettersBase, textOf } from "../support/letters-base.ts";
import { type Reply, SteeredModel, storedDelta, type Wish } from "../support/steered-model.ts";
import { bytesOf } from "../support/stored-folder.ts";
import { json } from "../support/tiny-base.ts";

interface Packed {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
type PackedScorer = { readonly [N in "weight" | "bias" | "a" | "t"]: Packed } & { readonly about: ScorerAbout };
interface Case {
  readonly name: string;
  readonly part: string;
  readonly asked: unknown;
  readonly scorers: Readonly<Record<string, PackedScorer>>;
  readonly rows: Readonly<Record<string, { readonly adapter: string | null; readonly prompt: readonly number[] }>>;
  readonly tokens: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}
const CASES = golden.cases as unknown as readonly Case[];
const ADAPTERS: Readonly<Record<string, readonly [object, string]>> = {
  "lora/adapter": [kindConfig, kindFile],
  "lora/regex-targets-f16": [rudeConfig, rudeFile],
};
/** The ids that the cases give the adapters. */
const IDS = { kind: "lora/adapter", rude: "lora/regex-targets-f16" } as const;

const scorerOf = ({ about, ...tensors }: PackedScorer): Scorer => {
  const read = ({ shape, data }: Packed) => f32(shape, data);
  const { weight, bias, a, t } = tensors;
  return { weight: read(weight), bias: read(bias), tokens: { a: read(a), t: read(t) }, about };
};

async function adapter(name: string): Promise<CanonicalDelta> {
  const parsed = parseModelConfig(config);
  const { weights } = await readModel(parsed, { names: ["model.safetensors"], bytes: async () => GOLDEN_WEIGHTS });
  const [about, file] = ADAPTERS[name]!;
  const files = new Map([
    ["adapter_config.json", json(about)],
    ["adapter_model.safetensors", bytesOf(file)],
  ]);
  const weight = async (tensor: string) => weights.get(tensor)!;
  return (await readAdapterFolder(files, { config: parsed, weight }, ADAPTER_FORMATS)).delta;
}

let model: SteeredModel;
const wishes = new Map<string, Wish>();

/** What a client would send for the case. */
async function wishOf({ name, part, asked, rows, scorers, tokens }: Case): Promise<Wish> {
  const own = rows[""]!;
  const delta = async (of: string | null, scorer?: Scorer): Promise<ResolvedDelta[]> => {
    if (of === null && scorer === undefined) return [];
    const parts = of === null ? NO_DELTA : await adapter(of);
    return [await storedDelta({ ...parts, ...(scorer === undefined ? {} : { scorer }) })];
  };
  const names = Object.fromEntries(
    await Promise.all([
      ...Object.entries(IDS).map(async ([id, of]) => [id, model.model(...(await delta(of)))] as const),
      ...Object.entries(scorers).map(async ([id, packed]) => {
        const of = Object.entries(rows).find(([role]) => role.startsWith("classifier"))![1].adapter;
        return [id, model.model(...(await delta(of, scorerOf(packed))))] as const;
      }),
    ]),
  );
  const other = rows["contrastive.amateur"]?.prompt ?? [];
  const context = own.prompt.slice(0, own.prompt.length - other.length);
  const text = rows.guidance && textOf(rows.guidance.prompt);
  const prompt =
    name === "context-aware"
      ? ([
          { role: "system", content: textOf(context) },
          { role: "user", content: textOf(other) },
        ] as const)
      : own.prompt;
  return {
    prompt,
    maxTokens: tokens.length,
    deltas: await delta(own.adapter),
    names,
    steering: { [part]: text === undefined ? asked : { ...(asked as object), negative_prompt: text } },
  };
}

function expectReference({ tokens, before, after }: Case, reply: Reply): void {
  expect(reply.tokens).toEqual(tokens);
  const furthest = (got: readonly number[], wanted: readonly number[]) =>
    Math.max(...got.map((value, i) => Math.abs(value - wanted[i]!)));
  expect(
    furthest(
      reply.traces.map((trace) => trace.before),
      before,
    ),
  ).toBeLessThan(2e-6);
  expect(
    furthest(
      reply.traces.map((trace) => trace.after),
      after,
    ),
  ).toBeLessThan(2e-6);
  expect(reply.traces.map(({ id }) => id)).toEqual(tokens);
}

beforeAll(async () => {
  model = await SteeredModel.load("golden", lettersBase());
  for (const each of CASES) wishes.set(each.name, await wishOf(each));
});

/** Each a tenant of its own, so that none finds another's prompt in the cache. */
const as = (tenant: string, name: string): Wish => ({ ...wishes.get(name)!, tenant: `${tenant} ${name}` });

describe("40 tokens of greedy decoding", { timeout: 120_000 }, () => {
  it.each(CASES)("are the reference's, with its probabilities: $name", async (each) => {
    expectReference(each, await model.ask(as("alone", each.name)));
    // From the prompts that the first request left in the cache.
    expectReference(each, await model.ask(as("alone", each.name)));
  });

  it("are the reference's for all ways of steering in one batch", async () => {
    let most = 0;
    const count = () => {
      most = Math.max(most, model.served.loop.activeRows);
    };
    const replies = await Promise.all(CASES.map(({ name }) => model.ask({ ...as("all", name), onToken: count })));
    for (const [i, reply] of replies.entries()) expectReference(CASES[i]!, reply);
    expect(most).toBeGreaterThan(13);
  });

  it("are the reference's beside texts that nothing steers, which do not notice", async () => {
    const plain = [3, 4, 5, 6].map(
      (seed): Wish => ({ tenant: `plain ${seed}`, prompt: [seed, 40, 7], maxTokens: 50, seed }),
    );
    const alone: Reply[] = [];
    for (const wish of plain) alone.push(await model.ask(wish));
    for (const half of [CASES.slice(0, 4), CASES.slice(4)]) {
      const [steered, beside] = await Promise.all([
        Promise.all(half.map(({ name }) => model.ask(as("mixed", name)))),
        Promise.all(plain.map((wish) => model.ask(wish))),
      ]);
      for (const [i, reply] of steered.entries()) expectReference(half[i]!, reply);
      expect(beside.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
    }
  });
});
