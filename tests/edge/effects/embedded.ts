/** The embedded base in the default heap, a trained classifier, and texts with the base's own perplexity. */

import { env } from "cloudflare:test";
import type { StoredFolder } from "../../../edge/blobs/stored-folder.ts";
import { DEFAULT_HEAP_LIMIT_BYTES } from "../../../edge/runtime/ort-module.ts";
import { generate } from "../../../edge/serving/generate.ts";
import type { GenerateEvent, GenerateRequest, ResolvedDelta } from "../../../edge/serving/protocol.ts";
import { ServedModel } from "../../../edge/serving/served-model.ts";
import { yieldToEventLoop } from "../../../edge/serving/yield-to-event-loop.ts";
import config from "../../../infra/base/model/config.json";
import generation from "../../../infra/base/model/generation_config.json";
import tokenizer from "../../../infra/base/model/tokenizer.json";
import tokenizerConfig from "../../../infra/base/model/tokenizer_config.json";
import type { SteeringParts } from "../../../shared/decode/steering/registry.ts";
import { decodeScorer } from "../../../shared/delta/scorer-file.ts";
import { encodeCanonical } from "../../../shared/delta/serving-file.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { parseAdapterFolder } from "../../../shared/peft/adapter-folder.ts";
import { loraFormat } from "../../../shared/peft/lora/format.ts";
import adapterConfig from "../../fixtures/classifiers/sentiment/adapter_config.json";
import adapterModel from "../../fixtures/classifiers/sentiment/adapter_model.safetensors?url&inline";
import scorerFile from "../../fixtures/classifiers/sentiment/scorer.safetensors?url&inline";
import { bytesOf, storeFolder } from "../support/stored-folder.ts";
import { json } from "../support/tiny-base.ts";

export interface Embedded {
  readonly model: ServedModel;
  readonly base: StoredFolder;
  /** The classifier `sentiment`: negative, positive. */
  readonly sentiment: ResolvedDelta;
}

export async function embedded(heapLimitBytes = DEFAULT_HEAP_LIMIT_BYTES): Promise<Embedded> {
  const base = await storeFolder(
    new Map([
      ["config.json", json(config)],
      ["generation_config.json", json(generation)],
      ["model.safetensors", new Uint8Array(env.EMBEDDED_WEIGHTS)],
      ["tokenizer.json", json(tokenizer)],
      ["tokenizer_config.json", json(tokenizerConfig)],
    ]),
  );
  const model = await ServedModel.load(env.BLOBS, base, { heapLimitBytes });
  const shape = parseModelConfig(config);
  const adapter = new Map([
    ["adapter_config.json", json(adapterConfig)],
    ["adapter_model.safetensors", bytesOf(adapterModel)],
  ]);
  const weight = () => Promise.reject(new Error("LoRA alone asks for no weight"));
  const { delta } = await loraFormat.read(parseAdapterFolder(adapter), { config: shape, weight });
  const whole = { ...delta, scorer: decodeScorer(bytesOf(scorerFile), shape) };
  const folder = await storeFolder(new Map([["serving.safetensors", encodeCanonical(whole)]]));
  return { model, base, sentiment: { ...folder, weight: 1 } };
}

export interface Texts {
  readonly prompt: string;
  readonly count: number;
  readonly tokens: number;
  readonly seed: number;
  readonly steering?: SteeringParts;
  readonly onEvent?: (event: GenerateEvent) => void;
}

export interface Written {
  readonly texts: readonly string[];
  /** Of the base, over all tokens of all texts. */
  readonly perplexity: number;
  readonly steeringTokens: number;
}

/** Texts drawn at a temperature of 1. */
export async function write({ model, base, sentiment }: Embedded, asked: Texts): Promise<Written> {
  const own = { base: { ...base, id: "base" }, weights: null, deltas: [] };
  const { prompt, count, tokens, seed, steering, onEvent } = asked;
  const request: GenerateRequest = {
    requestId: "r",
    tenant: "acme",
    model: own,
    prompt: { kind: "text", prompts: [prompt] },
    sampling: {
      settings: { temperature: 1, topP: 1 },
      seed,
      maxTokens: tokens,
      stop: ["\n"],
      n: count,
      topLogprobs: 0,
    },
    ...(steering === undefined
      ? {}
      : {
          steering: {
            parts: steering,
            models: { "gradient.id": { ...own, deltas: [sentiment] } },
            conditional: [],
          },
        }),
  };
  const texts = new Array<string>(count).fill("");
  let [sum, scored, steeringTokens] = [0, 0, 0];
  await generate(model, request, {
    emit(event) {
      onEvent?.(event);
      if (event.type === "usage") steeringTokens = event.steeringTokens ?? 0;
      if (event.type !== "token") return;
      texts[event.choice] += event.text;
      for (const { logprob } of event.logprobs ?? []) {
        sum -= logprob;
        scored++;
      }
    },
    onStart: () => {},
    deltaId: () => "sentiment",
    loadBase: () => Promise.reject(new Error("no text here needs another base")),
    callScorer: () => Promise.reject(new Error("no text here needs a scorer")),
    yieldToEventLoop,
    randomSeed: () => 1,
  });
  return { texts, perplexity: Math.exp(sum / scored), steeringTokens };
}
