/** Every algorithm of reinforcement: its numbers, how it begins, what it learns, and that no layout of a step changes it. */
import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { REINFORCEMENT_TYPES } from "../../shared/api/reinforcement-methods.ts";
import { gradient } from "../../shared/autodiff/gradient.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { f32, i64, scalar } from "../../shared/tensor.ts";
import type { NamedTensors } from "../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { metricOutput, metricOutputs } from "../../trainer/loop/metrics.ts";
import { grpo } from "../../trainer/recipes/grpo.ts";
import { createLossContext } from "../../trainer/recipes/loss-context.ts";
import { ppo } from "../../trainer/recipes/ppo.ts";
import { reinforcePp } from "../../trainer/recipes/reinforce-pp.ts";
import type { Algorithm } from "../../trainer/recipes/reinforcement/algorithm.ts";
import { PHASE_COLUMNS, VALUE_COLUMNS } from "../../trainer/recipes/reinforcement/loss.ts";
import { rloo } from "../../trainer/recipes/rloo.ts";
import { forwardOfLogits } from "../support/forward-of-logits.ts";
import { settingsOf } from "../support/peft.ts";
import { largestDifference } from "../trainer/golden-llama.ts";
import { TINY_FILES } from "../trainer/recipes/objectives/run-objective.ts";
import { killed, type RecipeRun, type RecordedRun, runRecipe } from "../trainer/recipes/reinforcement/run-recipe.ts";

vi.setConfig({ testTimeout: 120_000 });

/** The types that differ in their loss; `reinforcement` is one of them under OpenAI's names. */
type Type = Exclude<keyof typeof REINFORCEMENT_TYPES, "reinforcement">;
// biome-ignore lint/suspicious/noExplicitAny: each algorithm has settings of its own, which its schema checks
const ALGORITHMS: Readonly<Record<Type, Algorithm<any>>> = { ppo, rloo, grpo, reinforce_pp: reinforcePp };
const TYPES = Object.keys(ALGORITHMS) as Type[];

const GRADER = {
  ...{ type: "string_check", name: "has_e", operation: "ilike" },
  ...{ input: "{{sample.output_text}}", reference: "e" },
};
const settings = (type: Type, hyperparameters: object = {}, others: object = {}) =>
  REINFORCEMENT_TYPES[type].settings.parse({
    reward: { type: "grader", grader: GRADER },
    hyperparameters: {
      ...{ batch_size: 4, num_generations: 8, max_completion_length: 4, learning_rate: 0.01, lr_schedule: "constant" },
      ...{ n_epochs: 1, beta: 0.01, ...hyperparameters },
    },
    peft: settingsOf({ type: "full" }),
    // The report has tests of its own.
    report: { enabled: false },
    ...others,
  });
const WORDS = ["red", "green", "blue", "one", "two", "three", "up", "down"];
const jsonl = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const prompts = (count: number, from = 0) =>
  jsonl(Array.from({ length: count }, (_, i) => ({ prompt: `say ${WORDS[(i + from) % 8]}` })));
const meanOf = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

