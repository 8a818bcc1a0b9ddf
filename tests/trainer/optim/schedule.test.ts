import { describe, expect, it } from "vitest";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { train } from "../../../trainer/loop/train.ts";
import { initialState } from "../../../trainer/loop/training-state.ts";
import { learningRate, relativeRates, type Schedule } from "../../../trainer/optim/schedule.ts";
import { frozenTensors, trainingGraph } from "../../../trainer/recipes/causal-graphs.ts";
import { goldenMethod, goldenParameters } from "../../shared/peft/lora/golden.ts";
import { peftGolden } from "../../support/peft-golden.ts";
import { type GoldenTraining, goldenFeeds, largestDifference, readGoldenJson } from "../golden-llama.ts";

interface GoldenSchedule extends Pick<Schedule, "kind" | "warmupSteps" | "totalSteps" | "decay"> {
  readonly learningRate: number;
  readonly rates: readonly number[];
}
const { schedules } = readGoldenJson<{ schedules: GoldenSchedule[] }>("optim/adamw.json");

const ratesOf = (schedule: Schedule, steps = schedule.totalSteps) =>
  Array.from({ length: steps }, (_, step) => learningRate(schedule, step));

describe("learningRate", () => {
  it.each(schedules)(
    "warms up one step ahead of transformers, and then is its curve: $kind $decay.shape, $warmupSteps of $totalSteps",
    (golden) => {
      const { kind, warmupSteps, totalSteps, decay, rates, learningRate: peak } = golden;
      const got = ratesOf({ kind, peak, warmupSteps, totalSteps, decay });
      got.forEach((rate, step) => {
        const theirs = step < warmupSteps ? (rates[step + 1] ?? peak) : rates[step]!;
        expect(rate).toBeCloseTo(theirs, 12);
      });
      expect(got[0]).toBeGreaterThan(0);
    },
  );

  it("keeps the final rate after the end", () => {
    const schedule = { kind: "linear", peak: 1, warmupSteps: 0, totalSteps: 4 } as const;
    expect(ratesOf(schedule, 7)).toEqual([1, 0.75, 0.5, 0.25, 0, 0, 0]);
    expect(learningRate({ ...schedule, kind: "constant" }, 9)).toBe(1);
    expect(learningRate({ ...schedule, kind: "cosine" }, 9)).toBeCloseTo(0, 12);
    for (const shape of ["linear", "cosine", "1-sqrt"] as const) {
      expect(learningRate({ ...schedule, kind: "wsd", decay: { steps: 2, shape } }, 9)).toBeCloseTo(0, 12);
    }
  });
});

describe("relativeRates", () => {
  it("turns a parameter's own peak into a multiple of the run's", () => {
    const parameter = { name: "a", shape: [1], decay: true };
    const given = [parameter, { ...parameter, rate: 4 }, { ...parameter, learningRate: 1e-3 }];
    expect(relativeRates(given, { peak: 2e-3 })).toEqual([
      parameter,
      { ...parameter, rate: 4 },
      { ...parameter, rate: 0.5 },
    ]);
  });

  it("matches peft's LoRA+ optimizer after five steps", async () => {
    const golden = await peftGolden("loraplus");
    const { inputIds, labels, trainedTokens, training } = golden.json as unknown as GoldenTraining;
    const { learningRate: peak, steps, losses, ...optimizer } = training;
    const method = goldenMethod("loraplus", golden);
    const schedule = { kind: "constant", peak, warmupSteps: 0, totalSteps: steps } as const;
    const parameters = relativeRates(method.parameters, schedule);
    const [rows, tokens] = inputIds.shape;
    const seen: number[] = [];
    const state = await train(
      createOnnxRuntimeExecutor({ threads: 1 }),
      {
        gradients: trainingGraph({ config: golden.config, method, shape: { rows, tokens } }),
        frozen: frozenTensors(golden.weights, method),
        parameters,
        optimizer: { ...optimizer, maxGradNorm: 0 },
        schedule,
        batches: () => [{ feeds: goldenFeeds({ inputIds, labels, trainedTokens }), trainedTokens }],
      },
      initialState(parameters, goldenParameters("loraplus", golden)),
      { onStep: ({ loss }) => void seen.push(loss) },
    );
    expect(largestDifference(seen, losses.slice(0, steps))).toBeLessThan(1e-5);
    for (const [name, { data }] of goldenParameters("loraplus", golden, "after.safetensors")) {
      expect(largestDifference(state.tensors[name]!.data as Float32Array, data), name).toBeLessThan(1e-5);
    }
  });
});
