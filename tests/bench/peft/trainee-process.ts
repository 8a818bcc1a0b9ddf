/**
 * A contender in a separate process, so that its peak memory can be measured. The parent makes one call at a time over IPC, and
 * each call is answered with its result or error.
 */
import type { PeftChoice } from "../../../shared/peft/presets.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { openCeiling } from "../ceiling.ts";
import { peakMemory } from "../machine.ts";
import { embeddedBase } from "./task.ts";
import { type Finished, type Round, Trainee } from "./trainee.ts";

/** The calls that the parent can make, and their results. */
export interface TraineeCalls {
  start(options: StartOptions): Promise<{ peakBytes: number }>;
  train(steps: number): Promise<Round>;
  finish(): Promise<Finished>;
  /** Current GFLOP/s of plain products. */
  ceiling(): Promise<number>;
}

export interface StartOptions {
  readonly threads: number;
  /** null for the unchanged base. */
  readonly peft: PeftChoice | null;
  readonly totalSteps: number;
  readonly samples?: number | undefined;
}

export type Call = {
  [N in keyof TraineeCalls]: { readonly name: N; readonly argument: Parameters<TraineeCalls[N]>[0] };
}[keyof TraineeCalls];
export type Answer = { readonly result: unknown } | { readonly error: string };

let trainee: Trainee | undefined;
let threads = 1;

const calls: TraineeCalls = {
  async start(options) {
    threads = options.threads;
    const executor = createOnnxRuntimeExecutor({ threads });
    trainee = await Trainee.create({ ...options, executor, base: await embeddedBase() });
    return { peakBytes: peakMemory() };
  },
  train: (steps) => trainee!.train(steps),
  finish: () => trainee!.finish(),
  async ceiling() {
    const ceiling = await openCeiling(createOnnxRuntimeExecutor({ threads }), threads);
    try {
      return await ceiling.measure();
    } finally {
      await ceiling.dispose();
    }
  },
};

async function answer({ name, argument }: Call): Promise<Answer> {
  try {
    return { result: await calls[name](argument as never) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on("message", async (call: Call) => process.send!(await answer(call)));
