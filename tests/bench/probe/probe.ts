import { parseArgs } from "node:util";
import baseConfig from "../../../infra/base/model/config.json" with { type: "json" };
import { table } from "../../../infra/cli/table.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { parameterCount } from "../../../shared/model/modules.ts";
import { inTurns } from "../in-turns.ts";
import { type BenchWorker, openBenchWorker } from "../in-workerd.ts";
import { type Machine, thisMachine } from "../machine.ts";
import { median } from "../median.ts";
import { showProgress } from "../progress.ts";
import { keepResult } from "../results.ts";
import { ceilingMeter, type WorkerdCeiling } from "../workerd-ceiling.ts";
import { COUNTS, type ProbeRound, WAYS, type Way } from "./round.ts";

const ROWS = [
  { load: "bare", tokens: 20 },
  { load: "bare", tokens: 128 },
  { load: "bare", tokens: 400 },
  { load: "lora", tokens: 128 },
] as const;

/** Medians over the rounds, in ms. */
export interface ProbeResult {
  readonly load: string;
  readonly tokens: number;
  readonly candidates: number;
  /** Of the row alone. */
  readonly stepMs: number;
  readonly ms: Readonly<Record<Way, number>>;
  /** What the products with the weights alone would take at the ceiling of large products. */
  readonly leastMs: number;
  /** Of the probe's logits from those of decoding each candidate, the largest among 64. */
  readonly difference: number;
}

export interface ProbeBench {
  readonly command: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly clock: "processor" | "wall";
  readonly ceiling: WorkerdCeiling;
  readonly results: readonly ProbeResult[];
}

/**
 * Inside workerd, one thread, in the shape of the embedded base: what it takes to learn the logits and final states of several candidates for
 * a row's next token, by a probe and by the other ways of `WAYS`. The ways take turns.
 */
export async function benchProbe(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "7" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const worker = await openBenchWorker<ProbeRound>("probe-bench");
  try {
    const started = performance.now();
    const bench = {
      command: ["npm run bench -- probe", ...args].join(" "),
      created_at: new Date().toISOString(),
      ...(await measure(worker, Number(values.rounds))),
      seconds: Math.round((performance.now() - started) / 1000),
      machine: thisMachine(),
    } satisfies ProbeBench;
    process.stdout.write(`${values.json ? JSON.stringify(bench, null, 2) : report(bench)}\n`);
    if (values.write) keepResult("probe.json", bench);
  } finally {
    await worker.dispose();
  }
}

async function measure(worker: BenchWorker<ProbeRound>, rounds: number) {
  const meter = ceilingMeter(worker);
  const ways = [{ op: "singles" as const, count: 1 }, ...COUNTS.flatMap((count) => WAYS.map((op) => ({ op, count })))];
  const total = ROWS.length * (rounds + 1) * ways.length;
  const measured: {
    readonly row: (typeof ROWS)[number];
    readonly taken: readonly number[][];
    readonly difference: number;
  }[] = [];
  let done = 0;
  for (const row of ROWS) {
    await worker.run({ op: "arrange", times: 1, ...row });
    const difference = Number((await worker.run({ op: "differ", times: 1 })).answer);
    const taken = await inTurns(ways, rounds, meter.take, async (way) => {
      showProgress(done++, total, "rounds", `${row.load}, ${row.tokens} tokens: ${way.op} ${way.count}`);
      return (await worker.run({ ...way, times: Math.ceil(16 / way.count) })).ms;
    });
    measured.push({ row, taken, difference });
  }
  showProgress(total, total, "rounds", "");
  const ceiling = meter.result();
  const flops = 2 * parameterCount(parseModelConfig(baseConfig));
  const results = measured.flatMap(({ row, taken, difference }) => {
    const ms = (op: Way, count: number) =>
      median(taken[ways.findIndex((way) => way.op === op && way.count === count)]!);
    return COUNTS.map((count): ProbeResult => {
      const each = Object.fromEntries(WAYS.map((op) => [op, ms(op, count)])) as Record<Way, number>;
      const leastMs = (count * flops) / ceiling.gemmGflops / 1e6;
      return { ...row, candidates: count, stepMs: ms("singles", 1), ms: each, leastMs, difference };
    });
  });
  return { clock: worker.clock, ceiling, results };
}

function report({ results, ceiling, clock, machine }: ProbeBench): string {
  const head = ["row", "candidates", "one step", "probe", "batch", "copies", "singles", "least", "difference"];
  const ms = (value: number) => value.toFixed(2);
  const cells = results.map(({ load, tokens, candidates, stepMs, ms: way, leastMs, difference }) => [
    `${load}, ${tokens} tokens`,
    String(candidates),
    ms(stepMs),
    ...[way.probe, way.batch, way.copies, way.singles].map(ms),
    ms(leastMs),
    difference.toExponential(1),
  ]);
  return [
    table(head, cells, { right: [1, 2, 3, 4, 5, 6, 7, 8] }),
    "",
    "ms until all candidates have their logits and final states",
    "one step   a decoding step of the row alone",
    "batch      one step of as many rows, each with its own cache: no way to probe, but what a probe is held against",
    "copies     the row copied into as many slots, such a step, and what it wrote cleared",
    "singles    a step for each candidate",
    `least      the weights' products alone at the ceiling, ${ceiling.gemmGflops.toFixed(0)} GFLOP/s by large products; ${ceiling.gemvGbPerSecond.toFixed(0)} GB/s by a row times matrices`,
    "difference of a probe's logits from those of decoding each candidate, the largest among 64",
    `machine    ${machine.cpu}, one of ${machine.cores} cores; times of the ${clock === "wall" ? "clock" : "processor"}`,
  ].join("\n");
}
