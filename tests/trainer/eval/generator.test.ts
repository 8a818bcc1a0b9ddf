import { describe, expect, it } from "vitest";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { type GenerationSettings, Generator } from "../../../trainer/eval/generator.ts";
import { GOLDEN_MODELS, type GoldenModel, goldenModel, goldenOutputs } from "../../shared/model/golden-models.ts";
import { attached } from "../../support/peft.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const never = () => false;
const GREEDY = { isEnd: never, temperature: 0, logprobs: false };
const SAMPLED: GenerationSettings = { isEnd: never, temperature: 1, maxTokens: 12, seed: 5 };

async function generatorOf(
  name: GoldenModel,
  { slots = 4, capacity = 64, on = executor }: { slots?: number; capacity?: number; on?: Executor } = {},
): Promise<Generator> {
  const { config, weights } = await goldenModel(name);
  return Generator.create(on, { config, frozen: weights, slots, capacity });
}

/** The golden sequences, begun at different places: each prompt is a row with some of its continuation. */
function begun(name: GoldenModel) {
  const { inputIds, greedy } = goldenOutputs(name);
  const [rows, tokens] = inputIds.shape;
  const length = greedy.shape[1];
  return Array.from({ length: rows * 4 }, (_, i) => {
    const [row, given] = [i % rows, (i * 3) % (length - 1)];
    const continuation = greedy.data.slice(row * length, (row + 1) * length);
    return {
      prompt: { tokens: [...inputIds.data.slice(row * tokens, (row + 1) * tokens), ...continuation.slice(0, given)] },
      expected: continuation.slice(given),
    };
  });
}

/** Some prompts of very different lengths. */
const PROMPTS = [3, 40, 1, 17, 33, 8, 64, 5].map((length, n) => ({
  tokens: Array.from({ length }, (_, i) => 3 + ((7 * n + 5 * i) % 50)),
}));

