/**
 * Evaluates the embedded base as its model card says, and exits with status 1 when a measure misses its required rate.
 *
 *     node infra/base/evaluation/run.ts [model folder] [--failures]
 */
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { readWeights } from "../../../shared/model/weights.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { Generator } from "../../../trainer/eval/generator.ts";
import { type EvaluationReport, evaluate, type Generate, shortfalls } from "./evaluate.ts";

const CAPACITY = 384;

const flags = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const folder =
  process.argv.slice(2).find((argument) => !argument.startsWith("--")) ??
  fileURLToPath(new URL("../model", import.meta.url));
const readJson = (name: string): unknown => JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));

const config = parseModelConfig(readJson("config.json"));
const tokenizer = loadTokenizer(readJson("tokenizer.json"), readJson("tokenizer_config.json"));
const weights = await readWeights(config, {
  names: readdirSync(folder),
  bytes: (name) => readFile(`${folder}/${name}`),
});
const generator = await Generator.create(createOnnxRuntimeExecutor({ threads: 1 }), { config, weights }, CAPACITY);

const generate: Generate = async (prompt, { maxTokens, stop }) => {
  const breaksLine = (token: number) => stop === "line" && tokenizer.decode([token]).includes("\n");
  const isEnd = (token: number) => token === tokenizer.padId || token === tokenizer.eosId || breaksLine(token);
  const { tokens, ended } = await generator.greedy(tokenizer.encodeTrusted(prompt), { maxTokens, isEnd });
  return { text: tokenizer.decode(tokens), stopped: ended };
};

const report = await evaluate(generate, ({ measure, done, total }) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${measure.padEnd(10)} ${String(done).padStart(5)} of ${total} `);
});
if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");

for (const measure of Object.keys(report) as (keyof EvaluationReport)[]) {
  const { right, total, rate, groups, failures } = report[measure];
  console.log(`${measure.padEnd(10)} ${right} of ${total} right: ${(100 * rate).toFixed(1)} %`);
  for (const [name, group] of Object.entries(groups)) {
    console.log(`  ${name.padEnd(28)} ${group.right} of ${group.total}`);
  }
  if (!flags.includes("--failures")) continue;
  for (const { prompt, expected, got } of failures) console.log(`    ${JSON.stringify({ prompt, expected, got })}`);
}
const missed = shortfalls(report);
for (const line of missed) console.error(line);
process.exitCode = missed.length > 0 ? 1 : 0;
