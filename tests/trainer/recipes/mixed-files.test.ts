/** Runs on several files, on the tiny model. */
import { describe, expect, it, vi } from "vitest";
import type { TrainingSettings } from "../../../shared/api/methods.ts";
import { Method, settingsOf } from "../../../shared/api/methods.ts";
import type { TrainerEvent } from "../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { joinDatasets } from "../../../trainer/recipes/join-datasets.ts";
import { filesInOrder, mixFiles } from "../../../trainer/recipes/mixed-files.ts";
import type { Metrics, Progress, RecipeJob } from "../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../trainer/recipes/registry.ts";
import { quietContext, TINY_FILES } from "./objectives/run-objective.ts";

vi.setConfig({ testTimeout: 120_000 });

const pair = (prompt: string, completion: string) => JSON.stringify({ prompt, completion });
const SUMS = Array.from({ length: 8 }, (_, n) => pair(`${n}+1=`, String(n + 1)));
const CAPITALS = ["Norway Oslo", "France Paris", "Japan Tokyo"].map((line) =>
  pair(line.split(" ")[0]!, line.split(" ")[1]!),
);

async function dataset(name: string, lines: readonly string[]) {
  const bytes = new TextEncoder().encode(lines.join("\n"));
  return { name, bytes, digest: await sha256Hex(bytes) };
}

interface RunOptions {
  readonly mixture?: RecipeJob["mixture"];
  readonly weights?: readonly [number, number];
  readonly checkpoint?: Uint8Array;
  readonly afterStep?: (progress: Progress) => void;
  readonly hyperparameters?: object;
}

async function run({ mixture, weights = [1, 1], checkpoint, afterStep, hyperparameters }: RunOptions = {}) {
  const method = Method.parse({
    type: "supervised",
    supervised: {
      hyperparameters: { n_epochs: 3, batch_size: 4, learning_rate_multiplier: 1, ...hyperparameters },
      peft: { type: "lora", r: 2, lora_alpha: 4 },
    },
  });
  const files = [await dataset("sums.jsonl", SUMS), await dataset("capitals.jsonl", CAPITALS)];
  const events: Omit<TrainerEvent, "seq">[] = [];
  const job: RecipeJob = {
    ...{ run: "run", type: "supervised", settings: settingsOf(method), seed: 5, createdAt: 1_700_000_000 },
    base: { id: "tiny", digest: "b".repeat(64), files: TINY_FILES },
    training: await joinDatasets(files.map((one, at) => ({ dataset: one, weight: weights[at]! }))),
    validation: await joinDatasets(files.map((one) => ({ dataset: one, weight: 1 }))),
    ...{ mixture, checkpoint: checkpoint ?? null },
  };
  const outcome = await RECIPES.supervised(
    job as RecipeJob<TrainingSettings> as RecipeJob,
    quietContext({ event: (event) => void events.push(event), afterStep: async (progress) => afterStep?.(progress) }),
  );
  return {
    events,
    metrics: outcome.metrics,
    digests: await Promise.all([...outcome.folder.files.values()].map((bytes) => sha256Hex(bytes))),
    steps: events.flatMap(({ type, data }) => (type === "metrics" ? [data as Metrics] : [])),
  };
}

