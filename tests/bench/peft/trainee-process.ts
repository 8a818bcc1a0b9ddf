/**
 * A contender in a process of its own, whose peak memory is then its own. The parent asks over IPC, one call at a time, and each
 * call is answered by its result or its error.
 */
import type { PeftChoice } from "../../../shared/peft/presets.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { openCeiling } from "../ceiling.ts";
import { peakMemory } from "../machine.ts";
import { embeddedBase } from "./task.ts";
import { type Finished, type Round, Trainee } from "./trainee.ts";

/** What the parent can ask for, and gets. */
export interface TraineeCalls {
  start(options: StartOptions): Promise<{ peakBytes: number }>;
  train(steps: number): Promise<Round>;
  finish(): Promise<Finished>;
  /** GFLOP/s of plain products, at this moment. */
  ceiling(): Promise<number>;
}

export interface StartOptions {
  readonly threads: number;
  /** null for the base as it is. */
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