describe("Generator", { timeout: 60_000 }, () => {
  it.each(GOLDEN_MODELS)(
    "continues as transformers' greedy generation does, in one batch of all lengths: %s",
    async (name) => {
      const generator = await generatorOf(name, { slots: 3 });
      const cases = begun(name);
      expect(new Set(cases.map(({ prompt }) => prompt.tokens.length)).size).toBeGreaterThan(2);
      const results = await generator.generate(
        cases.map(({ prompt }) => prompt),
        { ...GREEDY, maxTokens: 8 },
      );
      for (const [i, { expected }] of cases.entries()) {
        expect(results[i]![0]!.tokens.slice(0, expected.length)).toEqual(expected);
      }
      await generator.dispose();
    },
  );

  it("ends with a token that ends the text", async () => {
    const { inputIds, greedy } = goldenOutputs("plain");
    const generator = await generatorOf("plain");
    const end = greedy.data[3]!;
    const first = greedy.data.indexOf(end);
    const settings = { ...GREEDY, maxTokens: 8, isEnd: (token: number) => token === end };
    const results = await generator.generate([{ tokens: inputIds.data.slice(0, 10) }], settings);
    expect(results[0]![0]).toEqual({ tokens: greedy.data.slice(0, first + 1), logprobs: [], ended: true });
    await generator.dispose();
  });

  it("refuses what does not fit before it generates anything", async () => {
    const generator = await generatorOf("plain", { capacity: 12 });
    const tokens = [1, 2, 3, 4, 5];
    await expect(generator.generate([{ tokens }], { ...GREEDY, maxTokens: 8 })).rejects.toMatchObject({
      code: "context_length_exceeded",
      message: "5 prompt tokens and 8 more do not fit the generator's 12",
    });
    await expect(generator.generate([{ tokens: [] }], { ...GREEDY, maxTokens: 8 })).rejects.toMatchObject({
      code: "invalid_request",
      message: "a prompt must have one token or more",
    });
    const fitting = await generator.generate([{ tokens }], { ...GREEDY, maxTokens: 7 });
    expect(fitting[0]![0]!.tokens).toHaveLength(7);
    await generator.dispose();
  });

  it("draws the same tokens and log-probabilities, bit for bit, in any number of slots and with any neighbours", async () => {
    const prompts = PROMPTS.map((prompt, i) => ({ ...prompt, samples: 1 + (i % 3) }));
    const [reference, ...others] = await Promise.all(
      [1, 2, 5, 32].map(async (slots) => {
        const generator = await generatorOf("plain", { slots, capacity: 96 });
        const results = await generator.generate(prompts, SAMPLED);
        await generator.dispose();
        return results;
      }),
    );
    expect(reference!.map((samples) => samples.length)).toEqual(prompts.map(({ samples }) => samples));
    for (const other of others) expect(other).toEqual(reference);
    // The third sample of a prompt is the third whether or not a fourth is wanted; each is a draw of its own.
    const [, , third] = reference![2]!;
    expect(new Set(reference![2]!.map(({ tokens }) => tokens.join())).size).toBe(3);
    const generator = await generatorOf("plain", { slots: 3, capacity: 96 });
    const more = await generator.generate([...prompts.slice(0, 2), { ...prompts[2]!, samples: 7 }], SAMPLED);
    expect(more[2]![2]).toEqual(third);
    const reseeded = await generator.generate(prompts.slice(0, 1), { ...SAMPLED, seed: 6 });
    expect(reseeded[0]).not.toEqual(reference![0]);
    await generator.dispose();
  });

  it("computes every prompt once, and keeps the slots full while anything waits", async () => {
    const { config, weights } = await goldenModel("plain");
    const runs: (readonly number[])[] = [];
    const counting: Executor = {
      ...executor,
      compile: async (graph, options) => {
        const program = await executor.compile(graph, options);
        return {
          run: (feeds, appends) => {
            // Later stages do not take tokens.
            if (feeds.tokens !== undefined) runs.push((feeds.tokens as Tensor).shape);
            return program.run(feeds, appends);
          },
          hold: (values) => program.hold(values),
          dispose: () => program.dispose(),
        };
      },
    };
    const generator = await Generator.create(counting, { config, frozen: weights, slots: 4, capacity: 64 });
    const samples = 10;
    const ends = new Map<number, number>();
    // Texts of different lengths: a token ends one in seven times.
    const isEnd = (token: number) => token % 7 === 0;
    const results = await generator.generate(
      [
        { tokens: [5, 6, 7], samples },
        { tokens: [9], samples: 1 },
      ],
      {
        ...SAMPLED,
        maxTokens: 20,
        isEnd,
      },
    );
    for (const { tokens } of results.flat()) ends.set(tokens.length, (ends.get(tokens.length) ?? 0) + 1);
    expect(ends.size).toBeGreaterThan(2);
    const prefills = runs.filter(([, length]) => length! > 1);
    expect(prefills).toEqual([
      [1, 32],
      [1, 32],
    ]);
    const decodes = runs.filter(([, length]) => length === 1).map(([rows]) => rows!);
    const drawn = results.flat().reduce((sum, { tokens }) => sum + tokens.length, 0);
    // A row that is left alone is computed twice.
    const computed = decodes.reduce((sum, rows) => sum + rows, 0);
    const alone = computed - (drawn - samples - 1);
    expect(alone).toBeGreaterThanOrEqual(0);
    expect(alone).toBeLessThanOrEqual(decodes.filter((rows) => rows === 2).length);
    // Only the tail, where nothing waits any more, runs with fewer rows than there are slots.
    const tail = decodes.findIndex((rows) => rows < 4);
    expect(decodes.slice(0, tail)).toEqual(new Array(tail).fill(4));
    expect(decodes.slice(tail)).toEqual(decodes.slice(tail).sort((a, b) => b - a));
    await generator.dispose();
  });

  it("follows the distribution of the model", async () => {
    const generator = await generatorOf("plain", { slots: 32 });
    const [samples] = await generator.generate([{ tokens: [4, 9, 2], samples: 4000 }], {
      ...SAMPLED,
      maxTokens: 1,
    });
    const seen = new Map<number, { count: number; probability: number }>();
    for (const { tokens, logprobs } of samples!) {
      const known = seen.get(tokens[0]!) ?? { count: 0, probability: Math.exp(logprobs[0]!) };
      seen.set(tokens[0]!, { ...known, count: known.count + 1 });
    }
    for (const { count, probability } of seen.values()) {
      const deviation = Math.sqrt(4000 * probability * (1 - probability));
      expect(Math.abs(count - 4000 * probability)).toBeLessThan(5 * deviation + 1);
    }
    await generator.dispose();
  });

  it("prefills a prompt that is longer than one run takes", async () => {
    const long = Array.from({ length: 700 }, (_, i) => 3 + ((5 * i) % 50));
    const { config, weights } = await goldenModel("plain");
    const model = { config: { ...config, maxPositions: 800 }, frozen: weights };
    const generator = await Generator.create(executor, { ...model, slots: 2, capacity: 720 });
    const settings = { ...GREEDY, maxTokens: 4 };
    const whole = (await generator.generate([{ tokens: long }], settings))[0]![0]!;
    // The same text, of which the last tokens are decoded one by one after a prompt that is cut elsewhere.
    const again = await generator.generate([{ tokens: [...long, ...whole.tokens.slice(0, 2)] }], {
      ...settings,
      maxTokens: 2,
    });
    expect(again[0]![0]!.tokens).toEqual(whole.tokens.slice(2));
    await generator.dispose();
  });

  it("says which text is no longer made of numbers", async () => {
    const { config, weights } = await goldenModel("plain");
    const broken = new Map([...weights].map(([name, tensor]) => [name, tensor] as const));
    const norm = "model.norm.weight";
    broken.set(norm, { ...broken.get(norm)!, data: new Float32Array(config.hiddenSize).fill(Number.NaN) });
    const generator = await Generator.create(executor, { config, frozen: broken, slots: 2, capacity: 32 });
    await expect(generator.generate([{ tokens: [1] }], { ...GREEDY, maxTokens: 2 })).rejects.toMatchObject({
      code: "non_finite",
      message: "prompt 0: the model's logits after 0 tokens are not finite",
    });
    await generator.dispose();
  });

  it("keeps nothing in its caches of parameters that were not finite", async () => {
    const { config, weights } = await goldenModel("plain");
    const method = attached({ type: "full" }, { config, weights });
    const generator = await Generator.create(executor, { config, frozen: new Map(), method, slots: 2, capacity: 64 });
    // The long one reaches positions of its slot that the short one leaves as they are.
    const [short, long] = PROMPTS;
    const settings = { ...GREEDY, maxTokens: 4 };
    const before = await generator.generate([short!], settings);
    const value = "model.layers.0.self_attn.v_proj.weight";
    const broken = new Map(method.initial);
    broken.set(
      value,
      f32(
        broken.get(value)!.shape,
        broken.get(value)!.data.map(() => Number.NaN),
      ),
    );
    await generator.use(broken);
    await expect(generator.generate([long!], settings)).rejects.toMatchObject({ code: "non_finite" });
    await generator.use(method.initial);
    expect(await generator.generate([short!], settings)).toEqual(before);
    await generator.dispose();
  });

  it("gives others their turn between two steps, and stops where they say so", async () => {
    const generator = await generatorOf("plain");
    let turns = 0;
    const yieldToEventLoop = async () => {
      if (++turns === 3) throw new Error("the lease is gone");
    };
    await expect(
      generator.generate([{ tokens: [1, 2] }], { ...GREEDY, maxTokens: 8, yieldToEventLoop }),
    ).rejects.toThrow("the lease is gone");
    expect((await generator.generate([{ tokens: [1, 2] }], { ...GREEDY, maxTokens: 8 }))[0]![0]!.tokens).toHaveLength(
      8,
    );
    await generator.dispose();
  });
});
