/** The embedded base in workerd, with the trained classifier and experts of the fixtures. */
import { env } from "cloudflare:test";
import config from "../../../infra/base/model/config.json";
import generation from "../../../infra/base/model/generation_config.json";
import tokenizer from "../../../infra/base/model/tokenizer.json";
import tokenizerConfig from "../../../infra/base/model/tokenizer_config.json";
import { SCORER_FILE } from "../../../shared/delta/scorer-file.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { openSteeredModel, type SteeredModel } from "../../effects/support/steered-model.ts";
import { adapterDelta } from "../../fixtures/adapter-delta.ts";
import sentimentConfig from "../../fixtures/classifiers/sentiment/adapter_config.json";
import sentimentAdapter from "../../fixtures/classifiers/sentiment/adapter_model.safetensors?url&inline";
import sentimentScorer from "../../fixtures/classifiers/sentiment/scorer.safetensors?url&inline";
import readerConfig from "../../fixtures/experts/reader/adapter_config.json";
import readerAdapter from "../../fixtures/experts/reader/adapter_model.safetensors?url&inline";
import rudeConfig from "../../fixtures/experts/rude/adapter_config.json";
import rudeAdapter from "../../fixtures/experts/rude/adapter_model.safetensors?url&inline";
import { bytesOf } from "./stored-folder.ts";
import { json } from "./tiny-base.ts";

export async function embeddedModel(): Promise<SteeredModel> {
  const base = new Map([
    ["config.json", json(config)],
    ["generation_config.json", json(generation)],
    ["model.safetensors", new Uint8Array(env.EMBEDDED_WEIGHTS)],
    ["tokenizer.json", json(tokenizer)],
    ["tokenizer_config.json", json(tokenizerConfig)],
  ]);
  const delta = (adapterConfig: unknown, weights: string, scorer?: string) => {
    const files = new Map([
      ["adapter_config.json", json(adapterConfig)],
      ["adapter_model.safetensors", bytesOf(weights)],
    ]);
    if (scorer !== undefined) files.set(SCORER_FILE, bytesOf(scorer));
    return adapterDelta(files, parseModelConfig(config));
  };
  return openSteeredModel(base, {
    sentiment: await delta(sentimentConfig, sentimentAdapter, sentimentScorer),
    rude: await delta(rudeConfig, rudeAdapter),
    reader: await delta(readerConfig, readerAdapter),
  });
}
