/** Reward models from every kind of data: their numbers, how they begin, what they learn, and that no layout of a step changes it. */
import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { gradient } from "../../shared/autodiff/gradient.ts";
import { rewardOf } from "../../shared/delta/reward.ts";
import { GraphBuilder } from "../../shared/graph/builder.ts";
import { f32, i64, scalar } from "../../shared/tensor.ts";
import type { NamedTensors } from "../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { metricOutput, metricOutputs } from "../../trainer/loop/metrics.ts";
import { createLossContext } from "../../trainer/recipes/loss-context.ts";
import type { RewardGoal } from "../../trainer/recipes/reward-model/data.ts";
import { REWARD_HEAD, rewardLoss } from "../../trainer/recipes/reward-model/loss.ts";
import { forwardOfLogits } from "../support/forward-of-logits.ts";
import { settingsOf } from "../support/peft.ts";
import { largestDifference } from "../trainer/golden-llama.ts";
import {
  type RewardModelRun,
  rewardSettings,
  runRewardModel,
} from "../trainer/recipes/reward-model/run-reward-model.ts";

vi.setConfig({ testTimeout: 120_000 });

interface Packed {
  readonly shape: number[];
  readonly data: number[];
}
const golden = JSON.parse(readFileSync(new URL("../golden/preferences/rewards.json", import.meta.url), "utf8")) as {
  readonly batch: Record<"states" | "weight" | "bias", Packed> & {
    readonly places: [row: number, start: number, length: number, prompt: number][];
    readonly margins: number[];
    readonly ratings: number[];
    readonly rankings: number[][];
  };
  readonly cases: readonly {
    readonly goal: RewardGoal;
    readonly settings: { readonly centring: number };
    readonly margins: boolean;
    readonly loss: number;
    readonly states: Packed;
    readonly weight: Packed;
    readonly metrics: Record<string, number>;
  }[];
};
const executor = createOnnxRuntimeExecutor({ threads: 1 });

const WORDS = ["red", "green", "blue", "one", "two", "three"];
const jsonl = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
/** Words in capital letters are better than those in small ones; the longer completion is as often the worse. */
function dataFor(kind: Kind, count: number, from = 0): string {
  return jsonl(
    Array.from({ length: count }, (_, i) => {
      const words = WORDS.slice((i + from) % 3, ((i + from) % 3) + 1 + (i % 3));
      const prompt = `say ${words.join(" ")} ${i + from}:`;
      const best = ` ${words.join(" ").toUpperCase()}`;
      const worst = ` ${words.join(" ")}${i % 2 === 0 ? " again" : ""}`;
      if (kind === "pairs") return { prompt, chosen: best, rejected: worst };
      if (kind === "rankings") {
        const middle = ` ${words[0]!.toUpperCase()} and ${words.join(" ")}`;
        return { prompt, completions: [best, ...(i % 2 === 0 ? [middle] : []), worst] };
      }
      return { prompt, completion: i % 2 === 0 ? best : worst, rating: i % 2 === 0 ? 5 : 2 };
    }),
  );
}
type Kind = "pairs" | "rankings" | "ratings";
const KINDS: readonly Kind[] = ["pairs", "rankings", "ratings"];
/** The loss when all rewards are equal: ln 2 of a pair, the mean of ln 3! and ln 2! of the rankings, and the ratings' variance, 1. */
const FIRST: Readonly<Record<Kind, number>> = { pairs: Math.LN2, rankings: (Math.log(6) + Math.LN2) / 2, ratings: 1 };

