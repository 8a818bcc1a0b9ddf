import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { readWeights } from "../../../shared/model/weights.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { Generator } from "../../../trainer/eval/generator.ts";
import { type EvaluationProgress, type EvaluationReport, evaluate, type Generate } from "./evaluate.ts";

/** Long enough for the longest probe and its answer. */
const CAPACITY = 384;
const SLOTS = 32;

/** Loads a model folder. Returns greedy generation in the form that the evaluation needs, and a way to free it. */
export async function openModelFolder(folder: string): Promise<{ generate: Generate; close: () => Promise<void> }> {
  const readJson = (name: string): unknown => JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));
  const config = parseModelConfig(readJson("config.json"));
  const tokenizer = loadTokenizer(readJson("tokenizer.json"), readJson("tokenizer_config.json"));
  const files = { names: readdirSync(folder), bytes: (name: string) => readFile(`${folder}/${name}`) };
  const weights = await readWeights(config, files);
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  const generator = await Generator.create(executor, { config, frozen: weights, slots: SLOTS, capacity: CAPACITY });
  const generate: Generate = async (prompts, { maxTokens, stop }) => {
    const breaksLine = (token: number) => stop === "line" && tokenizer.decode([token]).includes("\n");
    const isEnd = (token: number) => token === tokenizer.padId || token === tokenizer.eosId || breaksLine(token);
    const results = await generator.generate(
      prompts.map((prompt) => ({ tokens: tokenizer.encodeTrusted(prompt) })),
      { maxTokens, isEnd, temperature: 0, logprobs: false },
    );
    return results.map(([only]) => {
      const { tokens, ended } = only!;
      return { text: tokenizer.decode(ended ? tokens.slice(0, -1) : tokens), stopped: ended };
    });
  };
  return { generate, close: () => generator.dispose() };
}

export async function evaluateFolder(
  folder: string,
  onProgress: (progress: EvaluationProgress) => void,
): Promise<EvaluationReport> {
  const { generate, close } = await openModelFolder(folder);
  try {
    return await evaluate(generate, onProgress);
  } finally {
    await close();
  }
}
