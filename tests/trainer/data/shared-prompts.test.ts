import { describe, expect, it } from "vitest";
import { JOB_TYPES } from "../../../shared/api/methods.ts";
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import { evaluationBatches, type RowOptions } from "../../../trainer/data/batches.ts";
import { blockLengths, blocksOf } from "../../../trainer/data/shared-prompts.ts";
import type { Unit, UnitExample } from "../../../trainer/data/units.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { slots } from "../../../trainer/optim/adamw.ts";
import { feedsFor, frozenTensors, trainingGraphWithMetrics } from "../../../trainer/recipes/causal-graphs.ts";
import { dpo } from "../../../trainer/recipes/dpo.ts";
import { goldenModel } from "../../shared/model/golden-models.ts";
import { attached, moved } from "../../support/peft.ts";

/** A prompt and a completion, of which the completion is trained. */
function example(
  prompt: readonly number[],
  completion: readonly number[],
  columns?: UnitExample["columns"],
): UnitExample {
  const ids = Int32Array.of(...prompt, ...completion);
  const labels = ids.map((id, at) => (at < prompt.length ? IGNORED_LABEL : id));
  return { ids, labels, ...(columns === undefined ? {} : { columns }) };
}
const PROMPT = [1, 2, 3, 4, 5];
const pair: Unit = { examples: [example(PROMPT, [7, 8]), example(PROMPT, [9])] };
const sharedOf = (unit: Unit) => blocksOf(unit, { first: 0, limit: 100 })[0]!.shared;

describe("blocksOf", () => {
  it("shares a prompt but its last token, which predicts another one in each example", () => {
    expect(blocksOf(pair, { first: 6, limit: 9 })).toEqual([{ first: 6, examples: pair.examples, shared: 4 }]);
    expect(blockLengths(pair, 9)).toEqual([4 + 3 + 2]);
  });

  it("shares nothing where the whole is longer than a row, or nothing is common", () => {
    expect(blockLengths(pair, 8)).toEqual([7, 6]);
    expect(blocksOf(pair, { first: 6, limit: 8 }).map(({ first, shared }) => [first, shared])).toEqual([
      [6, 0],
      [7, 0],
    ]);
    expect(blockLengths({ examples: [example([1, 2], [3]), example([2, 2], [3])] }, 99)).toEqual([3, 3]);
    expect(blockLengths({ examples: [example(PROMPT, [6])] }, 99)).toEqual([6]);
  });

  it.each([
    ["the first other token", { examples: [example(PROMPT, [7]), example([1, 2, 9, 4], [7])] }, 2],
    ["the first trained token", { examples: [example([1, 2], [3, 4, 5]), example([1, 2, 3, 4], [5])] }, 1],
    ["the last token of the shorter one", { examples: [example(PROMPT, []), example([1, 2, 3], [])] }, 2],
    [
      "the first token that a column is about",
      {
        examples: [
          example(PROMPT, [7], { score: Float32Array.of(0, 0, 0, 5, 0, 0), whole: 3 }),
          example(PROMPT, [8], { score: new Float32Array(6), whole: 4 }),
        ],
      },
      2,
    ],
  ])("ends before %s", (_, unit, shared) => {
    expect(sharedOf(unit)).toBe(shared);
  });
});

describe("pairs in training", () => {
  it.each([
    ["lora", { type: "lora", r: 3, target_modules: "all-linear" }],
    ["prefix", { type: "prefix", num_virtual_tokens: 2 }],
  ])("have the same loss and gradients with their prompts shared and apart: %s", async (_, peft) => {
    const { config, weights } = await goldenModel("plain");
    const method = attached(peft, { config, weights });
    const columns = (length: number) => ({
      reference: Float32Array.from({ length }, (_, at) => (at > 4 ? -1.5 - at / 9 : 0)),
    });
    const unit = (seed: number, lengths: readonly [number, number]): Unit => {
      const ids = (count: number, from: number) => Array.from({ length: count }, (_, i) => 3 + ((from + 7 * i) % 60));
      const examples = lengths.map((length, k) => {
        return example(ids(5, seed), ids(length, seed + 11 * (k + 1)), columns(5 + length));
      });
      return { examples };
    };
    const units = [unit(1, [6, 3]), unit(20, [2, 9]), unit(33, [4, 4])];
    const settings = JOB_TYPES.dpo.settings.parse({});
    const executor = createOnnxRuntimeExecutor({ threads: 1 });
    const form = { examples: 2, columns: { reference: "token" as const } };

    async function sums(rows: RowOptions) {
      const { graph } = trainingGraphWithMetrics({
        ...{ config, method, shape: rows.shape, units: rows.units },
        loss: (context) => dpo.loss(context, settings),
      });
      const program = await executor.compile(graph, { bindings: frozenTensors(weights, method) });
      let gradients: Record<string, Tensor> = Object.fromEntries(
        method.parameters.map(({ name, shape }) => [
          slots(name).gradient,
          f32(shape, new Float32Array(shape.reduce((a, b) => a * b, 1))),
        ]),
      );
      let [loss, tokens] = [0, 0];
      const values = Object.fromEntries(moved(method.initial));
      for (const { feeds } of evaluationBatches(units, rows)) {
        tokens += (feeds.segments.data as Int32Array).filter((segment) => segment > 0).length;
        const outputs = await program.run({ ...feedsFor(graph, feeds), ...values, ...gradients });
        loss += Number(outputs.loss!.data[0]);
        gradients = Object.fromEntries(Object.keys(gradients).map((name) => [name, outputs[name]!]));
      }
      await program.dispose();
      return { loss, tokens, gradients: Object.values(gradients).flatMap(({ data }) => Array.from(data, Number)) };
    }
    const options = { padId: 0, units: { form, capacity: 3 } };
    const apart = await sums({ ...options, shape: { rows: 6, tokens: 16 }, packing: false });
    const shared = await sums({ ...options, shape: { rows: 1, tokens: 40 }, packing: true });
    expect([apart.tokens, shared.tokens]).toEqual([58, 58 - 3 * 4]);
    expect(shared.loss).toBeCloseTo(apart.loss, 5);
    const largest = Math.max(...apart.gradients.map(Math.abs));
    expect(largest).toBeGreaterThan(0.01);
    for (const [i, one] of shared.gradients.entries()) {
      expect(Math.abs(one - apart.gradients[i]!)).toBeLessThan(1e-4 * largest);
    }
  });
});