const turns = (user: string, assistant: string) => [
  { role: "user", content: user },
  { role: "assistant", content: assistant },
];
const BAD: Readonly<Record<Kind, [object, string][]>> = {
  pairs: [
    [{ prompt: "a", chosen: "b", rejected: "b" }, "rejected: is the same as chosen"],
    [{ prompt: "a", chosen: " ", rejected: "b" }, "chosen: must not be empty"],
    [{ chosen: turns("a", "b"), rejected: turns("c", "d") }, "rejected: answers another prompt than chosen"],
    [{ prompt: "a", chosen: "b", rejected: "c", margin: "wide" }, "margin: must be a number"],
    [{ prompt: "a", chosen: "b", rejected: "c", margin: -1 }, "margin: must not be negative"],
    [{ prompt: "a", chosen: "b", rejected: "c", chosen_rating: 3 }, "rejected_rating: is missing"],
    [
      { prompt: "a", chosen: "b", rejected: "c", chosen_rating: 3, rejected_rating: 4 },
      "chosen_rating: must not be less",
    ],
  ],
  rankings: [
    [{ prompt: "a", completions: ["b"] }, "completions: must have 2 to 16 completions, but has 1"],
    [{ prompt: "a", completions: ["b", ""] }, "completions[1]: must not be empty"],
    [{ prompt: "a", completions: ["b", "c", "b"] }, "completions[2]: is the same as completions[0]"],
    [{ prompt: "a", completions: ["b", "c"], ranks: [1, 1] }, "ranks[1]: is the same as ranks[0]: ties"],
    [{ prompt: "a", completions: ["b", "c"], ranks: [1] }, "ranks: must be a list of 2 numbers"],
  ],
  ratings: [
    [{ prompt: "a", completion: "", rating: 3 }, "completion: must not be empty"],
    [{ prompt: "a", completion: "b", rating: "good" }, "rating: must be a number"],
    [{ prompt: "a", completion: "b", ratings: { anna: 3, ben: null } }, "ratings.ben: must be a number"],
    [{ prompt: "a", completion: "b", ratings: [{ rating: 3 }] }, "ratings[0].rater: must be the rater's name"],
  ],
};

describe("the losses of reward models", () => {
  it.each(golden.cases)(
    "$goal with $settings, margins $margins: value, gradients and metrics in float64",
    async (one) => {
      const { states, weight, bias, places, margins, ratings, rankings } = golden.batch;
      const [rows, tokens] = states.shape as [number, number, number];
      const groups = {
        pairs: [
          [0, 1],
          [2, 3],
          [4, 5],
        ],
        ranking: rankings,
        rating: places.map((_, i) => [i]),
      }[one.goal];
      // Room for a unit that is not there, as in a micro-batch that is not full.
      const capacity = groups.length + 1;
      const perUnit = Math.max(...groups.map(({ length }) => length));
      const b = new GraphBuilder("loss");
      const final = b.input("states", "f32", states.shape);
      const head = b.input("weight", "f32", weight.shape);
      const context = createLossContext({
        ...{ b, training: true },
        parameter: (name) => (name === REWARD_HEAD.weight ? head : b.constant(f32([1], bias.data))),
        ...forwardOfLogits(b, b.constant(f32([rows, tokens, 1], new Array(rows * tokens).fill(0))), final),
        units: { form: { examples: perUnit, columns: { margin: "unit", rating: "unit" } }, capacity },
      });
      const loss = rewardLoss(context, { goal: one.goal, ...one.settings, scale: { mean: 0, deviation: 1 } });
      const slopes = gradient(b, loss.loss, [final, head]);
      const graph = b.build({
        loss: loss.loss,
        states_slope: slopes[0]!,
        weight_slope: slopes[1]!,
        ...metricOutputs(loss.metrics),
      });
      const slots = new Array<number>(rows * tokens).fill(capacity * perUnit);
      const weights = new Array<number>(rows * tokens).fill(0);
      const present = new Array<number>(capacity * perUnit).fill(0);
      const ends = new Array<number>(capacity * perUnit).fill(0);
      for (const [u, group] of groups.entries()) {
        for (const [k, place] of group.entries()) {
          const [row, start, length, prompt] = places[place]!;
          const at = row * tokens + start;
          slots.fill(u * perUnit + k, at, at + length);
          weights.fill(1, at + prompt - 1, at + length - 1);
          present[u * perUnit + k] = 1;
          ends[u * perUnit + k] = at + length - 1;
        }
      }
      const perUnitColumn = (of: (u: number) => number) =>
        f32(
          [capacity],
          Array.from({ length: capacity }, (_, u) => (u < groups.length ? of(u) : 0)),
        );
      const feeds: NamedTensors = {
        states: f32(states.shape, states.data),
        weight: f32(weight.shape, weight.data),
        targets: i64([rows, tokens], new Array(rows * tokens).fill(0)),
        weights: f32([rows, tokens], weights),
        total: scalar("f32", 1),
        slots: i64([rows, tokens], slots),
        ends: i64([capacity, perUnit], ends),
        present: f32([capacity, perUnit], present),
        total_units: scalar("f32", groups.length),
        "column#margin": perUnitColumn((u) => (one.margins ? margins[u]! : 0)),
        "column#rating": perUnitColumn((u) => ratings[u]!),
      };
      const program = await executor.compile(graph);
      const outputs = await program.run(Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name]!])));
      await program.dispose();
      const value = (name: string) => Number(outputs[name]!.data[0]);
      expect(Math.abs(value("loss") / one.loss - 1)).toBeLessThan(2e-6);
      expect(largestDifference(outputs.states_slope!.data as Float32Array, one.states.data)).toBeLessThan(2e-6);
      expect(largestDifference(outputs.weight_slope!.data as Float32Array, one.weight.data)).toBeLessThan(2e-6);
      expect(Object.keys(one.metrics).sort()).toEqual(Object.keys(loss.metrics!).sort());
      for (const [name, expected] of Object.entries(one.metrics)) {
        expect(Math.abs(value(metricOutput(name)) - expected), name).toBeLessThan(
          5e-6 * Math.max(1, Math.abs(expected)),
        );
      }
    },
  );

  it("gives the order [2, 1, 0] of the scores ln 1, ln 2, ln 3 a log-likelihood of −1.0986", async () => {
    const scores = [3, 2, 1].map(Math.log);
    const b = new GraphBuilder("order");
    const final = b.input("states", "f32", [1, 3, 1]);
    const context = createLossContext({
      ...{ b, training: true },
      parameter: () => b.constant(f32([1, 1], [1])),
      ...forwardOfLogits(b, b.constant(f32([1, 3, 1], [0, 0, 0])), final),
      units: { form: { examples: 3, columns: {} }, capacity: 1 },
    });
    const { loss } = rewardLoss(context, { goal: "ranking", centring: 0, scale: { mean: 0, deviation: 1 } });
    const feeds: NamedTensors = {
      states: f32([1, 3, 1], scores),
      targets: i64([1, 3], [0, 0, 0]),
      weights: f32([1, 3], [1, 1, 1]),
      total: scalar("f32", 3),
      slots: i64([1, 3], [0, 1, 2]),
      ends: i64([1, 3], [0, 1, 2]),
      present: f32([1, 3], [1, 1, 1]),
      total_units: scalar("f32", 1),
    };
    const graph = b.build({ loss });
    const program = await executor.compile(graph);
    const outputs = await program.run(Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name]!])));
    await program.dispose();
    expect(-Number(outputs.loss!.data[0])).toBeCloseTo(-1.0986123, 6);
  });
});

