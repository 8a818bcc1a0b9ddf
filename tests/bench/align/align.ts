import { readdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { parameterCount } from "../../../shared/model/modules.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { openCeiling } from "../ceiling.ts";
import { type Machine, thisMachine } from "../machine.ts";
import { median } from "../median.ts";
import { Peer, type Taken } from "../peer.ts";
import { showProgress } from "../progress.ts";
import { keepResult } from "../results.ts";
import { DpoSide, type DpoTaken, WARM_STEPS } from "./dpo.ts";
import { openGeneration } from "./generation.ts";
import { chatPrompts, preferenceFile } from "./pairs.ts";
import { alignTable } from "./report.ts";
import { openUpdate, rolloutsOf } from "./update.ts";

const FOLDER = fileURLToPath(new URL("../../../infra/base/model", import.meta.url));
const LORA = { r: 8, lora_alpha: 16 };
const BATCH = 8;
const LEARNING_RATE = 1e-4;
const SLOTS = 32;
const PROMPTS = 96;
const NEW_TOKENS = 64;

type Sampled = Taken & { readonly tokens: number };

/** What one side does of a kind of work. */
export interface AlignSide {
  /** Medians over the rounds; tokens of the texts, without padding and what was sampled after a reply's end. */
  readonly tokens_per_second: number;
  /** The same by processor time, which counts every thread: with one thread it does not depend on what else the machine does. */
  readonly tokens_per_cpu_second: number;
  readonly seconds: readonly number[];
}

export interface AlignWork {
  readonly work: string;
  readonly ours: AlignSide;
  /** Absent if there is no Python with trl. */
  readonly trl?: AlignSide;
  /** Of the tokens per second. */
  readonly ratio?: number;
}

/** What `npm run bench -- align --json` prints. */
export interface AlignBench {
  readonly command: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly threads: number;
  /** The machine's load averages over a minute, before and after. */
  readonly load: readonly [number, number];
  readonly base: { readonly parameters: number };
  readonly works: readonly AlignWork[];
  readonly versions: Readonly<Record<string, string>>;
  /** Gigaflops a second of large products on the same executor. */
  readonly ceiling: number;
  /** The largest difference of a step's loss between the sides, if both ran. */
  readonly loss_difference?: number;
}

/**
 * Tokens per second of aligning the embedded base, beside trl on PyTorch: the same weights, token ids, batches, LoRA, threads
 * and precision, in turns. `--python` or ALIGN_PYTHON names a Python with trl 1.12.0; without it only this side runs.
 */
export async function benchAlign(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      python: { type: "string", default: process.env.ALIGN_PYTHON ?? "" },
      rounds: { type: "string", default: "3" },
      steps: { type: "string", default: "8" },
      threads: { type: "string", default: "2" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const started = performance.now();
  const before = loadavg()[0]!;
  const [rounds, steps, threads] = [values.rounds, values.steps, values.threads].map(Number) as [
    number,
    number,
    number,
  ];
  const measured = await measure(values.python, { rounds, steps, threads });
  const bench: AlignBench = {
    command: "npm run bench -- align",
    created_at: new Date().toISOString(),
    seconds: Math.round((performance.now() - started) / 1000),
    machine: thisMachine(),
    threads,
    load: [before, loadavg()[0]!],
    ...measured,
  };
  process.stdout.write(`${values.json ? JSON.stringify(bench, null, 2) : alignTable(bench)}\n`);
  if (values.write) keepResult("align.json", bench);
}

async function measure(python: string, { rounds, steps, threads }: { rounds: number; steps: number; threads: number }) {
  const executor = createOnnxRuntimeExecutor({ threads });
  const names = readdirSync(FOLDER);
  const files = new Map(names.map((name) => [name, new Uint8Array(readFileSync(`${FOLDER}/${name}`))]));
  const data = await preferenceFile(files, executor, BATCH * (WARM_STEPS + steps) + BATCH);
  const shared = { files, executor, lora: LORA };
  const dpo = await DpoSide.prepare({ ...shared, data, steps, batch: BATCH, learningRate: LEARNING_RATE });
  const prompts = chatPrompts(files, PROMPTS).map(({ tokens }) => tokens);
  const stops = loadChatTemplate(loadModelFolder(files).tokenizer).stopIds;
  const sampled = { ...shared, newTokens: NEW_TOKENS, slots: SLOTS };
  const generation = await openGeneration({ ...sampled, prompts, stops });
  const even = await openGeneration({ ...sampled, prompts: prompts.slice(0, SLOTS), stops: [] });
  const rollouts = rolloutsOf(await generation.replies());
  const update = await openUpdate({ ...shared, rollouts, batch: BATCH, steps, learningRate: LEARNING_RATE });
  const ceiling = await openCeiling(executor, threads);
  const first = {
    ...{ folder: FOLDER, threads, lora: LORA, beta: 0.1, learning_rate: LEARNING_RATE },
    ...{
      batch: BATCH,
      warm: WARM_STEPS,
      pairs: dpo.pairs,
      prompts,
      stops,
      slots: SLOTS,
      new_tokens: NEW_TOKENS,
      rollouts,
    },
  };
  const peer =
    python === "" ? undefined : await Peer.start({ python, script: join(import.meta.dirname, "peer.py"), first });
  const losses: Record<"ours" | "trl", readonly number[]> = { ours: [], trl: [] };
  const noted = async (side: "ours" | "trl", taking: Promise<DpoTaken>) => {
    const taken = await taking;
    losses[side] = taken.losses;
    return taken;
  };
  const works = [
    {
      work: "DPO",
      tokens: dpo.tokens,
      ours: () => noted("ours", dpo.take()),
      trl: () => noted("trl", peer!.ask<DpoTaken>({ run: "dpo", steps })),
    },
    {
      work: "PPO, generation",
      tokens: 0,
      ours: (round: number) => generation.take(round),
      trl: (round: number) => peer!.ask<Sampled>({ run: "generate", seed: round, ending: true }),
    },
    {
      work: `the same, all ${NEW_TOKENS} tokens`,
      tokens: 0,
      ours: (round: number) => even.take(round),
      trl: (round: number) => peer!.ask<Sampled>({ run: "generate", seed: round, ending: false }),
    },
    {
      work: "PPO, update",
      tokens: update.tokens,
      ours: () => update.take(),
      trl: () => peer!.ask<Taken>({ run: "ppo", steps, second: false }),
    },
    {
      work: "trl with its value model",
      tokens: update.tokens,
      ours: () => update.take(),
      trl: () => peer!.ask<Taken>({ run: "ppo", steps, second: true }),
    },
  ];
  const taken = works.map(() => ({ ours: [] as Taken[], trl: [] as Taken[] }));
  const gigaflops: number[] = [];
  // A first round only warms up.
  for (let round = -1; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      const sides = round % 2 === 0 ? (["ours", "trl"] as const) : (["trl", "ours"] as const);
      for (const side of sides) {
        if (side === "trl" && peer === undefined) continue;
        const one = await work[side](round);
        if (round >= 0) taken[i]![side].push(one);
      }
      showProgress((round + 1) * works.length + i + 1, (rounds + 1) * works.length, "runs", work.work);
    }
    gigaflops.push(await ceiling.measure());
  }
  peer?.stop();
  await Promise.all([generation, even, update, ceiling].map((one) => one.dispose()));
  return {
    base: { parameters: parameterCount(loadModelFolder(files).config) },
    works: works.map(({ work, tokens }, i): AlignWork => {
      const { ours, trl } = taken[i]!;
      const own = sideOf(ours, tokens);
      if (trl.length === 0) return { work, ours: own };
      const peers = sideOf(trl, tokens);
      return { work, ours: own, trl: peers, ratio: own.tokens_per_second / peers.tokens_per_second };
    }),
    versions: peer?.versions ?? {},
    ceiling: median(gigaflops),
    ...(peer === undefined ? {} : { loss_difference: lossDifference(losses) }),
  };
}

/** `tokens`: in each round, where the rounds do not say it themselves. */
function sideOf(taken: readonly (Taken & { readonly tokens?: number })[], tokens: number): AlignSide {
  return {
    tokens_per_second: median(taken.map((one) => (one.tokens ?? tokens) / one.seconds)),
    tokens_per_cpu_second: median(taken.map((one) => (one.tokens ?? tokens) / one.cpu)),
    seconds: taken.map(({ seconds }) => seconds),
  };
}

/** The sides start from other random factors, so only the first loss, ln 2, is the same; the others must be near. */
function lossDifference({ ours, trl }: Record<"ours" | "trl", readonly number[]>): number {
  return Math.max(...ours.map((loss, step) => Math.abs(loss - trl[step]!)));
}
