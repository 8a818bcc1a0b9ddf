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

/** Loads a model folder. Returns greedy generation in the form that the evaluation needs, and a way to free it. */
export async function openModelFolder(folder: string): Promise<{ generate: Generate; close: () => Promise<void> }> {
  const readJson = (name: string): unknown => JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));
  const config = parseModelConfig(readJson("config.json"));
  const tokenizer = loadTokenizer(readJson("tokenizer.json"), readJson("tokenizer_config.json"));
  const files = { names: readdirSync(folder), bytes: (name: string) => readFile(`${folder}/${name}`) };
  const weights = await readWeights(config, files);
  const generator = await Generator.create(createOnnxRuntimeExecutor({ threads: 1 }), { config, weights }, CAPACITY);
  const generate: Generate = async (prompt, { maxTokens, stop }) => {
    const breaksLine = (token: number) => stop === "line" && tokenizer.decode([token]).includes("\n");
    const isEnd = (token: number) => token === tokenizer.padId || token === tokenizer.eosId || breaksLine(token);
    const { tokens, ended } = await generator.greedy(tokenizer.encodeTrusted(prompt), { maxTokens, isEnd });
    return { text: tokenizer.decode(tokens), stopped: ended };
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
