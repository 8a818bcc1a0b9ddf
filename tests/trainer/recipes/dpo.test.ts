import { describe, expect, it, vi } from "vitest";
import { JOB_TYPES } from "../../../shared/api/methods.ts";
import { decodeCanonical, SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { attachMethods } from "../../../shared/peft/combine.ts";
import { i64, tensor } from "../../../shared/tensor.ts";
import type { Executor, NamedTensors, Program } from "../../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { decodeCheckpoint } from "../../../trainer/loop/checkpoint.ts";
import { frozenTensors, predictionGraph } from "../../../trainer/recipes/causal-graphs.ts";
import { dpo } from "../../../trainer/recipes/dpo.ts";
import { settingsOf } from "../../support/peft.ts";
import { largestDifference } from "../golden-llama.ts";
import { killedAndResumed, type Recorded, runObjective, TINY_FILES } from "./objectives/run-objective.ts";

vi.setConfig({ testTimeout: 120_000 });

const lora = settingsOf({ type: "lora", r: 4, lora_alpha: 8 });
const runtime = createOnnxRuntimeExecutor({ threads: 1 });
const WORDS = ["red", "green", "blue", "one", "two", "three"];

/** Pairs of differing lengths: the words in capital letters are preferred to those in small ones. */
const pairs = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => {
    const words = WORDS.slice((i + from) % 3, ((i + from) % 3) + 1 + (i % 3)).join(" ");
    return { prompt: `say ${words}:`, chosen: ` ${words.toUpperCase()}`, rejected: ` ${words}` };
  });
const jsonl = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const settings = (hyperparameters: object = {}, peft: object = lora) =>
  JOB_TYPES.dpo.settings.parse({
    hyperparameters: { n_epochs: 4, batch_size: 4, learning_rate: 0.03, ...hyperparameters },
    peft,
  });
const training = jsonl(pairs(12));
const validation = jsonl(pairs(5, 1));

const deltaOf = ({ outcome }: Recorded) => {
  const delta = decodeCanonical(outcome.folder.files.get(SERVING_FILE)!, loadModelFolder(TINY_FILES).config);
  return [...delta.linears.values()].flatMap(({ a, b }) => [...a!.data, ...b!.data]);
};

