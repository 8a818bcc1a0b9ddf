import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { factProbes } from "../../../infra/base/evaluation/sets.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { parameterCount } from "../../../shared/model/modules.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { Generator } from "../../../trainer/eval/generator.ts";
import { createProgramCache } from "../../../trainer/loop/program-cache.ts";
import { createScorer } from "../../../trainer/recipes/scorer.ts";
import { continuation } from "../../support/continuation.ts";
import { NO_METHOD } from "../../support/peft.ts";
import { type Machine, thisMachine } from "../machine.ts";
import { median } from "../median.ts";
import { showProgress } from "../progress.ts";
import { keepResult } from "../results.ts";
import { type Ceilings, openCeilings } from "./ceilings.ts";
import { generateTable } from "./report.ts";

const FOLDER = fileURLToPath(new URL("../../../infra/base/model", import.meta.url));
const MAX_TOKENS = 64;
/** What is compared: rows that are decoded together, and positions that a sequence may have. */
const SIDES = [
  { slots: 1, capacity: 128 },
  { slots: 8, capacity: 128 },
  { slots: 32, capacity: 128 },
  { slots: 32, capacity: 512 },
] as const;

/** Medians over the rounds. */
export interface GenerateSide {
  readonly slots: number;
  readonly capacity: number;
  /** Tokens a second of processor time, prefill and sampling included. */
  readonly tokens_per_second: number;
  /** Milliseconds of processor time for each token of one row of the batch. */
  readonly ms_per_step: number;
}

/** What `npm run bench -- generate --json` prints. */
export interface GenerateBench {
  readonly command: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly threads: number;
  readonly base: { readonly parameters: number };
  readonly prompts: number;
  readonly max_tokens: number;
  readonly sides: readonly GenerateSide[];
  /** Tokens a second that the machine's arithmetic and memory allow at best, measured between the rounds. */
  readonly ceilings: Ceilings;
  /** The largest difference of a log-probability between the generator and the training graph, in nats, and of how many. */
  readonly sampled_against_scored: { readonly most: number; readonly tokens: number };
}

/**
 * Sampling from the embedded base on one thread, with log-probabilities, in batches of different sizes that take turns. A
 * capacity beyond what the texts need must cost nothing: the cache is not copied.
 */
export async function benchGenerate(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      prompts: { type: "string", default: "64" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const started = performance.now();
  const measured = await measure(Number(values.rounds), Number(values.prompts));
  const bench: GenerateBench = {
    command: ["npm run bench -- generate", ...args].join(" "),
    created_at: new Date().toISOString(),
    seconds: Math.round((performance.now() - started) / 1000),
    machine: thisMachine(),
    threads: 1,
    ...measured,
  };
  process.stdout.write(`${values.json ? JSON.stringify(bench, null, 2) : generateTable(bench)}\n`);
  if (values.write) keepResult("generate.json", bench);
}

async function measure(rounds: number, count: number) {
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  const names = readdirSync(FOLDER);
  const files = new Map(names.map((name) => [name, new Uint8Array(readFileSync(`${FOLDER}/${name}`))]));
  const { config, weights, tokenizer } = loadModelFolder(files);
  const probes = factProbes();
  const prompts = Array.from({ length: count }, (_, i) => ({
    tokens: tokenizer.encode(probes[Math.floor((i * probes.length) / count)]!.prompt),
  }));
  const settings = { temperature: 1, maxTokens: MAX_TOKENS, isEnd: () => false };
  const generators = await Promise.all(
    SIDES.map((side) => Generator.create(executor, { config, frozen: weights, ...side })),
  );
  const ceilings = await openCeilings(executor, parameterCount(config));
  const rates = SIDES.map((): number[] => []);
  const limits: Ceilings[] = [];
  for (const generator of generators) await generator.generate(prompts.slice(0, 2), settings);
  for (let round = 0; round < rounds; round++) {
    for (const [side, generator] of generators.entries()) {
      const start = process.cpuUsage();
      const results = await generator.generate(prompts, { ...settings, seed: round });
      const { user, system } = process.cpuUsage(start);
      rates[side]!.push((1e6 * results.flat().reduce((sum, { tokens }) => sum + tokens.length, 0)) / (user + system));
      showProgress(round * SIDES.length + side + 1, rounds * SIDES.length, "runs", `${SIDES[side]!.slots} slots`);
    }
    limits.push(await ceilings.measure());
  }
  const rows = { shape: { rows: 4, tokens: 128 }, packing: true, padId: 0 };
  const cache = createProgramCache(executor);
  const options = { config, weights, method: NO_METHOD, rows, yieldToEventLoop: async () => {} };
  const texts = (await generators[1]!.generate(prompts, settings)).map(([only], i) => {
    return { ...only!, prompt: prompts[i]!.tokens };
  });
  const units = texts.map(({ prompt, tokens }) => continuation(prompt, tokens));
  const scores = await createScorer(cache, options)(units, new Map());
  const differences = texts.flatMap(({ prompt, logprobs }, i) =>
    logprobs.map((own, at) => Math.abs(own - scores[i]![0]![prompt.length + at]!)),
  );
  await Promise.all([...generators, ceilings, cache].map((one) => one.dispose()));
  return {
    base: { parameters: parameterCount(config) },
    prompts: count,
    max_tokens: MAX_TOKENS,
    sides: SIDES.map((side, i) => {
      const rate = median(rates[i]!);
      return { ...side, tokens_per_second: rate, ms_per_step: (1000 * side.slots) / rate };
    }),
    ceilings: {
      by_arithmetic: median(limits.map(({ by_arithmetic }) => by_arithmetic)),
      by_memory: median(limits.map(({ by_memory }) => by_memory)),
    },
    sampled_against_scored: { most: Math.max(...differences), tokens: differences.length },
  };
}
