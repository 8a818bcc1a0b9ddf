import { availableParallelism, freemem } from "node:os";
import { parseArgs } from "node:util";
import { ProgressDisplay } from "../../../infra/start/progress.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { planMethods } from "../../../shared/peft/combine.ts";
import { estimateCost } from "../../../shared/peft/cost.ts";
import { thisMachine } from "../machine.ts";
import { keepResult } from "../results.ts";
import { type Contender, contenders } from "./contenders.ts";
import { plotOf } from "./plot.ts";
import { textReport } from "./report.ts";
import type { PeftBench } from "./result.ts";
import { roundLengths, rowOf, spreadOf } from "./rounds.ts";
import { BATCH_SIZE, embeddedBase, SEED, sailor } from "./task.ts";
import type { Round } from "./trainee.ts";
import { openTrainee, type TraineeClient } from "./trainee-client.ts";

interface Running {
  readonly contender: Contender;
  readonly client: TraineeClient;
  readonly rounds: Round[];
}

interface Options {
  readonly methods: readonly string[] | undefined;
  readonly steps: number;
  readonly threads: number;
  /** How many questions and documents to measure; defaults to all. */
  readonly samples: number | undefined;
}

/**
 * Trains every registered method on the same examples in the same order for the same number of steps, at its own learning rate,
 * and measures quality, memory, time and forgetting. All processes stay open and take turns of a few steps in alternating order,
 * so that other work on the machine affects all methods alike.
 */
export async function benchPeft(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      methods: { type: "string" },
      steps: { type: "string" },
      threads: { type: "string" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const bench = await measure(
    {
      methods: values.methods?.split(",") ?? (values.quick ? ["lora", "ia3"] : undefined),
      steps: Number(values.steps ?? (values.quick ? 3 : 90)),
      threads: Number(values.threads ?? availableParallelism()),
      samples: values.quick ? 4 : undefined,
    },
    ["npm run bench -- peft", ...args].join(" "),
  );
  process.stdout.write(values.json ? `${JSON.stringify(bench, null, 2)}\n` : `${textReport(bench)}\n`);
  if (!values.write) return;
  keepResult("peft.json", bench);
  keepResult("peft.svg", plotOf(bench));
}

async function measure({ methods, steps, threads, samples }: Options, command: string): Promise<PeftBench> {
  const started = performance.now();
  const base = await embeddedBase();
  const { config } = loadModelFolder(base.files);
  const chosen = chooseContenders(contenders(steps), methods);
  requireMemory(config, chosen);
  const running: Running[] = [];
  const idle = openTrainee("base");
  try {
    const { peakBytes } = await idle.call("start", { threads, peft: null, totalSteps: steps, samples });
    for (const contender of chosen) {
      const client = openTrainee(contender.name);
      running.push({ contender, client, rounds: [] });
      await client.call("start", { threads, peft: contender.peft, totalSteps: steps, samples });
    }
    const ceilings = await takeTurns(running, { steps, ceiling: () => idle.call("ceiling") });
    const ofBase = await idle.call("finish");
    const rows = [];
    for (const { contender, client, rounds } of running) {
      const finished = await client.call("finish");
      client.end();
      rows.push(rowOf({ config, contender, rounds, finished, baseTextLoss: ofBase.baseTextLoss, threads }));
    }
    return {
      command,
      created_at: new Date().toISOString(),
      seconds: Math.round((performance.now() - started) / 1000),
      machine: thisMachine(),
      threads,
      task: {
        base: base.id,
        training_file: (await sailor("training")).name,
        validation_file: (await sailor("validation")).name,
        steps,
        batch_size: BATCH_SIZE,
        seed: SEED,
      },
      ceiling_gflops: spreadOf(ceilings),
      base: {
        held_out_loss: ofBase.heldOutLoss,
        right_answers: ofBase.rightAnswers,
        base_text_loss: ofBase.baseTextLoss,
        sample: ofBase.sample,
        peak_bytes: peakBytes,
      },
      rows,
    };
  } finally {
    for (const { end } of [idle, ...running.map(({ client }) => client)]) end();
  }
}

/** Runs all rounds of all contenders, and measures the ceiling in each. */
async function takeTurns(
  running: readonly Running[],
  { steps, ceiling }: { steps: number; ceiling: () => Promise<number> },
): Promise<number[]> {
  const started = performance.now();
  const progress = new ProgressDisplay(process.stderr, () => performance.now());
  const totalSteps = steps * running.length;
  const ceilings: number[] = [];
  let step = 0;
  for (const [number, length] of roundLengths(steps).entries()) {
    ceilings.push(await ceiling());
    for (const { client, rounds } of number % 2 === 0 ? running : running.toReversed()) {
      const round = await client.call("train", length);
      rounds.push(round);
      step += length;
      const tokens = round.steps.reduce((sum, one) => sum + one.tokens, 0);
      const milliseconds = round.steps.reduce((sum, one) => sum + one.milliseconds, 0);
      progress.update({
        step,
        totalSteps,
        loss: round.loss,
        tokensPerSecond: (1000 * tokens) / milliseconds,
        secondsLeft: ((performance.now() - started) / 1000 / step) * (totalSteps - step),
      });
    }
  }
  progress.end();
  return ceilings;
}

function chooseContenders(all: Contender[], methods: readonly string[] | undefined): Contender[] {
  const unknown = methods?.find((name) => !all.some((one) => one.name === name));
  if (unknown !== undefined) {
    throw new Error(`--methods: unknown method ${unknown}; choose from ${all.map(({ name }) => name).join(", ")}`);
  }
  return methods === undefined ? all : all.filter(({ name }) => methods.includes(name));
}

/** Throws if the contenders, which are all in memory at once, do not fit. */
function requireMemory(config: ModelConfig, chosen: readonly Contender[]): void {
  const needed = chosen
    .map(({ peft }) => estimateCost(config, planMethods({ config, settings: peft, param: "peft" })).trainingPeakBytes)
    .reduce((sum, bytes) => sum + bytes, 0);
  if (needed <= freemem()) return;
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
  throw new Error(
    `${chosen.length} methods together need about ${gigabytes(needed)} GB, but only ${gigabytes(freemem())} GB are free: choose fewer with --methods`,
  );
}
