import { describe, expect, it } from "vitest";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { train } from "../../../trainer/loop/train.ts";
import { initialState } from "../../../trainer/loop/training-state.ts";
import { allParameters, pretrainPlan } from "../../../trainer/recipes/pretrain.ts";
import { type GoldenTraining, goldenBase, goldenFeeds, largestDifference, readGoldenJson } from "../golden-llama.ts";

const { config, weights } = goldenBase();
const { training } = readGoldenJson<Pick<GoldenTraining, "training">>("lora/full.json");
const feeds = goldenFeeds(readGoldenJson<GoldenTraining>("lora/golden.json"));

describe("allParameters", () => {
  it("is every weight, and decays none of the norms", () => {
    const parameters = allParameters(config);
    expect(parameters.map(({ name }) => name)).toEqual([...weights.keys()]);
    const kept = parameters.filter(({ decay }) => !decay).map(({ name }) => name);
    expect(kept).toHaveLength(2 * config.layers + 1);
    expect(kept.every((name) => name.endsWith("norm.weight"))).toBe(true);
  });
});

describe("pretrainPlan", { timeout: 30_000 }, () => {
  it("trains every weight as PyTorch does, one micro-batch a step", async () => {
    const asked: number[] = [];
    const { learningRate, steps, ...optimizer } = training;
    const plan = pretrainPlan({
      config,
      shape: { rows: 2, tokens: 10 },
      optimizer,
      schedule: { kind: "constant", peak: learningRate, warmupSteps: 0, totalSteps: steps },
      batch: (step) => {
        asked.push(step);
        return { feeds, trainedTokens: 13 };
      },
    });
    // The golden's optimizer decays the norms too.
    const parameters = plan.parameters.map((parameter) => ({ ...parameter, decay: true }));
    const losses: number[] = [];
    const state = await train(
      createOnnxRuntimeExecutor({ threads: 1 }),
      { ...plan, parameters },
      initialState(parameters, weights),
      { onStep: ({ loss }) => void losses.push(loss) },
    );
    expect(largestDifference(losses, training.losses.slice(0, steps))).toBeLessThan(1e-4);
    expect(asked).toEqual([0, 1, 2, 3, 4]);
    expect(state.trainedTokens).toBe(65);
    expect([...plan.frozen.keys()]).toEqual([]);
  });
});
