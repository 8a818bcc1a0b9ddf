import { afterAll, describe, expect, it } from "vitest";
import { type FoundValue, findValues, type ValueOptions } from "../../../trainer/edits/find-values.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { float64Executor } from "../../support/float64-executor.ts";
import { asDoubles, distance, editGolden, GOLDEN_MODELS } from "./golden.ts";

const onnxruntime = createOnnxRuntimeExecutor({ threads: 1 });

describe.each(GOLDEN_MODELS)("values of %s", (name) => {
  const golden = editGolden(name);
  const { json } = golden;
  const optionsOf = (kind: "rome" | "memit"): ValueOptions => {
    const { lr, steps, kl_factor, weight_decay, stop_below, clamp } = json[kind];
    const layer = kind === "rome" ? json.rome.layer : json.layers.at(-1)!;
    return {
      ...{ layer, measuredBy: kind === "rome" ? "mlp" : "layer", steps, clamp },
      ...{ learningRate: lr, klFactor: kl_factor, weightDecay: weight_decay, stopBelow: stop_below },
    };
  };
  const exact = golden.model(float64Executor, asDoubles);
  const served = golden.model(onnxruntime);
  afterAll(() => Promise.all([exact.dispose(), served.dispose()]));

  it.each(["rome", "memit"] as const)("of %s follow PyTorch's path, step by step", async (kind) => {
    const paths = new Map<number, { deltas: Float32Array[]; losses: number[] }>();
    // Two facts fill their graph; together both kinds have all three.
    const indices = kind === "rome" ? json.batch.slice(0, 2) : json.batch.slice(1);
    const facts = golden.facts(indices);
    const width = golden.config.hiddenSize;
    const found = await findValues(exact, facts, {
      ...optionsOf(kind),
      onStep: (group, deltas, losses) => {
        for (const [slot, { index }] of group.entries()) {
          const path = paths.get(index) ?? { deltas: [new Float32Array(width)], losses: [] };
          path.deltas.push(deltas.slice(slot * width, (slot + 1) * width));
          path.losses.push(losses[slot]!);
          paths.set(index, path);
        }
      },
    });
    for (const [i, index] of indices.entries()) {
      const entry = `${kind}.fact${index}`;
      const value0 = golden.numbers(`${entry}.value0`);
      expect(distance(found[i]!.start[kind === "rome" ? "mlp" : "layer"], value0)).toBeLessThan(1e-12);
      const deltas = golden.numbers(`${entry}.deltas`);
      const { losses } = json.paths[entry]!;
      expect(found[i]!.steps).toBe(losses.length);
      const path = paths.get(index)!;
      for (const [step, { loss }] of losses.entries()) {
        expect(path.losses[step]! / loss, `loss ${step} of ${entry}`).toBeCloseTo(1, 6);
        if (step === 0) continue;
        const expected = deltas.subarray(step * width, (step + 1) * width);
        expect(distance(path.deltas[step]!, expected), `δ ${step} of ${entry}`).toBeLessThan(1e-6);
      }
      expect(distance(found[i]!.delta, deltas.subarray(-width))).toBeLessThan(1e-6);
    }
  });

  it("stop at the loss that is low enough, before its update", async () => {
    const { fact, stop_below: stopBelow } = json.stopping;
    const [found] = await findValues(exact, golden.facts([fact]), { ...optionsOf("memit"), stopBelow });
    const { losses } = json.paths.stopping!;
    expect(found!.steps).toBe(losses.length);
    expect(found!.loss / losses.at(-1)!.loss).toBeCloseTo(1, 6);
    expect(distance(found!.delta, golden.numbers("stopping.deltas").subarray(-golden.config.hiddenSize))).toBeLessThan(
      1e-6,
    );
  });

  it("are the same alone and together, though they stop at different steps", async () => {
    const facts = golden.facts(json.batch);
    // Between the losses that two facts end with, so that not all stop at the same step.
    const last = json.batch.map((index) => json.paths[`rome.fact${index}`]!.losses.at(-3)!.loss).sort((a, b) => a - b);
    const options = { ...optionsOf("rome"), stopBelow: (last[0]! + last[2]!) / 2 };
    const together = await findValues(served, facts, options);
    const alone: FoundValue[] = [];
    for (const fact of facts) alone.push(...(await findValues(served, [fact], options)));
    for (const [i, { delta, steps }] of together.entries()) {
      expect(steps).toBe(alone[i]!.steps);
      expect(distance(delta, alone[i]!.delta)).toBeLessThan(1e-2);
    }
    expect(new Set(together.map(({ steps }) => steps)).size).toBeGreaterThan(1);
  });

  it("are found at the last layer too, above which nothing is computed", async () => {
    const losses: number[] = [];
    const [fact] = golden.facts(json.batch.slice(0, 1));
    // There a value is read by its own token alone, so that one must predict the target.
    const contexts = fact!.contexts.map(({ ids, at }) => ({ ids: ids.slice(0, at + 1), at }));
    const [found] = await findValues(served, [{ ...fact!, contexts }], {
      ...optionsOf("rome"),
      layer: golden.config.layers - 1,
      onStep: (_, __, [loss]) => void losses.push(loss!),
    });
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.01);
    expect(found!.delta.every(Number.isFinite)).toBe(true);
  });

  it("reach the reference's in 32 bits too", async () => {
    const found = await findValues(served, golden.facts(json.batch), optionsOf("rome"));
    for (const [i, index] of json.batch.entries()) {
      const expected = golden.numbers(`rome.fact${index}.deltas`).subarray(-golden.config.hiddenSize);
      expect(distance(found[i]!.delta, expected)).toBeLessThan(1e-2);
    }
  });
});
