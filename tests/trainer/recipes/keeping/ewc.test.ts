import { describe, expect, it, vi } from "vitest";
import { weightSpecs } from "../../../../shared/model/modules.ts";
import type { AttachedMethod } from "../../../../shared/peft/method.ts";
import { ChosenSettings } from "../../../../shared/peft/presets.ts";
import { f32, type Tensor, zeros } from "../../../../shared/tensor.ts";
import { takenBy } from "../../../../trainer/engines/feeds.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { metricOutput } from "../../../../trainer/loop/metrics.ts";
import { slots } from "../../../../trainer/optim/adamw.ts";
import { EWC_PENALTY, ewcGraph } from "../../../../trainer/recipes/keeping/ewc.ts";
import { attached } from "../../../support/peft.ts";
import { goldenBase, largestDifference } from "../../golden-llama.ts";
import { fisherOfGolden, type GoldenEwc, goldenEwc, inGraph } from "./golden-ewc.ts";
import { keepingResumed, keepingRun } from "./keeping-run.ts";

vi.setConfig({ testTimeout: 120_000 });

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const { config, weights } = goldenBase();

/** The penalty and its gradients, on top of accumulators of 1. */
async function penalised(method: AttachedMethod, values: ReadonlyMap<string, Tensor>, lambda: number) {
  const { diagonal } = await fisherOfGolden();
  const graph = ewcGraph({ config, method, lambda, fisher: diagonal })!;
  const bindings = takenBy(
    graph,
    new Map<string, Tensor>([
      ...(method.frozen ?? []),
      ...weightSpecs(config).map(({ name }) => [`start#${name}`, weights.get(name)!] as const),
      ...[...diagonal].map(([name, tensor]) => [`fisher#${name}`, tensor] as const),
    ]),
  );
  const program = await executor.compile(graph, { bindings });
  const ones = method.parameters.map(({ name, shape }) => {
    const filled = zeros(shape);
    filled.data.fill(1);
    return [slots(name).gradient, filled] as const;
  });
  const own = method.parameters.map(({ name }) => [name, values.get(name)!] as const);
  const outputs = await program.run(Object.fromEntries([...ones, ...own]));
  await program.dispose();
  const gradient = (name: string) => (outputs[slots(name).gradient]!.data as Float32Array).map((value) => value - 1);
  return {
    penalty: Number(outputs[metricOutput(EWC_PENALTY)]!.data[0]),
    loss: Number(outputs.loss!.data[0]),
    gradient,
  };
}

/** Relative to the largest number: single ones are sums that nearly cancel. */
const relative = (got: ArrayLike<number>, expected: readonly number[]) =>
  largestDifference(got as Float32Array, expected) / Math.max(...expected.map(Math.abs));

describe("ewcGraph, against PyTorch", () => {
  const golden: GoldenEwc = goldenEwc();

  it("holds every weight that full training changes", async () => {
    const method = attached({ type: "full" }, { config, weights });
    const grown = new Map(
      weightSpecs(config).map(({ name, shape }) => [
        name,
        f32(
          shape,
          weights.get(name)!.data.map((w) => w * 1.01),
        ),
      ]),
    );
    const { penalty, loss, gradient } = await penalised(method, grown, golden.lambda);
    expect(loss).toBe(0);
    expect(penalty / golden.full.penalty).toBeCloseTo(1, 4);
    for (const { name } of weightSpecs(config)) {
      const norm = Math.hypot(...gradient(name));
      // The accumulators' 1 leaves single precision few digits of small gradients.
      expect(Math.abs(norm - golden.full.gradientNorms[name]!), name).toBeLessThan(1e-4 + 1e-3 * norm);
    }
    for (const [name, expected] of Object.entries(golden.full.gradients)) {
      expect(largestDifference(gradient(name), inGraph(name, expected).data as Float32Array), name).toBeLessThan(1e-6);
    }
  });

  it("holds the weights that LoRA makes", async () => {
    const { scale, rank, factors, gradients, penalty: expected } = golden.lora;
    const method = attached(
      { type: "lora", r: rank, lora_alpha: rank * scale, target_modules: Object.keys(factors) },
      { config, weights },
    );
    const values = new Map<string, Tensor>();
    for (const { name, shape } of method.parameters) {
      const { a, b } = factors[name.replace(/\.lora_[AB]$/, "")]!;
      values.set(name, f32(shape, name.endsWith("A") ? a : b));
    }
    const { penalty, gradient } = await penalised(method, values, golden.lambda);
    expect(penalty / expected).toBeCloseTo(1, 5);
    for (const [path, { a, b }] of Object.entries(gradients)) {
      expect(relative(gradient(`${path}.lora_A`), a), path).toBeLessThan(1e-3);
      expect(relative(gradient(`${path}.lora_B`), b), path).toBeLessThan(1e-3);
    }
  });

  it("is nothing for methods that leave the weights alone", async () => {
    const { diagonal: fisher } = await fisherOfGolden();
    for (const type of ["prefix", "bottleneck"]) {
      const method = attached({ type }, { config, weights });
      expect(ewcGraph({ config, method, lambda: 1, fisher }), type).toBeUndefined();
    }
  });
});

describe("a run with ewc_lambda", () => {
  it("changes the weights less the larger λ is, reports the penalty, and resumes to the same bytes", async () => {
    const kept = async (ewc_lambda?: number) => {
      const { outcome, steps } = await keepingRun({ hyperparameters: { ewc_lambda, max_steps: 8 } });
      const { "forgetting/text_loss_after": after, "forgetting/text_loss_before": before } = outcome.metrics;
      return { rise: Math.abs(after! - before!), steps };
    };
    const [free, held] = [await kept(), await kept(1e6)];
    expect(held.rise).toBeLessThan(free.rise / 2);
    expect(free.steps[0]).not.toHaveProperty("ewc_penalty");
    // LoRA starts where the base is.
    expect(held.steps[0]!.ewc_penalty).toBe(0);
    expect(held.steps.at(-1)!.ewc_penalty).toBeGreaterThan(0);
    const run = { hyperparameters: { ewc_lambda: 100, max_steps: 6 } };
    const [whole, resumed] = [await keepingRun(run), await keepingResumed(run, 3)];
    expect(resumed.files).toEqual(whole.files);
  });

  it.each(["dora", "ia3", "adalora", "qlora", "full"])("trains %s", async (type) => {
    const settings = type === "adalora" ? { type, tinit: 0, tfinal: 0 } : { type };
    const { steps } = await keepingRun({
      hyperparameters: { ewc_lambda: 10, max_steps: 2 },
      peft: ChosenSettings.parse(settings),
    });
    expect(steps[1]!.ewc_penalty).toBeGreaterThan(0);
  });

  it("refuses a method that changes no weights, by name", async () => {
    const run = keepingRun({ hyperparameters: { ewc_lambda: 1 }, peft: ChosenSettings.parse({ type: "prefix" }) });
    await expect(run).rejects.toMatchObject({
      code: "invalid_request",
      param: "method.tested.hyperparameters.ewc_lambda",
      message: expect.stringContaining("`prefix` changes none of them"),
    });
  });
});
