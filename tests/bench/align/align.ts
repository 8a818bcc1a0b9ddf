import { readdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { parameterCount } from "../../../shared/model/modules.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { openCeiling } from "../ceiling.ts";
import { type Machine, thisMachine } from "../machine.ts";
import { median } from "../median.ts";
import { showProgress } from "../progress.ts";
import { keepResult } from "../results.ts";
import { DpoSide, type DpoTaken, WARM_STEPS } from "./dpo.ts";
import { openGeneration } from "./generation.ts";
import { chatPrompts, preferenceFile } from "./pairs.ts";
import { Peer, type Taken } from "./peer.ts";
import { alignTable } from "./report.ts";
import { openUpdate, rolloutsOf } from "./update.ts";

const FOLDER = fileURLToPath(new URL("../../../infra/base/model", import.meta.url));
const THREADS = 2;
const LORA = { r: 8, lora_alpha: 16 };
const BATCH = 8;
const LEARNING_RATE = 1e-4;
const SLOTS = 32;
const PROMPTS = 32;
const NEW_TOKENS = 64;

/** What one side does of a kind of work. */
export interface AlignSide {
  /** Medians over the rounds; tokens of the texts, without padding. */
  readonly tokens_per_second: number;
  readonly cpu_seconds: number;
  readonly seconds: readonly number[];
}

export interface AlignWork {
  readonly work: string;
  /** In each round. */
  readonly tokens: number;
  readonly ours: AlignSide;
  /** Absent if there is no Python with trl. */
  readonly trl?: AlignSide;
  /** The median of the rounds' ratios. */
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
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const started = performance.now();
  const before = loadavg()[0]!;
  const measured = await measure(values.python, { rounds: Number(values.rounds), steps: Number(values.steps) });
  const bench: AlignBench = {
    command: "npm run bench -- align",
    created_at: new Date().toISOString(),
    seconds: Math.round((performance.now() - started) / 1000),
    machine: thisMachine(),
    threads: THREADS,
    load: [before, loadavg()[0]!],
    ...measured,
  };
  process.stdout.write(`${values.json ? JSON.stringify(bench, null, 2) : alignTable(bench)}\n`);
  if (values.write) keepResult("align.json", bench);
}

async function measure(python: string, { rounds, steps }: { rounds: number; steps: number }) {
  const executor = createOnnxRuntimeExecutor({ threads: THREADS });
  const names = readdirSync(FOLDER);
  const files = new Map(names.map((name) => [name, new Uint8Array(readFileSync(`${FOLDER}/${name}`))]));
  const data = await preferenceFile(files, executor, BATCH * (WARM_STEPS + steps) + BATCH);
  const shared = { files, executor, lora: LORA };
  const dpo = await DpoSide.prepare({ ...shared, data, steps, batch: BATCH, learningRate: LEARNING_RATE });
  const prompts = chatPrompts(files, PROMPTS).map(({ tokens }) => tokens);
  const generation = await openGeneration({ ...shared, prompts, newTokens: NEW_TOKENS, slots: SLOTS });
  const rollouts = rolloutsOf(await generation.replies());
  const update = await openUpdate({ ...shared, rollouts, batch: BATCH, steps, learningRate: LEARNING_RATE });
  const ceiling = await openCeiling(executor, THREADS);
  const first = {
    ...{ folder: FOLDER, threads: THREADS, lora: LORA, beta: 0.1, learning_rate: LEARNING_RATE },
    ...{ batch: BATCH, warm: WARM_STEPS, pairs: dpo.pairs, prompts, slots: SLOTS, new_tokens: NEW_TOKENS, rollouts },
  };
  const peer = python === "" ? undefined : await Peer.start(python, first);
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
      tokens: PROMPTS * NEW_TOKENS,
      ours: (round: number) => generation.take(round),
      trl: (round: number) => peer!.ask<Taken>({ run: "generate", seed: round }),
    },
    {
      work: "PPO, update",
      tokens: update.tokens,
      ours: () => update.take(),
      trl: () => peer!.ask<Taken>({ run: "ppo", steps }),
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
  await Promise.all([generation.dispose(), update.dispose(), ceiling.dispose()]);
  return {
    base: { parameters: parameterCount(loadModelFolder(files).config) },
    works: works.map(({ work, tokens }, i): AlignWork => {
      const { ours, trl } = taken[i]!;
      const own = sideOf(ours, tokens);
      if (trl.length === 0) return { work, tokens, ours: own };
      const ratio = median(ours.map(({ seconds }, round) => trl[round]!.seconds / seconds));
      return { work, tokens, ours: own, trl: sideOf(trl, tokens), ratio };
    }),
    versions: peer?.versions ?? {},
    ceiling: median(gigaflops),
    ...(peer === undefined ? {} : { loss_difference: lossDifference(losses) }),
  };
}

function sideOf(taken: readonly Taken[], tokens: number): AlignSide {
  return {
    tokens_per_second: tokens / median(taken.map(({ seconds }) => seconds)),
    cpu_seconds: median(taken.map(({ cpu }) => cpu)),
    seconds: taken.map(({ seconds }) => seconds),
  };
}

/** The sides start from other random factors, so only the first loss, ln 2, is the same; the others must be near. */
function lossDifference({ ours, trl }: Record<"ours" | "trl", readonly number[]>): number {
  return Math.max(...ours.map((loss, step) => Math.abs(loss - trl[step]!)));
}
