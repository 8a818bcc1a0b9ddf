import { afterAll, describe, expect, it } from "vitest";
import { matrix, sizes } from "../../../shared/linalg/matrix.ts";
import type { EncodedFact } from "../../../trainer/edits/encoded-fact.ts";
import type { ValueOptions } from "../../../trainer/edits/find-values.ts";
import { added, type SequenceOptions, solveSequence } from "../../../trainer/edits/sequence.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { distance, editGolden } from "./golden.ts";

describe("a sequence", () => {
  const golden = editGolden("llama");
  const { json } = golden;
  const model = golden.model(createOnnxRuntimeExecutor({ threads: 1 }));
  afterAll(() => model.dispose());
  const facts = golden.facts(json.batch);
  const { lr, steps, kl_factor, weight_decay, stop_below, clamp, lambda } = json.memit;
  const values: ValueOptions = {
    ...{ layer: json.layers.at(-1)!, measuredBy: "layer", steps, clamp },
    ...{ learningRate: lr, klFactor: kl_factor, weightDecay: weight_decay, stopBelow: stop_below },
  };
  const options: SequenceOptions = {
    ...{ method: "memit", layers: json.layers, lambda, values, previous: new Map(), batchSize: facts.length },
    knowledge: new Map(
      json.layers.map((layer) => [layer, { secondMoment: golden.matrix(`second_moment.layer${layer}`) }]),
    ),
    ...{ convergedBelow: 1e9, keepUnconverged: false, now: () => 0 },
  };
  const solve = (more: Partial<SequenceOptions>) => {
    model.reset();
    return solveSequence(model, facts, { ...options, ...more });
  };

  it("solves a batch once, as published, unless it is told of rounds", async () => {
    const once = await solve({});
    expect(once.facts.map(({ rounds }) => rounds)).toEqual(facts.map(() => 1));
    for (const { a, keys } of once.layers) {
      expect(sizes(a)[1]).toBe(facts.length);
      expect(sizes(keys)[0]).toBe(facts.length);
    }
    const alone = await solve({ rounds: 1, holds: () => Promise.reject(new Error("nobody asks")) });
    expect(alone.layers).toEqual(once.layers);
  });

  it("solves what does not hold again, until it holds or the rounds are over", async () => {
    const asked: number[][] = [];
    const answers = [
      [false, true, false],
      [true, true, false],
      [true, true, false],
    ];
    const holds = async (of: readonly EncodedFact[]) => {
      asked.push(of.map(({ index }) => index));
      return answers[asked.length - 1]!;
    };
    const again = await solve({ rounds: 4, holds });
    expect(asked).toEqual([json.batch, json.batch, json.batch]);
    expect(again.facts.map(({ rounds }) => rounds)).toEqual([2, 1, 4]);
    // The value that is told of is the one that the unchanged model got.
    const once = await solve({});
    expect(again.facts.map(({ norm }) => norm)).toEqual(once.facts.map(({ norm }) => norm));
    for (const [at, { a, b, keys }] of again.layers.entries()) {
      expect(sizes(a)[1]).toBe(3 + 2 + 1 + 1);
      expect(sizes(b)[0]).toBe(3 + 2 + 1 + 1);
      // One key for each fact, as it was solved last.
      expect(sizes(keys)[0]).toBe(3);
      const width = sizes(keys)[1];
      expect(
        distance(keys.data.subarray(width, 2 * width), once.layers[at]!.keys.data.subarray(width, 2 * width)),
      ).toBe(0);
    }
  });

  it("holds the keys of earlier batches", async () => {
    const two = facts.slice(0, 2);
    const solveAfter = async (holdsFirst: boolean) => {
      model.reset();
      const first = await solveSequence(model, two.slice(0, 1), { ...options, batchSize: 1 });
      const previous = new Map(first.layers.map(({ layer, keys }) => [layer, added(undefined, keys)]));
      return solveSequence(model, two.slice(1), { ...options, batchSize: 1, ...(holdsFirst ? { previous } : {}) });
    };
    model.reset();
    const sequence = await solveSequence(model, two, { ...options, batchSize: 1 });
    const [held, forgetful] = [await solveAfter(true), await solveAfter(false)];
    for (const [at, { a }] of sequence.layers.entries()) {
      const second = a.data.filter((_, index) => index % 2 === 1);
      expect(second).toEqual(held.layers[at]!.a.data);
      expect(distance(second, forgetful.layers[at]!.a.data)).toBeGreaterThan(1e-3);
    }
    const key = matrix(1, 2, Float64Array.of(1, 2));
    expect(added(added(undefined, key), key).data).toEqual(Float64Array.of(2, 4, 4, 8));
  });

  it("leaves out a value that does not converge, and asks for it again", async () => {
    const none = await solve({ convergedBelow: 0, rounds: 2, holds: async (of) => of.map(() => false) });
    expect(none.facts.map(({ outcome, rounds }) => [outcome, rounds])).toEqual(facts.map(() => ["not_converged", 0]));
    expect(none.layers).toEqual([]);
  });
});