describe("DPO", () => {
  const recorded = runObjective(dpo, { settings: settings({ n_epochs: 10, beta: 0.5 }), training, validation });

  it("begins at ln 2 and falls as the model learns preferences", async () => {
    const { steps, outcome, messages } = await recorded;
    expect(steps).toHaveLength(30);
    expect(steps[0]!.loss).toBeCloseTo(Math.LN2, 5);
    expect(steps[0]!["rewards/margins"]).toBeCloseTo(0, 5);
    expect(steps.at(-1)!.loss).toBeLessThan(0.5);
    expect(steps.at(-1)!["rewards/accuracies"]).toBeCloseTo(1, 6);
    expect(outcome.metrics.base_loss).toBeCloseTo(Math.LN2, 5);
    expect(outcome.metrics.tuned_loss).toBeLessThan(0.6);
    expect(outcome.metrics["valid_rewards/accuracies"]).toBeCloseTo(1, 6);
    expect(messages[0]).toMatch(/^train\.jsonl: 12 kept \(0 of them truncated to 128 tokens\), 0 dropped; \d+ of/);
  });

  it("reports its metrics with every step, and with what is measured on the validation file", async () => {
    const { steps, published } = await recorded;
    const names = ["rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies"];
    for (const step of steps) {
      expect(Object.keys(step)).toEqual(expect.arrayContaining(names));
      expect(step["rewards/margins"]).toBeCloseTo(step["rewards/chosen"]! - step["rewards/rejected"]!, 5);
    }
    const ofEpoch = names.map((name) => `valid_${name}`);
    expect(Object.keys(steps[2]!)).toEqual(expect.arrayContaining(["valid_loss", ...ofEpoch]));
    expect(Object.keys(published.at(-1)!.metrics)).toEqual(expect.arrayContaining(["base_loss", ...ofEpoch]));
  });

  it("is what its formula gives in float64 for every pair in a row of its own", async () => {
    let state: Uint8Array | undefined;
    const { outcome } = await runObjective(dpo, {
      ...{ settings: settings({ max_steps: 5 }), training, validation },
      afterStep: (progress) => {
        state = progress.state();
      },
    });
    const { config, weights, tokenizer } = loadModelFolder(TINY_FILES);
    const encode = (text: string) => tokenizer.encode(text);
    const method = attachMethods({ config, weights, settings: lora, seed: 3, encode, param: "peft" });
    const { tensors } = decodeCheckpoint(state!, { run: "run", parameters: method.parameters });
    const tuned = Object.fromEntries(method.parameters.map(({ name }) => [name, tensors[name]!]));
    const shape = { rows: 1, tokens: 64 };
    const program = await runtime.compile(predictionGraph({ config, method, shape }), {
      bindings: frozenTensors(weights, method),
    });
    /** log p of the completion and the end of text, after the prompt. */
    async function logProbability(prompt: string, completion: string, values: NamedTensors): Promise<number> {
      const start = [...tokenizer.prefix, ...tokenizer.encode(prompt)];
      const ids = [...start, ...tokenizer.encode(completion, { continues: true }), tokenizer.eosId];
      const row = (numbers: readonly number[]) => [...numbers, ...new Array(shape.tokens - numbers.length).fill(0)];
      const { logits } = await program.run({
        ...values,
        tokens: i64([1, shape.tokens], row(ids)),
        positions: i64([1, shape.tokens], row(ids.map((_, at) => at))),
        segments: tensor("i32", [1, shape.tokens], Int32Array.from(row(ids.map(() => 1)))),
      });
      let sum = 0;
      for (let at = start.length; at < ids.length; at++) {
        const scores = (logits!.data as Float32Array).subarray((at - 1) * config.vocabSize, at * config.vocabSize);
        sum += scores[ids[at]!]! - Math.log(scores.reduce((total, score) => total + Math.exp(score), 0));
      }
      return sum;
    }
    const initial: NamedTensors = Object.fromEntries(method.initial);
    const rewards: [number, number][] = [];
    for (const { prompt, chosen, rejected } of pairs(5, 1)) {
      const reward = async (text: string) =>
        0.1 * ((await logProbability(prompt, text, tuned)) - (await logProbability(prompt, text, initial)));
      rewards.push([await reward(chosen), await reward(rejected)]);
    }
    await program.dispose();
    const mean = (of: (chosen: number, rejected: number) => number) =>
      rewards.reduce((sum, [chosen, rejected]) => sum + of(chosen, rejected), 0) / rewards.length;
    expect(outcome.metrics.tuned_loss).toBeCloseTo(
      mean((c, r) => Math.log1p(Math.exp(r - c))),
      5,
    );
    expect(outcome.metrics["valid_rewards/chosen"]).toBeCloseTo(
      mean((c) => c),
      4,
    );
    expect(outcome.metrics["valid_rewards/rejected"]).toBeCloseTo(
      mean((_, r) => r),
      4,
    );
    expect(outcome.metrics["valid_rewards/margins"]).toBeGreaterThan(0.01);
  });

  it("keeps every pair whole in its micro-batch, packed or not, and learns the same", async () => {
    const seen: NamedTensors[] = [];
    const executor: Executor = {
      ...runtime,
      compile: async (graph, options) => {
        const program = await runtime.compile(graph, options);
        const run: Program["run"] = (feeds, appends) => {
          // A training step reads no cache.
          if (graph.name === "training_step") seen.push(feeds as NamedTensors);
          return program.run(feeds, appends);
        };
        return { run, hold: program.hold.bind(program), dispose: () => program.dispose() };
      },
    };
    const run = (hyperparameters: object) =>
      runObjective(dpo, {
        settings: settings({ max_steps: 3, batch_size: 8, learning_rate: 0.002, ...hyperparameters }),
        ...{ training, executor },
      });
    const whole = await run({});
    for (const other of [
      { packing: false },
      { batch_size: 2, gradient_accumulation_steps: 4 },
      { batch_size: 1, gradient_accumulation_steps: 8, packing: false },
    ]) {
      const recorded = await run(other);
      expect(recorded.outcome.trainedTokens).toBe(whole.outcome.trainedTokens);
      expect(largestDifference(deltaOf(recorded), deltaOf(whole))).toBeLessThan(2e-5);
      for (const [i, step] of recorded.steps.entries()) {
        expect(step["rewards/margins"]).toBeCloseTo(whole.steps[i]!["rewards/margins"]!, 4);
      }
    }
    let packed = 0;
    for (const { slots, present, segments } of seen) {
      const units = Array.from({ length: present!.shape[0]! }, (_, u) => [
        present!.data[2 * u],
        present!.data[2 * u + 1],
      ]);
      for (const [chosen, rejected] of units) expect(rejected).toBe(chosen);
      const held = new Set(Array.from(slots!.data as ArrayLike<number | bigint>, Number));
      for (const [u, [chosen]] of units.entries()) {
        if (chosen === 1) expect([held.has(2 * u), held.has(2 * u + 1)]).toEqual([true, true]);
      }
      packed += (segments!.data as Int32Array).filter((segment) => segment > 1).length;
    }
    expect(packed).toBeGreaterThan(0);
  });

  it("killed after any step and resumed, it ends with the same bytes", async () => {
    const options = { settings: settings({ n_epochs: 2 }), training, validation };
    const undisturbed = await runObjective(dpo, options);
    for (const step of [1, 4, 6]) {
      const resumed = await killedAndResumed(dpo, options, step);
      expect(resumed.files).toEqual(undisturbed.files);
      expect(resumed.steps).toEqual(undisturbed.steps.slice(step).map((data) => ({ ...data })));
    }
  });

  it("compares with the bare base where a method takes positions before the text", async () => {
    const peft = [
      { type: "prompt", num_virtual_tokens: 3 },
      { type: "prefix", num_virtual_tokens: 2 },
    ];
    const recordedHere = await runObjective(dpo, {
      settings: settings(
        { max_steps: 1 },
        peft.map((one) => settingsOf(one as never)),
      ),
      ...{ training, validation },
    });
    expect(recordedHere.outcome.metrics.base_loss).toBeCloseTo(Math.LN2, 5);
    expect(recordedHere.steps[0]!.loss).not.toBeCloseTo(Math.LN2, 5);
  });

  it("refuses a line that is no pair, and drops a pair of which one side does not fit", async () => {
    const broken = { ...{ settings: settings(), training: jsonl([{ prompt: "a", chosen: "b" }]) } };
    await expect(runObjective(dpo, broken)).rejects.toMatchObject({ code: "invalid_file" });
    const long = { prompt: "say one two three one two three one two three:", chosen: " a", rejected: " b" };
    const { messages } = await runObjective(dpo, {
      settings: settings({ max_length: 24, max_steps: 1 }),
      training: jsonl([...pairs(2), long]),
    });
    expect(messages[0]).toContain("2 kept (0 of them truncated to 24 tokens), 1 dropped");
  });
});
