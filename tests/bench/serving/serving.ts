import { parseArgs } from "node:util";
import { inTurns } from "../in-turns.ts";
import { type BenchWorker, openBenchWorker } from "../in-workerd.ts";
import { type Machine, thisMachine } from "../machine.ts";
import { median } from "../median.ts";
import { showProgress } from "../progress.ts";
import { keepResult } from "../results.ts";
import { ceilingMeter, type WorkerdCeiling } from "../workerd-ceiling.ts";
import { LOADS, type Load, POSITIONS, RANK } from "./deltas.ts";
import { crossingTable, loadTable } from "./report.ts";
import { type Batch, type Round, SLOTS } from "./round.ts";

const SIZES = [1, 4, SLOTS];
const DISTINCT = [1, 2, 3, 4, 6, 8, 16];
const LAYOUTS = ["bank", "rows", "chosen"] as const;

/** Medians over the rounds. */
export interface LoadResult {
  readonly load: Load;
  readonly rows: number;
  readonly layout: "bank" | "rows";
  readonly stepMs: number;
  /** How much longer a step takes than on the bare base in the same rounds: 0.1 means 10 % longer. */
  readonly overhead: number;
  readonly joinMs: number;
  readonly prefillMs: number;
}

/** A step of 16 rows that share `distinct` different LoRA deltas, in both layouts. */
export interface CrossingResult {
  readonly distinct: number;
  readonly bankMs: number;
  readonly rowsMs: number;
  readonly chosen: "bank" | "rows";
}

export interface ServingBench {
  readonly command: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly clock: "processor" | "wall";
  readonly ceiling: WorkerdCeiling;
  readonly rank: number;
  readonly positions: number;
  readonly loads: readonly LoadResult[];
  readonly crossing: readonly CrossingResult[];
}

/**
 * Measures decoding inside workerd, on one thread and the embedded base: for each method, a step of a batch in which every row
 * has its own delta, compared with the bare base; and the point at which one layout of the factors becomes cheaper than the
 * other. The loads take turns, so that other work on the machine affects all of them alike. Times are processor time if the
 * system reports it.
 */
export async function benchServing(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "9" },
      steps: { type: "string", default: "8" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const worker = await openBenchWorker<Round>("serving-bench");
  try {
    const started = performance.now();
    const settings = { rounds: Number(values.rounds), steps: Number(values.steps) };
    const bench = {
      command: ["npm run bench -- serving", ...args].join(" "),
      created_at: new Date().toISOString(),
      ...(await measure(worker, settings)),
      seconds: Math.round((performance.now() - started) / 1000),
      machine: thisMachine(),
    } satisfies ServingBench;
    const text = values.json ? JSON.stringify(bench, null, 2) : `${loadTable(bench)}\n\n${crossingTable(bench)}`;
    process.stdout.write(`${text}\n`);
    if (values.write) keepResult("serving.json", bench);
  } finally {
    await worker.dispose();
  }
}

interface Settings {
  readonly rounds: number;
  readonly steps: number;
}

interface Timing {
  readonly layout: "bank" | "rows";
  readonly stepMs: number;
  readonly joinMs: number;
  readonly prefillMs: number;
}

async function measure(worker: BenchWorker<Round>, settings: Settings) {
  const ceiling = ceilingMeter(worker);
  const cases = SIZES.flatMap((rows) => LOADS.map((load) => ({ load, rows, layout: "chosen" as const })));
  const shares = DISTINCT.flatMap((distinct) =>
    LAYOUTS.map((layout) => ({ load: "lora" as const, rows: SLOTS, layout, distinct })),
  );
  const total = (settings.rounds + 1) * (cases.length + shares.length);
  let done = 0;
  const announce = (what: string) => showProgress(done++, total, "batches", what);
  const loads = await inTurns(cases, settings.rounds, ceiling.take, (batch) => {
    announce(`${batch.rows} rows of ${batch.load}`);
    return timeLoad(worker, batch, settings);
  });
  const crossing = await inTurns(shares, settings.rounds, ceiling.take, (batch) => {
    announce(`${batch.distinct} LoRA deltas, ${batch.layout}`);
    return timeStep(worker, batch, settings);
  });
  showProgress(total, total, "batches", "");
  return {
    clock: worker.clock,
    ceiling: ceiling.result(),
    rank: RANK,
    positions: POSITIONS,
    loads: cases.map(({ load, rows }, i) => {
      const bare = loads[cases.findIndex((other) => other.load === "bare" && other.rows === rows)]!;
      const timings = loads[i]!;
      const medianOf = (value: (timing: Timing) => number) => median(timings.map(value));
      return {
        load,
        rows,
        layout: timings[0]!.layout,
        stepMs: medianOf(({ stepMs }) => stepMs),
        overhead: median(timings.map(({ stepMs }, round) => stepMs / bare[round]!.stepMs)) - 1,
        joinMs: medianOf(({ joinMs }) => joinMs),
        prefillMs: medianOf(({ prefillMs }) => prefillMs),
      };
    }),
    crossing: DISTINCT.map((distinct, i) => {
      const [bank, rows, chosen] = crossing.slice(LAYOUTS.length * i, LAYOUTS.length * (i + 1));
      const medianOf = (timings: typeof bank) => median(timings!.map(({ ms }) => ms));
      return { distinct, bankMs: medianOf(bank), rowsMs: medianOf(rows), chosen: chosen![0]!.layout };
    }),
  };
}

async function timeStep(worker: BenchWorker<Round>, batch: Batch, { steps }: Settings) {
  await worker.run({ op: "arrange", times: 1, batch });
  // The first step may need to create windows.
  await worker.run({ op: "step", times: 1 });
  const { ms, answer } = await worker.run({ op: "step", times: Math.ceil((steps * SLOTS) / (batch.rows + 3)) });
  return { ms, layout: answer as "bank" | "rows" };
}

async function timeLoad(worker: BenchWorker<Round>, batch: Batch, settings: Settings): Promise<Timing> {
  const { ms: stepMs, layout } = await timeStep(worker, batch, settings);
  const { ms: joinMs } = await worker.run({ op: "join", times: 10 });
  const prefillMs = batch.rows === 1 ? (await worker.run({ op: "prefill", times: 4 })).ms : 0;
  return { layout, stepMs, joinMs, prefillMs };
}
