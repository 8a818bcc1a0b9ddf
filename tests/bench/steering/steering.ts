import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import { vocabularyOf } from "../../../shared/rules/vocabulary.ts";
import { inTurns } from "../in-turns.ts";
import { type BenchWorker, openBenchWorker } from "../in-workerd.ts";
import { type Machine, thisMachine } from "../machine.ts";
import { median } from "../median.ts";
import { showProgress } from "../progress.ts";
import { keepResult } from "../results.ts";
import { ceilingMeter, type WorkerdCeiling } from "../workerd-ceiling.ts";
import { CASE_NAMES, type CaseName, caseNamed } from "./cases.ts";
import { leastTimes, percentile, timeMasks } from "./masks.ts";
import { report } from "./report.ts";
import type { Counts, SteeringRound } from "./round.ts";

const ROOT = join(import.meta.dirname, "../../..");
/** Tokens of a prompt, and of the text after it. */
const PROMPT = 64;
const TOKENS = 33;
const MASK_RUNS = 3;
const RULE_TOKENS = 32;
const MIX: readonly CaseName[] = ["plain", "layers", "contrastive, delta", "vector", "token_values", "lookahead, 16"];

/** Medians over the rounds. */
export interface CaseResult {
  readonly name: CaseName;
  readonly batch: number;
  readonly rows: number;
  /** Of a token of each text after the first. */
  readonly decodeMs: number;
  /** Of a text with its prompt, for each token. */
  readonly tokenMs: number;
  /** Next to plain texts of the same rounds. */
  readonly decodeRatio: number;
  readonly tokenRatio: number;
  readonly prefilled: number;
  readonly target?: number;
}

export interface RulesResult {
  readonly schemas: number;
  readonly tokens: number;
  /** Next to texts of the same lengths without rules; no mask was known before. */
  readonly ratio: number;
  readonly compileMs: number;
  readonly masks: { readonly count: number; readonly p50Ms: number; readonly p99Ms: number; readonly mostMs: number };
  readonly compile: { readonly p50Ms: number; readonly p99Ms: number };
}

/** Prompt positions that `choices` choices prefill, and what they would if each row prefilled its own. */
export interface SharedResult {
  readonly name: CaseName;
  readonly choices: number;
  readonly prefilled: number;
  readonly apart: number;
}

export interface MixResult {
  readonly requests: number;
  readonly tokens: number;
  readonly sessions: number;
  readonly ms: number;
}

export interface SteeringBench {
  readonly command: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly seconds: number;
  readonly machine: Machine;
  /** Processes that wanted to run, on average, before and after. */
  readonly load: readonly [number, number];
  readonly clock: "processor" | "wall";
  readonly ceiling: WorkerdCeiling;
  readonly prompt: number;
  readonly tokens: number;
  readonly cases: readonly CaseResult[];
  readonly rules?: RulesResult;
  readonly shared?: readonly SharedResult[];
  readonly mix?: MixResult;
}

/**
 * What a token costs with each part of steering, next to a plain one, inside workerd on the embedded base, from the plan of the
 * request to the token. All take turns. Times are processor time if the system reports it. The times of masks come from Node,
 * since the clock of workerd stands still while code runs.
 */
export async function benchSteering(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "9" },
      only: { type: "string", default: "" },
      batches: { type: "string", default: "1,8" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const worker = await openBenchWorker<SteeringRound>("steering-bench");
  try {
    const started = performance.now();
    const before = loadavg()[0]!;
    await load(worker);
    const measured = await measure(worker, {
      rounds: Number(values.rounds),
      only: values.only,
      batches: values.batches.split(",").filter(Boolean).map(Number),
    });
    const bench = {
      command: ["npm run bench -- steering", ...args].join(" "),
      created_at: new Date().toISOString(),
      seconds: Math.round((performance.now() - started) / 1000),
      machine: thisMachine(),
      load: [before, loadavg()[0]!],
      ...measured,
    } satisfies SteeringBench;
    process.stdout.write(`${values.json ? JSON.stringify(bench, null, 2) : report(bench)}\n`);
    if (values.write) keepResult("steering.json", bench);
  } finally {
    await worker.dispose();
  }
}

type Worker = BenchWorker<SteeringRound>;

const base = (name: string) => readFileSync(join(ROOT, "infra/base/model", name));
const baseJson = (name: string) => JSON.parse(base(name).toString()) as object;

async function load(worker: Worker): Promise<void> {
  const weights = base("model.safetensors").toString("base64");
  const [tokenizer, tokenizerConfig] = [baseJson("tokenizer.json"), baseJson("tokenizer_config.json")];
  await worker.run({ op: "load", times: 1, weights, tokenizer, tokenizerConfig });
}

interface Timed extends Counts {
  readonly ms: number;
}

async function timed(worker: Worker, round: SteeringRound): Promise<Timed> {
  const { ms, answer } = await worker.run(round);
  return { ms, ...(JSON.parse(answer) as Counts) };
}

interface Settings {
  readonly rounds: number;
  /** Cases whose names have this in them, and plain ones; with `rules`, `shared` or `mix` that measure alone. */
  readonly only: string;
  readonly batches: readonly number[];
}