interface Packed {
  readonly shape: number[];
  readonly data: number[];
}
const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../golden/reinforcement/${name}.json`, import.meta.url), "utf8"));
const losses = read("losses") as {
  readonly longest: number;
  readonly batch: Readonly<Record<string, Packed>> & { readonly replies: number };
  readonly cases: readonly {
    readonly type: Type;
    readonly settings: Readonly<Record<string, unknown>> & { readonly beta: number };
    readonly loss: number;
    readonly gradient: Packed;
    readonly of_hidden?: Packed;
    readonly metrics: Readonly<Record<string, number>>;
  }[];
};
const made = read("advantages") as {
  readonly generations: number;
  readonly rewards: number[];
  readonly values: number[][];
  readonly cases: readonly {
    readonly type: Type;
    readonly settings: Readonly<Record<string, unknown>>;
    readonly penalties: number[][];
    readonly advantages: number[][];
    readonly returns?: number[][];
  }[];
};
const executor = createOnnxRuntimeExecutor({ threads: 1 });

describe("the losses of reinforcement", () => {
  it("are all held to a reference", () => {
    for (const cases of [losses.cases, made.cases]) {
      expect([...new Set(cases.map(({ type }) => type))].sort()).toEqual([...TYPES].sort());
    }
  });

  it.each(losses.cases)("$type with $settings: value, gradient and metrics in float64", async (one) => {
    const algorithm = ALGORITHMS[one.type];
    const own = settings(one.type, { ...one.settings, max_completion_length: losses.longest });
    const { batch } = losses;
    const b = new GraphBuilder("loss");
    const logits = b.input("logits", "f32", batch.logits!.shape);
    const hidden = b.input("hidden", "f32", batch.hidden!.shape);
    const heads: Record<string, Value> = {};
    const parameter = (name: string) => {
      const { shape } = name.endsWith("weight") ? batch.head_weight! : batch.head_bias!;
      heads[name] ??= b.input(name, "f32", shape);
      return heads[name];
    };
    const columns = { ...PHASE_COLUMNS, ...VALUE_COLUMNS };
    const context = createLossContext({
      ...{ b, training: true, parameter },
      ...forwardOfLogits(b, logits, hidden),
      units: { form: { examples: 1, columns }, capacity: batch.replies },
    });
    const { loss, metrics } = algorithm.loss(context, own);
    const slopes = gradient(b, loss, algorithm.hasValues ? [logits, hidden] : [logits]);
    const outputs = { loss, slope: slopes[0]!, ...(slopes[1] === undefined ? {} : { ofHidden: slopes[1] }) };
    const graph = b.build({ ...outputs, ...metricOutputs(metrics) });
    const tensorOf = ({ shape, data }: Packed) => f32(shape, data);
    const trained = batch.weights!.data.reduce((sum, weight) => sum + weight, 0);
    const advantage =
      batch[one.type === "ppo" || one.type === "reinforce_pp" ? "advantage_of_token" : "advantage_of_reply"]!;
    const feeds: NamedTensors = {
      logits: tensorOf(batch.logits!),
      hidden: tensorOf(batch.hidden!),
      targets: i64(batch.targets!.shape, batch.targets!.data),
      weights: tensorOf(batch.weights!),
      total: scalar("f32", trained),
      slots: i64(batch.slots!.shape, batch.slots!.data),
      present: f32([batch.replies, 1], new Array(batch.replies).fill(1)),
      total_units: scalar("f32", batch.replies),
      "column#advantage": tensorOf(advantage),
      "column#beta": f32(
        advantage.shape,
        advantage.data.map(() => one.settings.beta),
      ),
      ...Object.fromEntries(
        ["old", "reference", "value", "return"].map((name) => [`column#${name}`, tensorOf(batch[name]!)]),
      ),
      "value_head.weight": tensorOf(batch.head_weight!),
      "value_head.bias": tensorOf(batch.head_bias!),
    };
    const program = await executor.compile(graph);
    const got = await program.run(Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name]!])));
    await program.dispose();
    const value = (name: string) => Number(got[name]!.data[0]);
    expect(Math.abs(value("loss") / one.loss - 1)).toBeLessThan(5e-6);
    expect(largestDifference(got.slope!.data as Float32Array, one.gradient.data)).toBeLessThan(3e-6);
    if (one.of_hidden !== undefined) {
      expect(largestDifference(got.ofHidden!.data as Float32Array, one.of_hidden.data)).toBeLessThan(3e-6);
    }
    for (const [name, expected] of Object.entries(one.metrics)) {
      expect(Math.abs(value(metricOutput(name)) - expected), name).toBeLessThan(5e-6 * Math.max(1, Math.abs(expected)));
    }
  });

  it.each(made.cases)("$type with $settings: advantages and returns in float64", (one) => {
    const phase = {
      generations: made.generations,
      rewards: made.rewards,
      penalties: one.penalties,
      values: made.values.map((list) => Float64Array.from(list) as never),
    };
    const got = ALGORITHMS[one.type].advantages(phase, settings(one.type, one.settings));
    for (const name of ["advantages", "returns"] as const) {
      if (one[name] === undefined) continue;
      expect(got[name]!.map(({ length }) => length)).toEqual(one[name].map(({ length }) => length));
      expect(largestDifference(got[name]!.flat(), one[name].flat())).toBeLessThan(1e-12);
    }
  });
});

const deltaOf = ({ outcome }: RecordedRun) => {
  const delta = decodeCanonical(outcome.folder.files.get(SERVING_FILE)!, loadModelFolder(TINY_FILES).config);
  return [...delta.linears.values()].flatMap(({ a, b }) => [...a!.data, ...b!.data]);
};
const lora = settingsOf({ type: "lora", r: 4, lora_alpha: 8 });

