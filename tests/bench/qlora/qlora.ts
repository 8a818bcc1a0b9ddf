import { fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../../../infra/cli/table.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { parameterCount } from "../../../shared/model/modules.ts";
import { planMethods } from "../../../shared/peft/combine.ts";
import { ChosenSettings } from "../../../shared/peft/presets.ts";
import { type Machine, thisMachine } from "../machine.ts";
import { median } from "../median.ts";
import { showProgress } from "../progress.ts";
import { keepResult } from "../results.ts";
import { tinyLlamaBlocks, writeBaseFolder } from "./base-folder.ts";
import type { RunMessage, RunOptions, RunResult, StepDone } from "./run-process.ts";

const PROGRAM = join(import.meta.dirname, "run-process.ts");
const SIDES = ["lora", "qlora"] as const;

/** The output of `npm run bench -- qlora --json`. */
export interface QloraBench {
  readonly command: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly threads: number;
  readonly base: { readonly parameters: number; readonly file_bytes: number; readonly sizes: object };
  readonly batch: { readonly rows: number; readonly tokens: number };
  readonly steps: number;
  /** Peak memory of a process that has only loaded the code. */
  readonly bare_peak_bytes: number;
  readonly sides: readonly QloraSide[];
  /** QLoRA's peak as a share of LoRA's. */
  readonly peak_share: number;
}

export interface QloraSide {
  readonly name: (typeof SIDES)[number];
  /** One value per round. */
  readonly peak_bytes: readonly number[];
  readonly loaded_bytes: readonly number[];
  /** Size of the frozen base in memory. */
  readonly base_bytes: number;
  readonly ms_per_step: number;
  readonly losses: readonly number[];
  readonly published_bytes: number;
}

interface Run {
  readonly result: RunResult;
  readonly steps: readonly StepDone[];
}

/**
 * Trains LoRA and QLoRA alternately on the same base, each run in its own process, and compares their peak memory. Both use the
 * same recipe as jobs, which reads the weights from disk one by one and keeps one copy.
 */
export async function benchQlora(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      layers: { type: "string", default: "12" },
      steps: { type: "string", default: "4" },
      rounds: { type: "string", default: "2" },
      tokens: { type: "string", default: "128" },
      threads: { type: "string", default: String(availableParallelism()) },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const number = (name: "layers" | "steps" | "rounds" | "tokens" | "threads") => Number(values[name]);
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "trimtab-qlora-"));
  try {
    const sizes = tinyLlamaBlocks(number("layers"));
    const parameters = writeBaseFolder(folder, sizes, 1);
    const bench = {
      command: ["npm run bench -- qlora", ...args].join(" "),
      created_at: new Date().toISOString(),
      ...(await measure(folder, {
        steps: number("steps"),
        rounds: number("rounds"),
        tokens: number("tokens"),
        threads: number("threads"),
      })),
      base: { parameters, file_bytes: statSync(join(folder, "model.safetensors")).size, sizes },
      seconds: Math.round((performance.now() - started) / 1000),
      machine: thisMachine(),
    } satisfies QloraBench;
    process.stdout.write(values.json ? `${JSON.stringify(bench, null, 2)}\n` : `${textReport(bench)}\n`);
    if (values.write) keepResult("qlora.json", bench);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Measured {
  readonly steps: number;
  readonly rounds: number;
  readonly tokens: number;
  readonly threads: number;
}

async function measure(folder: string, { steps, rounds, tokens, threads }: Measured) {
  const bare = await start({ threads }, () => undefined);
  const runs = new Map<(typeof SIDES)[number], Run[]>(SIDES.map((name) => [name, []]));
  // Alternate the order, so that other work on the machine affects both alike.
  const order = Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? SIDES : SIDES.toReversed())).flat();
  const total = order.length * steps;
  for (const [i, name] of order.entries()) {
    const show = (step: number) => showProgress(i * steps + step, total, "steps", name);
    show(0);
    const run = { folder, peft: { type: name }, steps, tokens };
    runs.get(name)!.push(await start({ run, threads }, ({ step }) => show(step)));
  }
  const config = parseModelConfig(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")));
  const sides = SIDES.map((name): QloraSide => {
    const all = runs.get(name)!;
    const plan = planMethods({ config, settings: ChosenSettings.parse({ type: name }), param: "peft" });
    return {
      name,
      peak_bytes: all.map(({ result }) => result.peakBytes),
      loaded_bytes: all.map(({ result }) => result.loadedBytes),
      base_bytes: plan.frozenBytes ?? 4 * parameterCount(config),
      // The first step also loads everything into memory.
      ms_per_step: median(all.flatMap((run) => run.steps.slice(1).map(({ milliseconds }) => milliseconds))),
      losses: all[0]!.steps.map(({ loss }) => loss),
      published_bytes: all[0]!.result.publishedBytes,
    };
  });
  const [lora, qlora] = sides.map((side) => median(side.peak_bytes)) as [number, number];
  const { rows, rowTokens } = runs.get("lora")![0]!.result;
  return {
    threads,
    batch: { rows, tokens: rowTokens },
    steps,
    bare_peak_bytes: bare.result.peakBytes,
    sides,
    peak_share: qlora / lora,
  };
}