async function measure(worker: Worker, { rounds, only, batches }: Settings) {
  const ceiling = ceilingMeter(worker);
  const wants = (measure: string) => only === "" || only === measure;
  const names = CASE_NAMES.filter((name) => name === "plain" || name.includes(only));
  const cases = batches.flatMap((batch) => names.map((name) => ({ name, batch })));
  const total = (rounds + 1) * cases.length;
  let done = 0;
  const taken = await inTurns(cases, rounds, ceiling.take, async ({ name, batch }) => {
    showProgress(done++, total, "turns", `${batch} × ${name}`);
    const round = { op: "generate", times: 1, name, batch, choices: 1, prompt: PROMPT } as const;
    // The other cases may have taken the room of this one's graphs.
    await timed(worker, { ...round, tokens: 3 });
    // What a text costs up to its first token, and what the rest adds.
    const first = await timed(worker, { ...round, tokens: 1 });
    const all = await timed(worker, { ...round, tokens: TOKENS });
    return { decodeMs: (all.ms - first.ms) / (TOKENS - 1), tokenMs: all.ms / TOKENS, prefilled: all.prefilled };
  });
  showProgress(total, total, "turns", "");
  const results = cases.map(({ name, batch }, i): CaseResult => {
    const plain = taken[cases.findIndex((other) => other.name === "plain" && other.batch === batch)]!;
    const own = taken[i]!;
    const { rows, target } = caseNamed(name);
    return {
      name,
      batch,
      rows,
      decodeMs: median(own.map(({ decodeMs }) => decodeMs)),
      tokenMs: median(own.map(({ tokenMs }) => tokenMs)),
      decodeRatio: median(own.map(({ decodeMs }, round) => decodeMs / plain[round]!.decodeMs)),
      tokenRatio: median(own.map(({ tokenMs }, round) => tokenMs / plain[round]!.tokenMs)),
      prefilled: own[0]!.prefilled / batch,
      ...(target === undefined ? {} : { target }),
    };
  });
  return {
    clock: worker.clock,
    cases: results,
    ...(wants("rules") ? { rules: await measureRules(worker, Math.min(MASK_RUNS, rounds)) } : {}),
    ...(wants("shared") ? { shared: await countShared(worker) } : {}),
    ...(wants("mix") ? { mix: await measureMix(worker) } : {}),
    ceiling: ceiling.result(),
    prompt: PROMPT,
    tokens: TOKENS,
  };
}

async function measureRules(worker: Worker, rounds: number): Promise<RulesResult> {
  const file = readFileSync(join(ROOT, "tests/golden/rules/schemas.json"), "utf8");
  const schemas = (JSON.parse(file) as { readonly schema: unknown }[]).map(({ schema }) => schema);
  const config = parseModelConfig(baseJson("config.json"));
  const tokenizer = loadTokenizer(baseJson("tokenizer.json"), baseJson("tokenizer_config.json"));
  const vocabulary = vocabularyOf(tokenizer, [tokenizer.eosId, tokenizer.padId], config.vocabSize);
  const round = { op: "rules", times: 1, prompt: 8, tokens: RULE_TOKENS } as const;
  const turns: { readonly compileMs: number; readonly ratio: number; readonly tokens: number }[] = [];
  const masks: ReturnType<typeof timeMasks>[][] = schemas.map(() => []);
  for (let turn = 0; turn < MASK_RUNS; turn++) {
    showProgress(turn, MASK_RUNS, "turns", "rules");
    for (const [i, schema] of schemas.entries()) masks[i]!.push(timeMasks(schema, vocabulary, RULE_TOKENS));
    if (turn >= rounds) continue;
    const { ms: compileMs } = await worker.run({ op: "compile", times: 1, schemas });
    const held = await timed(worker, { ...round, held: true });
    const free = await timed(worker, { ...round, held: false });
    turns.push({ compileMs, ratio: held.ms / free.ms, tokens: held.tokens });
  }
  const least = masks.map(leastTimes);
  const maskMs = least.flatMap((times) => times.maskMs);
  const compileMs = least.map((times) => times.compileMs);
  return {
    schemas: schemas.length,
    tokens: turns[0]!.tokens,
    ratio: median(turns.map(({ ratio }) => ratio)),
    compileMs: median(turns.map((turn) => turn.compileMs)) / schemas.length,
    masks: {
      count: maskMs.length,
      p50Ms: percentile(maskMs, 0.5),
      p99Ms: percentile(maskMs, 0.99),
      mostMs: Math.max(...maskMs),
    },
    compile: { p50Ms: percentile(compileMs, 0.5), p99Ms: percentile(compileMs, 0.99) },
  };
}

async function countShared(worker: Worker): Promise<SharedResult[]> {
  const results: SharedResult[] = [];
  const choices = 4;
  for (const name of ["plain", "guidance", "contrastive, base", "experts, 2", "layers", "token_values"] as const) {
    const round = { op: "generate", times: 1, name, batch: 1, prompt: PROMPT, tokens: 2 } as const;
    const one = await timed(worker, { ...round, choices: 1 });
    const { prefilled } = await timed(worker, { ...round, choices });
    results.push({ name, choices, prefilled, apart: choices * one.prefilled });
  }
  return results;
}

async function measureMix(worker: Worker): Promise<MixResult> {
  const requests = 120;
  const round = { op: "mix", times: 1, names: MIX, batch: 4, prompt: PROMPT, tokens: 24 } as const;
  await timed(worker, { ...round, requests: MIX.length });
  const { ms, tokens, sessions } = await timed(worker, { ...round, requests });
  return { requests, ms, tokens, sessions };
}
