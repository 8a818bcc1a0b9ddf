/**
 * One training job in a separate process, so that its peak memory can be measured: the recipe as the trainer runs it, on a base
 * on disk. Takes its options as one JSON argument; reports every step and the final result to its parent.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ByteSource } from "../../../shared/formats/safetensors.ts";
import { ChosenSettings } from "../../../shared/peft/presets.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { RECIPES } from "../../../trainer/recipes/registry.ts";
import { DiskFile } from "../../../trainer/service/disk-file.ts";
import { BENCH_CONTEXT, benchJob } from "../bench-job.ts";
import { peakMemory } from "../machine.ts";

export interface RunOptions {
  /** If undefined, the process loads the same code and does nothing. */
  readonly run?: { readonly folder: string; readonly peft: object; readonly steps: number; readonly tokens: number };
  readonly threads: number;
}

export interface StepDone {
  readonly step: number;
  readonly milliseconds: number;
  readonly loss: number;
}

export interface RunResult {
  readonly peakBytes: number;
  /** Before the first step, with the base loaded and the graphs built. */
  readonly loadedBytes: number;
  readonly rows: number;
  readonly rowTokens: number;
  readonly publishedBytes: number;
}

export type RunMessage = { readonly step: StepDone } | { readonly result: RunResult };

const send = (message: RunMessage) => process.send!(message);
const { run, threads } = JSON.parse(process.argv[2]!) as RunOptions;
const executor = createOnnxRuntimeExecutor({ threads });

if (run === undefined) {
  send({ result: { peakBytes: peakMemory(), loadedBytes: peakMemory(), rows: 0, rowTokens: 0, publishedBytes: 0 } });
} else {
  send({ result: await train(run) });
}

async function train({ folder, peft, steps, tokens }: NonNullable<RunOptions["run"]>): Promise<RunResult> {
  const shape = { rows: 0, rowTokens: 0, loadedBytes: 0 };
  let [since, loss] = [0, 0];
  const { folder: published } = await RECIPES.supervised(
    benchJob({
      seed: 1,
      base: { id: "bench", digest: "0".repeat(64), files: filesOf(folder) },
      training: { name: "bench.jsonl", digest: "1".repeat(64), bytes: longExamples() },
      hyperparameters: {
        batch_size: 1,
        learning_rate: 1e-4,
        max_steps: steps,
        max_length: tokens,
        lr_schedule: "constant",
        warmup_ratio: 0,
      },
      peft: ChosenSettings.parse(peft),
    }),
    {
      ...BENCH_CONTEXT,
      executor,
      event: ({ data }) => {
        if (data?.row_tokens !== undefined) {
          Object.assign(shape, {
            rows: Number(data.rows),
            rowTokens: Number(data.row_tokens),
            loadedBytes: peakMemory(),
          });
          since = performance.now();
        }
        if (data?.loss !== undefined) loss = Number(data.loss);
      },
      afterStep: async ({ step }) => {
        send({ step: { step, milliseconds: performance.now() - since, loss } });
        since = performance.now();
      },
    },
  );
  const publishedBytes = [...published.files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { ...shape, peakBytes: peakMemory(), publishedBytes };
}

/** Weights stay on disk, as they do for a job. */
function filesOf(folder: string): Map<string, ByteSource> {
  return new Map(
    readdirSync(folder).map((name) => {
      const path = join(folder, name);
      return [name, name.endsWith(".safetensors") ? new DiskFile(path) : new Uint8Array(readFileSync(path))];
    }),
  );
}

/** Examples longer than a row, so that every row is full. */
function longExamples(): Uint8Array {
  const text = "The tide comes in and the tide goes out, and the boats go with it. ".repeat(100);
  const lines = Array.from({ length: 16 }, (_, i) => JSON.stringify({ prompt: `${i}:`, completion: text }));
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
}