describe.each(TYPES)("a job of type %s", (type) => {
  const training = prompts(8);
  const run = (options: Partial<RecipeRun> & { settings: unknown }) => runRecipe({ type, training, ...options });

  it("learns a planted reward, and earns it on prompts that it has not seen", async () => {
    const { steps, outcome } = await run({
      settings: settings(type, { n_epochs: 8, ppo_epochs: 2 }),
      validation: jsonl(["apple", "sun", "sky", "door"].map((word) => ({ prompt: `tell ${word}` }))),
    });
    const rewards = steps.map(({ reward }) => reward!);
    expect(meanOf(rewards.slice(0, 2))).toBeLessThan(0.4);
    expect(meanOf(rewards.slice(-4))).toBeGreaterThan(0.8);
    expect(outcome.metrics.valid_reward_mean).toBeGreaterThan(outcome.metrics.base_reward_mean! + 0.2);
    for (const step of steps) {
      for (const [name, value] of Object.entries(step)) expect(value, name).toSatisfy(Number.isFinite);
      expect(step.train_reward_mean).toBe(step.reward);
    }
    // The sampler and the scorer agree about every token, also after many updates.
    for (const step of steps) expect(step["sampling/logp_difference"]).toBe(0);
    expect(steps.at(-1)!["objective/kl"]).toBeGreaterThan(0.5);
  });

  it("begins each phase at the policy that sampled it, and the run at the reference", async () => {
    const { steps } = await run({ settings: settings(type, { ppo_epochs: 2, minibatches: 2, n_epochs: 2 }) });
    expect(steps).toHaveLength(16);
    expect(steps.map(({ phase }) => phase)).toEqual(Array.from({ length: 16 }, (_, s) => 1 + Math.floor(s / 4)));
    expect(steps[0]!["objective/kl"]).toBeCloseTo(0, 6);
    for (const [s, step] of steps.entries()) {
      if (s % 4 !== 0) continue;
      expect(step["val/ratio"]).toBeCloseTo(1, 5);
      expect(step["policy/approxkl_avg"]).toBeLessThan(1e-9);
    }
    const later = steps.filter((_, s) => s % 4 === 3);
    expect(Math.max(...later.map((step) => step["policy/approxkl_avg"]!))).toBeGreaterThan(1e-6);
  });

  it("is the same however a step is divided and packed", async () => {
    const of = (hyperparameters: object) =>
      run({
        settings: settings(
          type,
          { ...{ batch_size: 8, max_steps: 4, ppo_epochs: 2, minibatches: 2 }, ...hyperparameters },
          { peft: lora },
        ),
      });
    const whole = await of({});
    for (const other of [
      { packing: false },
      { batch_size: 2, gradient_accumulation_steps: 4 },
      { batch_size: 1, gradient_accumulation_steps: 8, packing: false },
    ]) {
      const recorded = await of(other);
      expect(recorded.outcome.trainedTokens).toBe(whole.outcome.trainedTokens);
      expect(largestDifference(deltaOf(recorded), deltaOf(whole))).toBeLessThan(1e-4);
      for (const [i, step] of recorded.steps.entries()) {
        expect(Math.abs(step.loss! - whole.steps[i]!.loss!)).toBeLessThan(2e-5);
      }
    }
  });

  it("killed after any step of a phase and resumed, it ends with the same bytes", async () => {
    const options = {
      type,
      settings: settings(
        type,
        { ...{ ppo_epochs: 2, minibatches: 2, n_epochs: 2, kl_target: 0.5, kl_horizon: 500 } },
        { peft: lora },
      ),
      training: prompts(4),
      validation: prompts(2, 5),
    };
    const undisturbed = await runRecipe(options);
    expect(undisturbed.steps).toHaveLength(8);
    for (const step of [1, 2, 3, 6]) {
      const resumed = await runRecipe({ ...options, checkpoint: await killed(options, step) });
      expect(resumed.files).toEqual(undisturbed.files);
      expect(resumed.steps.map(withoutSpeed)).toEqual(undisturbed.steps.slice(step).map(withoutSpeed));
    }
  });

  it("trains methods that take positions before the text, against the base without them", async () => {
    const peft = [settingsOf({ type: "prompt", num_virtual_tokens: 3 }), settingsOf({ type: "prefix" } as never)];
    const { steps } = await run({ settings: settings(type, { max_steps: 2, ppo_epochs: 2 }, { peft }) });
    expect(steps[0]!["val/ratio"]).toBeCloseTo(1, 5);
    expect(Math.abs(steps[0]!["objective/kl"]!)).toBeGreaterThan(1e-4);
    expect(steps[0]!["sampling/logp_difference"]).toBe(0);
  });

  it("samples, scores and trains at another temperature than 1", async () => {
    const { steps } = await run({ settings: settings(type, { temperature: 0.7, max_steps: 2, ppo_epochs: 2 }) });
    expect(steps[0]!["sampling/logp_difference"]).toBe(0);
    expect(steps[0]!["val/ratio"]).toBeCloseTo(1, 5);
    expect(steps[0]!["objective/kl"]).toBeCloseTo(0, 6);
  });
});

function withoutSpeed({ tokens_per_second: _, ...step }: Readonly<Record<string, number>>) {
  return step;
}
