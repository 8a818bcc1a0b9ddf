import { describe, expect, it, vi } from "vitest";
import { parseManifest } from "../../../shared/delta/manifest.ts";
import { decodeScorer } from "../../../shared/delta/scorer-file.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { TINY_FILES } from "./objectives/run-objective.ts";
import { rewardSettings, runRewardModel } from "./reward-model/run-reward-model.ts";

vi.setConfig({ testTimeout: 120_000 });

const WORDS = ["red", "green", "blue", "one", "two"];
const jsonl = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const pairs = (count: number, more: object = {}) =>
  jsonl(
    Array.from({ length: count }, (_, i) => {
      const word = `${WORDS[i % 5]!} ${i}`;
      return { prompt: `say ${word}:`, chosen: ` ${word.toUpperCase()}`, rejected: ` ${word}`, ...more };
    }),
  );

describe("a reward model's job", () => {
  it("publishes one delta: an adapter as other tools read it, the scorer, and what it measured", async () => {
    const { outcome, delta, messages, shown } = await runRewardModel({ training: pairs(50) });
    const { kind, files } = outcome.folder;
    expect([kind, [...files.keys()].sort()]).toEqual([
      "delta",
      [
        ...["adapter_config.json", "adapter_model.safetensors", "manifest.json", "scorer.safetensors"],
        "serving.safetensors",
      ],
    ]);
    const { scorer, methods, metrics } = parseManifest(files.get("manifest.json")!);
    expect({ scorer, methods }).toEqual({
      scorer: { labels: ["reward"], modes: ["lookahead"] },
      methods: ["lora", "scorer"],
    });
    expect(metrics).toMatchObject({
      accuracy: outcome.metrics.accuracy,
      length_accuracy: outcome.metrics.length_accuracy,
      calibration_pairs: 5,
    });
    const { config } = loadModelFolder(TINY_FILES);
    expect(decodeScorer(files.get("scorer.safetensors")!, config)).toEqual(delta.scorer);
    expect(delta.scorer!.about.seen!.variances.length).toBeGreaterThan(0);
    expect(messages.some((message) => message.includes("45 pairs of a better and a worse completion"))).toBe(true);
    expect(messages.some((message) => message.includes("5 that are held out to measure and calibrate on"))).toBe(true);
    // There is no validation file, so nothing speaks of one but the advice to send one.
    expect(shown.some((message) => /^Loss of the base on the held-out lines: /.test(message))).toBe(true);
    expect(shown.some((message) => /^Loss on the held-out lines: /.test(message))).toBe(true);
    expect(shown.some((message) => /^Step .* on the held-out lines$/.test(message))).toBe(true);
    expect(shown.filter((message) => message.includes("validation file"))).toEqual([]);
  });

  it("asks for a wider margin where the data does, and keeps rewards near 0 if it is told to", async () => {
    const run = (hyperparameters: object, more: object = {}) =>
      runRewardModel({
        settings: rewardSettings({ max_steps: 1, batch_size: 8, ...hyperparameters }),
        training: pairs(8, more),
      });
    // With equal rewards the loss is −log σ(−m).
    for (const [hyperparameters, more, margin] of [
      [{}, { margin: 1.5 }, 1.5],
      [{ rating_margin: 0.5 }, { chosen_rating: 5, rejected_rating: 1 }, 2],
    ] as const) {
      const { steps } = await run(hyperparameters, more);
      expect(steps[0]!.loss).toBeCloseTo(Math.log(1 + Math.exp(margin)), 5);
    }
    const level = async (c: number) => {
      const settings = rewardSettings({ max_steps: 12, batch_size: 8, center_rewards_coefficient: c });
      const { steps } = await runRewardModel({ settings, training: pairs(8) });
      return Math.abs(steps.at(-1)!.mean_reward!);
    };
    expect(await level(1)).toBeLessThan(Math.max(0.1, await level(0)));
  });

  it("refuses a model with weights of its own", async () => {
    const parent = { kind: "model", digest: "p", files: TINY_FILES } as const;
    await expect(runRewardModel({ training: pairs(4) }, { parent })).rejects.toMatchObject({
      code: "invalid_request",
      param: "model",
    });
  });
});
