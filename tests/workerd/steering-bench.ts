/**
 * The part of `npm run bench -- steering` that runs inside workerd: `POST /` with a `SteeringRound` does it. Requests go through
 * the plan of their steering and the batch, as served; only storage is left out. What is loaded stays for the next request.
 */
import { Decoder } from "../../edge/runtime/decoder.ts";
import { DeltaArena } from "../../edge/runtime/delta-arena.ts";
import { KvSlab } from "../../edge/runtime/kv-slab.ts";
import { loadOrtModule } from "../../edge/runtime/ort-module.ts";
import { RowVectors } from "../../edge/runtime/row-vectors.ts";
import type { RowDeltas } from "../../edge/runtime/serving-delta.ts";
import { WeightSet } from "../../edge/runtime/weight-set.ts";
import { BatchLoop } from "../../edge/serving/batch-loop.ts";
import { choicesOf } from "../../edge/serving/choices.ts";
import { conditionOf } from "../../edge/serving/conditional-deltas.ts";
import type { BatchRequest, RequestEnd } from "../../edge/serving/generation.ts";
import type { GenerateRequest, ResolvedModel } from "../../edge/serving/protocol.ts";
import type { ServedModel } from "../../edge/serving/served-model.ts";
import { planSteering, type SteeringPlan } from "../../edge/serving/steering-plan.ts";
import { yieldToEventLoop } from "../../edge/serving/yield-to-event-loop.ts";
import baseConfig from "../../infra/base/model/config.json";
import { partNamed, STEERING_NAMES, type SteeringParts } from "../../shared/decode/steering/registry.ts";
import { parseSafetensors } from "../../shared/formats/safetensors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { loadTokenizer } from "../../shared/model/tokenizer.ts";
import { loadWeights } from "../../shared/model/weights.ts";
import { compileRule } from "../../shared/rules/compile.ts";
import type { CompiledRule } from "../../shared/rules/rule.ts";
import { vocabularyOf } from "../../shared/rules/vocabulary.ts";
import { type CaseName, caseNamed, type ModelName } from "../bench/steering/cases.ts";
import { anyPrompt, deltasOf, scorerOf } from "../bench/steering/models.ts";
import type { Counts, LoadRound, SteeringRound } from "../bench/steering/round.ts";
import type { CeilingRound } from "../bench/workerd-ceiling.ts";
import { ceilings } from "./ceilings.ts";

const HEAP_BYTES = 1024 * 1024 * 1024;
const ARENA_FLOATS = 24_000_000;
/** Rows of 8 texts with 4 experts each. */
const SLOTS = 40;
const CHUNK = 32;

async function load({ weights: file, tokenizer: json, tokenizerConfig }: LoadRound) {
  const config = parseModelConfig(baseConfig);
  const bytes = Uint8Array.from(atob(file), (character) => character.charCodeAt(0));
  const weights = loadWeights(config, parseSafetensors(bytes).tensors);
  const tokenizer = loadTokenizer(json, tokenizerConfig, { modelConfig: baseConfig });
  const ort = await loadOrtModule({ heapLimitBytes: HEAP_BYTES });
  const slab = new KvSlab(ort, config, { slots: SLOTS, capacity: config.maxPositions });
  const arena = new DeltaArena(ort, config, { slots: SLOTS, floats: ARENA_FLOATS });
  const decoder = new Decoder(
    ort,
    config,
    { slab, arena, vectors: new RowVectors(ort, config, SLOTS) },
    { chunk: CHUNK },
  );
  const loop = new BatchLoop({ decoder, slab, arena, chunk: CHUNK, keepPrompts: true, yieldToEventLoop });
  const endTokens = new Set([tokenizer.eosId, tokenizer.padId]);
  const model = {
    config,
    tokenizer,
    loop,
    capacity: config.maxPositions,
    defaults: { sampling: {}, endTokens: [] },
    endTokens,
    template: () => {
      throw new Error("completions only");
    },
  } as unknown as ServedModel;
  const sets = { base: new WeightSet(ort, weights), tuned: new WeightSet(ort, weights) };
  const vocabulary = vocabularyOf(tokenizer, endTokens, config.vocabSize);
  const deltas = new Map<ModelName, RowDeltas>();
  return { config, model, loop, decoder, sets, deltas, vocabulary, products: ceilings(ort) };
}

type Loaded = Awaited<ReturnType<typeof load>>;
let loaded: Loaded | undefined;
let rules: CompiledRule[] = [];
let lengths: number[] = [];
let requests = 0;

interface Wish {
  readonly name: CaseName;
  readonly prompt: number;
  readonly tokens: number;
  readonly choices?: number;
  readonly rule?: CompiledRule;
  /** Whether tokens that end a text end it. */
  readonly ends?: boolean;
}

interface Done extends RequestEnd {
  readonly tokens: number;
}

const resolved = (name: ModelName): ResolvedModel => ({
  base: { id: "base", digest: "base", prefix: "", files: [] },
  weights: name === "tuned" ? { digest: name, prefix: "", files: [], tenant: "bench" } : null,
  deltas: name === "base" || name === "tuned" ? [] : [{ digest: name, prefix: "", files: [], weight: 1 }],
});