describe("a run on two files", () => {
  it("says what was planned and what came of it, and measures each file by itself", async () => {
    const { events, metrics, steps } = await run({ weights: [1, 4], mixture: { temperature: 1, strategy: "spread" } });
    const messages = events.map(({ message }) => message);
    expect(messages).toContain(
      "An epoch has 20 examples of 2 files: sums.jsonl 40.0 % (8 an epoch, of 8); capitals.jsonl 60.0 % (12 an epoch, of 3)",
    );
    expect(messages).toContain(
      "Trained on 60 examples: sums.jsonl 40.0 % (planned 40.0 %), gone through 3.00 times; capitals.jsonl 60.0 % (planned 60.0 %), gone through 12.00 times",
    );
    expect(messages.some((message) => message.startsWith("capitals.jsonl: 3 kept"))).toBe(true);
    expect(metrics).toMatchObject({ "share/sums.jsonl": 0.4, "epochs/capitals.jsonl": 12 });
    expect(steps).toHaveLength(15);
    const last = steps.at(-1)!;
    for (const name of ["sums.jsonl", "capitals.jsonl"]) {
      expect(metrics[`valid_loss/${name}`]).toBe(last[`valid_loss/${name}`]);
      // The validation files are the training files, whose beginnings are all of them.
      expect(metrics[`train_loss/${name}`]).toBeCloseTo(metrics[`valid_loss/${name}`]!, 5);
      const accuracy = metrics[`valid_mean_token_accuracy/${name}`]!;
      expect(accuracy).toBe(last[`valid_mean_token_accuracy/${name}`]);
      expect(metrics[`train_mean_token_accuracy/${name}`]).toBeCloseTo(accuracy, 5);
    }
    const [sums, capitals] = [metrics["valid_loss/sums.jsonl"]!, metrics["valid_loss/capitals.jsonl"]!];
    const shares = ["sums.jsonl", "capitals.jsonl"].map((name) => metrics[`valid_mean_token_accuracy/${name}`]!);
    expect(metrics.valid_mean_token_accuracy).toBeGreaterThanOrEqual(Math.min(...shares));
    expect(metrics.valid_mean_token_accuracy).toBeLessThanOrEqual(Math.max(...shares));
    expect(metrics.tuned_loss).toBeGreaterThan(Math.min(sums, capitals));
    expect(metrics.tuned_loss).toBeLessThan(Math.max(sums, capitals));
  });

  it("measures the files on the step that it publishes", async () => {
    // A rate that rises to one that does harm, so that the last step is not the best.
    const rate = { learning_rate: 1, lr_schedule: "constant", warmup_ratio: 1 };
    const hyperparameters = { ...rate, eval_steps: 1, load_best_model_at_end: true };
    const { metrics, steps } = await run({ hyperparameters });
    expect(metrics.best_step).toBeLessThan(steps.length);
    for (const name of ["sums.jsonl", "capitals.jsonl"]) {
      expect(metrics[`train_loss/${name}`]).toBeCloseTo(metrics[`valid_loss/${name}`]!, 5);
    }
  });

  it("resumes to the same bytes wherever it was killed", async () => {
    const options = { weights: [1, 2] as const, mixture: { temperature: 2, strategy: "shuffle" as const } };
    const whole = await run(options);
    for (const at of [1, 4, 7]) {
      let checkpoint: Uint8Array | undefined;
      const killed = run({
        ...options,
        afterStep({ step, state }) {
          if (step !== at) return;
          checkpoint = state();
          throw new Error("killed");
        },
      });
      await expect(killed).rejects.toThrow("killed");
      const resumed = await run({ ...options, checkpoint: checkpoint! });
      expect(resumed.digests).toEqual(whole.digests);
      expect(resumed.metrics).toEqual({
        ...whole.metrics,
        train_tokens_per_second: expect.any(Number),
      });
    }
  });

  it("learns from other examples for another mixture", async () => {
    const [plain, weighted] = [await run(), await run({ weights: [1, 4] })];
    expect(plain.digests).not.toEqual(weighted.digests);
    expect(plain.metrics).toMatchObject({ "epochs/sums.jsonl": 3, "epochs/capitals.jsonl": 3 });
  });
});

describe("files", () => {
  it("have names of their own in metrics", () => {
    const names = filesInOrder(
      ["a.jsonl", "a.jsonl", "a.jsonl (2)", `${"x".repeat(50)}1`, `${"x".repeat(50)}2`].map((name) => {
        return { name, units: 2 };
      }),
    );
    expect(names.map(({ name, from }) => [name, from])).toEqual([
      ["a.jsonl", 0],
      ["a.jsonl (2)", 2],
      ["a.jsonl (2) (2)", 4],
      ["x".repeat(32), 6],
      [`${"x".repeat(32)} (2)`, 8],
    ]);
  });

  it("must not make an epoch that is too long to plan", () => {
    const files = filesInOrder([{ name: "a", units: 1000 }]);
    const mix = (weight: number) =>
      mixFiles(files, { shares: [{ weight }], temperature: 1, strategy: "shuffle", seed: 1 });
    expect(mix(2).perEpoch).toBe(2000);
    expect(() => mix(20_000)).toThrow(expect.objectContaining({ code: "invalid_request", param: "training_file" }));
  });
});
