import { readFileSync } from "node:fs";
import { type ModelConfig, parseModelConfig } from "../../../shared/model/config.ts";
import { initialWeights } from "../../../shared/model/init.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import type { Weights } from "../../../shared/model/weights.ts";

/** What a process measured. */
export interface HeadRun {
  readonly peakBytes: number;
  /** Of processor time: other work on the machine does not count. */
  readonly stepMs: number;
  readonly loss: number;
}

export interface HeadCase {
  readonly name: string;
  readonly peft: object;
  readonly rows: number;
  readonly tokens: number;
  /** The share of positions with a label. */
  readonly labelled: number;
  readonly model: () => { readonly config: ModelConfig; readonly weights: Weights };
}

const BASE = new URL("../../../infra/base/model/", import.meta.url);
const NAMES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
const embedded = () =>
  loadModelFolder(new Map(NAMES.map((name) => [name, new Uint8Array(readFileSync(new URL(name, BASE)))])));

/** Random weights with the vocabulary of a model of today, and a narrow body, so that the head is most of the work. */
const wide = (vocabulary: number) => () => {
  const json = JSON.parse(readFileSync(new URL("config.json", BASE), "utf8"));
  const config = parseModelConfig({ ...json, vocab_size: vocabulary, num_hidden_layers: 2 });
  return { config, weights: initialWeights(config, 1) };
};

const LORA = { type: "lora", r: 8 };
const SHAPE = { rows: 8, tokens: 256, labelled: 0.3 };

export const CASES: readonly HeadCase[] = [
  { name: "embedded base, V = 2,048, lora", peft: LORA, model: embedded, ...SHAPE },
  { name: "V = 49,152, lora", peft: LORA, model: wide(49_152), ...SHAPE },
  { name: "V = 49,152, lora, every position labelled", peft: LORA, model: wide(49_152), ...SHAPE, labelled: 1 },
  { name: "V = 49,152, full", peft: { type: "full" }, model: wide(49_152), ...SHAPE },
];