describe.each(KINDS)("a reward model from %s", (kind) => {
  const [training, validation] = [dataFor(kind, 12), dataFor(kind, 8, 30)];

  it("begins with equal rewards", async () => {
    const { steps } = await runRewardModel({ settings: rewardSettings({ max_steps: 1, batch_size: 12 }), training });
    const [first] = steps;
    expect(first!.loss! / FIRST[kind]).toBeCloseTo(1, 5);
    if (kind === "ratings") {
      for (const name of ["min_reward", "mean_reward", "max_reward"]) expect(first![name]).toBeCloseTo(3.5, 5);
    } else expect(first).toMatchObject({ accuracy: 0, margin: 0, min_reward: 0, max_reward: 0 });
  });

  it("learns what is better, for prompts that it has not seen, where length says nothing", async () => {
    const { steps, outcome, messages, kept, delta } = await runRewardModel({
      settings: rewardSettings({ n_epochs: 16 }),
      ...{ training, validation },
    });
    expect(steps.at(-1)!.loss!).toBeLessThan(0.5 * steps[0]!.loss!);
    expect(outcome.metrics.accuracy).toBeGreaterThanOrEqual(0.9);
    expect(Math.abs(outcome.metrics.length_accuracy! - 0.5)).toBeLessThanOrEqual(0.3);
    if (kind !== "ratings") {
      expect(outcome.metrics.valid_accuracy).toBeGreaterThanOrEqual(0.9);
    }
    if (kind === "pairs") {
      // The calibration's pairs are the validation file's, so what is counted twice must agree.
      expect(outcome.metrics.valid_length_accuracy).toBeCloseTo(outcome.metrics.length_accuracy!, 6);
      expect(outcome.metrics.valid_accuracy).toBeCloseTo(outcome.metrics.accuracy!, 6);
    }
    expect(messages.at(-1)).toMatch(/^the validation file: the reward prefers the better completion in \d+/);
    const [file] = kept;
    const report = JSON.parse(new TextDecoder().decode(file!.bytes)) as { reliability: { count: number }[] };
    expect(file!.name).toBe("reliability.json");
    expect(report.reliability.reduce((sum, { count }) => sum + count, 0)).toBe(outcome.metrics.calibration_pairs);
    const { about } = delta.scorer!;
    expect(about).toMatchObject({
      labels: ["reward"],
      lead: [],
      ends: true,
      temperatures: { lookahead: outcome.metrics.temperature },
    });
    const { reward, calibrated } = rewardOf(
      delta.scorer!,
      new Float32Array(delta.scorer!.weight.data.length).fill(0.1),
    );
    expect(calibrated).toBeCloseTo(reward / outcome.metrics.temperature!, 10);
  });

  it("trains the head alone, and methods that take positions before the text", async () => {
    for (const peft of [
      [],
      [settingsOf({ type: "prompt", num_virtual_tokens: 3 }), settingsOf({ type: "prefix" } as never)],
    ]) {
      const { steps, outcome } = await runRewardModel({
        settings: rewardSettings({ max_steps: 4, batch_size: 12, learning_rate: 0.01 }, { peft }),
        training,
        validation,
      });
      expect(steps[3]!.loss!).toBeLessThan(steps[0]!.loss!);
      expect(steps[0]!.loss! / FIRST[kind]).toBeCloseTo(1, 5);
      for (const value of Object.values(outcome.metrics)) expect(value).toSatisfy(Number.isFinite);
    }
  });

  it("is the same however a step is divided and packed", async () => {
    const own = (hyperparameters: object) =>
      runRewardModel({
        settings: rewardSettings({ max_steps: 3, batch_size: 8, learning_rate: 0.002, ...hyperparameters }),
        training,
      });
    const whole = await own({});
    const numbers = ({ delta }: RewardModelRun) => [
      ...[...delta.linears.values()].flatMap(({ a, b }) => [...a!.data, ...b!.data]),
      ...delta.scorer!.weight.data,
    ];
    for (const other of [
      { packing: false },
      { batch_size: 2, gradient_accumulation_steps: 4 },
      { batch_size: 1, gradient_accumulation_steps: 8, packing: false },
    ]) {
      const recorded = await own(other);
      expect(recorded.outcome.trainedTokens).toBe(whole.outcome.trainedTokens);
      expect(largestDifference(numbers(recorded), numbers(whole))).toBeLessThan(2e-5);
      for (const [i, step] of recorded.steps.entries()) {
        for (const [name, value] of Object.entries(whole.steps[i]!)) {
          if (name.endsWith("per_second")) continue;
          expect(Math.abs(step[name]! - value), name).toBeLessThan(2e-4 * Math.max(1, Math.abs(value)));
        }
      }
    }
  });

  it("killed after any step and resumed, it ends with the same bytes", async () => {
    const short = { settings: rewardSettings({ n_epochs: 2 }), training, validation };
    const undisturbed = await runRewardModel(short);
    for (const after of [1, 4]) {
      let checkpoint: Uint8Array | undefined;
      const dying = runRewardModel({
        ...short,
        afterStep: ({ step, state }) => {
          if (step !== after) return;
          checkpoint = state();
          throw new Error("killed");
        },
      });
      await expect(dying).rejects.toThrow("killed");
      const resumed = await runRewardModel({ ...short, checkpoint: checkpoint! });
      expect(resumed.files).toEqual(undisturbed.files);
      expect(resumed.steps).toEqual(undisturbed.steps.slice(after).map((data) => ({ ...data })));
      expect(resumed.kept).toEqual(undisturbed.kept);
    }
  });

  it.each(BAD[kind])("refuses %j", async (line, message) => {
    const lines = training.split("\n").slice(0, 2).join("\n");
    await expect(runRewardModel({ training: `${lines}\n${JSON.stringify(line)}\n` })).rejects.toMatchObject({
      code: "invalid_file",
      message: expect.stringContaining(`line 3 of train.jsonl: ${message}`),
    });
  });
});