/** Runs one job to its end. Rejects if the process exits without a result. */
function start(options: RunOptions, onStep: (step: StepDone) => void): Promise<Run> {
  return new Promise((resolve, reject) => {
    const steps: StepDone[] = [];
    let result: RunResult | undefined;
    const child = fork(PROGRAM, [JSON.stringify(options)], { execArgv: ["--disable-warning=ExperimentalWarning"] });
    child.on("message", (message: RunMessage) => {
      if ("result" in message) {
        result = message.result;
        child.disconnect();
        return;
      }
      steps.push(message.step);
      onStep(message.step);
    });
    child.on("exit", (code, signal) => {
      if (result !== undefined) resolve({ result, steps });
      else reject(new Error(`a run exited with ${signal ?? code} before it had a result`));
    });
  });
}

/** The text that the benchmark prints. */
function textReport(bench: QloraBench): string {
  const head = ["method", "peak memory", "loaded", "frozen base", "other", "ms/step", "loss", "adapter"];
  const rows = bench.sides.map((side) => {
    const peak = median(side.peak_bytes);
    return [
      side.name,
      megabytes(peak),
      megabytes(median(side.loaded_bytes)),
      megabytes(side.base_bytes),
      megabytes(peak - side.base_bytes - bench.bare_peak_bytes),
      side.ms_per_step.toFixed(0),
      `${side.losses[0]!.toFixed(3)} to ${side.losses.at(-1)!.toFixed(3)}`,
      megabytes(side.published_bytes),
    ];
  });
  const { base, batch, machine } = bench;
  const [ofLora, ofQlora] = bench.sides.map((side) => side.base_bytes) as [number, number];
  const ceiling = ofQlora / ofLora;
  const millions = (base.parameters / 1e6).toFixed(0);
  return [
    table(head, rows, { right: [1, 2, 3, 4, 5, 7] }),
    "",
    `QLoRA's peak is ${(100 * bench.peak_share).toFixed(1)} % of LoRA's: ${millions} M parameters, ${megabytes(base.file_bytes)} of bfloat16 on disk, ${batch.rows} × ${batch.tokens} tokens.`,
    "loaded      memory before the first step",
    `frozen base size in memory; QLoRA's share of LoRA's peak tends to ${(100 * ceiling).toFixed(1)} % as the base outgrows everything else`,
    `other       activations, gradients, graphs: the peak less the base and the ${megabytes(bench.bare_peak_bytes)} of a process that has only loaded the code`,
    `machine     ${machine.cpu}, ${bench.threads} of ${machine.cores} cores, Node ${machine.node}`,
  ].join("\n");
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