async function ask(all: Loaded, wish: Wish): Promise<Done> {
  const { model, loop } = all;
  const number = requests++;
  const { request, plan } = planned(all, wish, number);
  const { models = {}, conditional = false } = caseNamed(wish.name);
  const vector = resolved("vector").deltas[0]!;
  const condition = conditional
    ? conditionOf([{ at: "vectors[0]", delta: vector, condition: anyPrompt(all.config) }], () => known(all, "vector"))
    : undefined;
  // The first token tells the prompt from all others.
  const prompt = Array.from({ length: wish.prompt }, (_, i) => 300 + ((number + 7 * i * i) % 1700));
  const generations = choicesOf(model, request, {
    prompts: [prompt],
    plan,
    rule: wish.rule ?? null,
    modelOf(row) {
      const name = row === "base" ? row : (models[row === "own" ? row : row.at] ?? "base");
      const weights = name === "tuned" ? all.sets.tuned : all.sets.base;
      return { served: model, weights, deltas: known(all, name), stateKey: name };
    },
    ...(condition === undefined ? {} : { condition }),
    randomSeed: () => number,
  });
  const end = await new Promise<RequestEnd>((settle) => {
    loop.submit({ tenant: "bench", generations, emit: () => {}, settle } satisfies BatchRequest);
  });
  if (end.error !== undefined) throw end.error;
  return { ...end, tokens: generations.reduce((sum, { sequence }) => sum + sequence.generated.length, 0) };
}

function planned(all: Loaded, wish: Wish, seed: number): { request: GenerateRequest; plan: SteeringPlan } {
  const { parts = {}, models = {}, traced, scorer = false } = caseNamed(wish.name);
  const own = resolved(models.own ?? "base");
  const steering = {
    parts: Object.fromEntries(
      STEERING_NAMES.filter((name) => name in parts).map((name) => [name, partNamed(name).schema.parse(parts[name])]),
    ) as SteeringParts,
    models: Object.fromEntries(Object.entries(models).map(([at, name]) => [at, resolved(name)])),
    conditional: [],
  };
  const plan = planSteering(all.model, {
    steering,
    own,
    base: resolved("base"),
    models: { scorer: () => scorerOf(all.config) },
    isChat: false,
  });
  const instant = async (_: readonly number[], candidates: readonly number[]) => candidates.map((token) => token % 3);
  return {
    request: {
      requestId: String(seed),
      tenant: "bench",
      model: own,
      prompt: { kind: "text", prompts: [] },
      sampling: {
        settings: {},
        seed,
        maxTokens: wish.tokens,
        stop: [],
        n: wish.choices ?? 1,
        topLogprobs: null,
        ignoresEnd: wish.ends !== true,
      },
      ...(traced === undefined ? {} : { traced }),
    },
    plan: scorer
      ? { ...plan, settings: { ...plan.settings, scorer: { score: instant, strength: 1, candidates: 8, every: 1 } } }
      : plan,
  };
}

function known({ config, deltas }: Loaded, name: ModelName): RowDeltas {
  const found = deltas.get(name) ?? deltasOf(name, config);
  deltas.set(name, found);
  return found;
}

async function counted(all: Loaded, work: () => Promise<readonly Done[]>): Promise<Counts> {
  const { loop, decoder } = all;
  const before = { ...loop.counts, sessions: decoder.sessionsMade };
  const done = await work();
  return {
    tokens: done.reduce((sum, { tokens }) => sum + tokens, 0),
    prefilled: loop.counts.prefilledPositions - before.prefilledPositions,
    steering: done.reduce((sum, { steeringTokens }) => sum + steeringTokens, 0),
    sessions: decoder.sessionsMade - before.sessions,
  };
}

/** One text after the other, for each rule. */
async function heldTexts(all: Loaded, held: boolean, size: Pick<Wish, "prompt" | "tokens">): Promise<Done[]> {
  const done: Done[] = [];
  for (const [i, rule] of rules.entries()) {
    const wish = held ? { ...size, rule, ends: true } : { ...size, tokens: lengths[i]! };
    done.push(await ask(all, { name: "plain", ...wish }));
  }
  if (held) lengths = done.map(({ tokens }) => tokens);
  return done;
}

async function mixed(all: Loaded, round: Extract<SteeringRound, { op: "mix" }>): Promise<Done[]> {
  const done: Done[] = [];
  let next = 0;
  const one = async () => {
    while (next < round.requests) {
      const name = round.names[next++ % round.names.length]!;
      done.push(await ask(all, { name, prompt: round.prompt, tokens: round.tokens }));
    }
  };
  await Promise.all(Array.from({ length: round.batch }, one));
  return done;
}

const isCeiling = (round: SteeringRound): round is CeilingRound => round.op === "gemm" || round.op === "gemv";

async function act(round: SteeringRound): Promise<Counts | "done"> {
  if (round.op === "load") {
    loaded = await load(round);
    return "done";
  }
  const all = loaded!;
  if (isCeiling(round)) {
    for (let n = 0; n < round.times; n++) all.products[round.op]();
    return "done";
  }
  if (round.op === "compile") {
    rules = round.schemas.map((schema) =>
      compileRule({ json_schema: schema }, all.vocabulary, { param: "steering.rules.json_schema" }),
    );
    return "done";
  }
  if (round.op === "rules") return counted(all, () => heldTexts(all, round.held, round));
  if (round.op === "mix") return counted(all, () => mixed(all, round));
  const { batch } = round;
  return counted(all, () => Promise.all(Array.from({ length: batch }, () => ask(all, round))));
}

export default {
  async fetch(request: Request): Promise<Response> {
    try {
      return Response.json(await act((await request.json()) as SteeringRound));
    } catch (error) {
      return new Response(String((error as Error).stack ?? error), { status: 500 });
    }
  },
};
