/** Every objective on preferences: its numbers, how it begins, what it learns, and that no layout of a step changes it. */
import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { PREFERENCE_TYPES } from "../../shared/api/preference-methods.ts";
import { gradient } from "../../shared/autodiff/gradient.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { GraphBuilder } from "../../shared/graph/builder.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { f32, i64, scalar } from "../../shared/tensor.ts";
import type { UnitForm } from "../../trainer/data/units.ts";
import type { NamedTensors } from "../../trainer/engines/executor.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { metricOutput, metricOutputs } from "../../trainer/loop/metrics.ts";
import { dpo } from "../../trainer/recipes/dpo.ts";
import { ipo } from "../../trainer/recipes/ipo.ts";
import { kto } from "../../trainer/recipes/kto.ts";
import { createLossContext } from "../../trainer/recipes/loss-context.ts";
import { type Objective, REFERENCE } from "../../trainer/recipes/objective.ts";
import { orpo } from "../../trainer/recipes/orpo.ts";
import { simpo } from "../../trainer/recipes/simpo.ts";
import { forwardOfLogits } from "../support/forward-of-logits.ts";
import { settingsOf } from "../support/peft.ts";
import { largestDifference } from "../trainer/golden-llama.ts";
import {
  killedAndResumed,
  type Recorded,
  runObjective,
  TINY_FILES,
} from "../trainer/recipes/objectives/run-objective.ts";

vi.setConfig({ testTimeout: 120_000 });

type PreferenceType = keyof typeof PREFERENCE_TYPES;
// biome-ignore lint/suspicious/noExplicitAny: each objective has settings of its own, which its schema checks
type AnyObjective = Objective<any>;

interface Case {
  readonly objective: AnyObjective;
  /** The loss before any update, by β; absent where it depends on the model. */
  readonly first?: (beta: number) => number;
  readonly learningRate: number;
  readonly data: "pairs" | "unpaired";
  /** The share of the first loss that the last one stays under; most of ORPO's is likelihood, which falls slowly. */
  readonly falls?: number;
  /** With which it learns, if not the default: ORPO's preference is a small part of its loss by default. */
  readonly beta?: number;
}

const CASES: Readonly<Record<PreferenceType, Case>> = {
  dpo: { objective: dpo, first: () => Math.LN2, learningRate: 0.03, data: "pairs" },
  ipo: { objective: ipo, first: (beta) => 1 / (4 * beta ** 2), learningRate: 0.03, data: "pairs" },
  orpo: { objective: orpo, learningRate: 0.03, data: "pairs", falls: 0.95, beta: 1 },
  simpo: { objective: simpo, learningRate: 0.03, data: "pairs" },
  kto: { objective: kto, first: () => 0.5, learningRate: 0.03, data: "unpaired" },
};
const TYPES = Object.keys(PREFERENCE_TYPES) as PreferenceType[];

interface Packed {
  readonly shape: number[];
  readonly data: number[];
}
const golden = JSON.parse(readFileSync(new URL("../golden/preferences/losses.json", import.meta.url), "utf8")) as {
  readonly batch: Record<"logits" | "targets" | "weights" | "reference" | "slots", Packed> & {
    readonly labels: number[];
    readonly kl: number;
  };
  readonly cases: readonly {
    readonly type: PreferenceType;
    readonly settings: Record<string, unknown>;
    readonly trl: boolean;
    readonly loss: number;
    readonly gradient: Packed;
    readonly metrics: Record<string, number>;
  }[];
};
const executor = createOnnxRuntimeExecutor({ threads: 1 });

const lora = settingsOf({ type: "lora", r: 4, lora_alpha: 8 });
const settings = (type: PreferenceType, hyperparameters: object = {}) =>
  PREFERENCE_TYPES[type].settings.parse({
    hyperparameters: { n_epochs: 4, batch_size: 4, learning_rate: CASES[type].learningRate, ...hyperparameters },
    peft: lora,
  }) as never;

const WORDS = ["red", "green", "blue", "one", "two", "three"];
const jsonl = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
/** Words in capital letters are preferred to those in small ones; prompts and answers of several lengths. */
function dataFor(type: PreferenceType, count: number, from = 0): string {
  const pairs = Array.from({ length: count }, (_, i) => {
    const words = WORDS.slice((i + from) % 3, ((i + from) % 3) + 1 + (i % 3)).join(" ");
    return { prompt: `say ${words}:`, chosen: ` ${words.toUpperCase()}`, rejected: ` ${words}` };
  });
  if (CASES[type].data === "pairs") return jsonl(pairs);
  return jsonl(
    pairs.flatMap(({ prompt, chosen, rejected }) => [
      { prompt, completion: chosen, label: true },
      { prompt, completion: rejected, label: false },
    ]),
  );
}

const deltaOf = ({ outcome }: Recorded) => {
  const delta = decodeCanonical(outcome.folder.files.get(SERVING_FILE)!, loadModelFolder(TINY_FILES).config);
  return [...delta.linears.values()].flatMap(({ a, b }) => [...a!.data, ...b!.data]);
};

describe("the losses on preferences", () => {
  it("are all held to a reference", () => {
    expect([...new Set(golden.cases.map(({ type }) => type))].sort()).toEqual([...TYPES].sort());
  });

  it.each(golden.cases)("$type with $settings: value, gradient and metrics in float64", async (one) => {
    const { objective, data } = CASES[one.type];
    const own = settings(one.type, one.settings);
    const form = objective.form(own);
    const columns: UnitForm["columns"] = {
      ...form.columns,
      ...(objective.reference === undefined ? {} : { [REFERENCE]: "token" }),
    };
    const { labels, kl } = golden.batch;
    const capacity = data === "pairs" ? labels.length / 2 : labels.length;
    const b = new GraphBuilder("loss");
    const { logits: given, targets, weights, reference, slots } = golden.batch;
    const logits = b.input("logits", "f32", given.shape);
    const context = createLossContext({
      ...{ b, training: true, parameter: () => expect.fail("no parameter") },
      ...forwardOfLogits(b, logits),
      units: { form: { ...form, columns }, capacity },
    });
    const { loss, metrics } = objective.loss(context, own);
    const [slope] = gradient(b, loss, [logits]);
    const graph = b.build({ loss, slope: slope!, ...metricOutputs(metrics) });
    const chosen = labels.filter((label) => label === 1).length;
    const perUnit = (of: (label: number) => number) => f32([capacity], labels.slice(0, capacity).map(of));
    const feeds: NamedTensors = {
      logits: f32(given.shape, given.data),
      targets: i64(targets.shape, targets.data),
      weights: f32(weights.shape, weights.data),
      total: scalar(
        "f32",
        weights.data.reduce((sum, weight) => sum + weight, 0),
      ),
      slots: i64(slots.shape, slots.data),
      present: f32([capacity, form.examples], new Array(capacity * form.examples).fill(1)),
      total_units: scalar("f32", capacity),
      "column#reference": f32(reference.shape, reference.data),
      "column#desirable": perUnit((label) => label),
      "column#kl": perUnit(() => kl),
      "column#chosen_share": perUnit((label) => label / chosen),
      "column#rejected_share": perUnit((label) => (1 - label) / (labels.length - chosen)),
    };
    const program = await executor.compile(graph);
    const outputs = await program.run(Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name]!])));
    await program.dispose();
    const value = (name: string) => Number(outputs[name]!.data[0]);
    expect(Math.abs(value("loss") / one.loss - 1)).toBeLessThan(2e-6);
    expect(largestDifference(outputs.slope!.data as Float32Array, one.gradient.data)).toBeLessThan(2e-6);
    for (const [name, expected] of Object.entries(one.metrics)) {
      expect(Math.abs(value(metricOutput(name)) - expected), name).toBeLessThan(5e-6 * Math.max(1, Math.abs(expected)));
    }
  });
});

describe.each(TYPES)("a job of type %s", (type) => {
  const { objective, first, data, falls = 0.9, beta = "auto" } = CASES[type];
  const [training, validation] = [dataFor(type, 12), dataFor(type, 5, 1)];
  const options = { settings: settings(type), training, validation };

  it.runIf(first !== undefined)("begins where its formula says, for every β", async () => {
    for (const beta of [0.1, 0.5]) {
      const { steps } = await runObjective(objective, {
        ...{ settings: settings(type, { beta, max_steps: 1 }), training, validation },
      });
      expect(steps[0]!.loss! / first!(beta)).toBeCloseTo(1, 5);
      for (const name of ["rewards/chosen", "rewards/rejected", "rewards/margins"]) {
        expect(steps[0]![name]).toBeCloseTo(0, 5);
      }
    }
  });

  it("trains methods that take positions before the text, against the base without them", async () => {
    const peft = [settingsOf({ type: "prompt", num_virtual_tokens: 3 }), settingsOf({ type: "prefix" } as never)];
    const own = { ...(settings(type, { max_steps: 2 }) as object), peft } as never;
    const { steps, outcome } = await runObjective(objective, { settings: own, training, validation });
    expect(steps).toHaveLength(2);
    for (const value of [...Object.values(steps[1]!), outcome.metrics.tuned_loss])
      expect(value).toSatisfy(Number.isFinite);
    // The first loss is that of the base only where nothing stands before the text.
    if (first !== undefined) expect(Math.abs(steps[0]!.loss! / first(0.1) - 1)).toBeGreaterThan(1e-4);
  });

  it("learns a planted preference, and finds it in prompts that it has not seen", async () => {
    const { steps, outcome } = await runObjective(objective, {
      ...options,
      settings: settings(type, { n_epochs: 10, beta }),
    });
    expect(steps.at(-1)!.loss!).toBeLessThan(steps[0]!.loss! * falls);
    expect(outcome.metrics.tuned_loss!).toBeLessThan(outcome.metrics.base_loss!);
    const before = first === undefined ? steps[0]!["rewards/margins"]! : 0;
    expect(outcome.metrics["valid_rewards/margins"]!).toBeGreaterThan(Math.max(before, 0) + 0.02);
    if (data === "pairs") expect(outcome.metrics["valid_rewards/accuracies"]).toBeCloseTo(1, 6);
    for (const step of steps) {
      const { "rewards/chosen": chosen, "rewards/rejected": rejected, "rewards/margins": margins } = step;
      expect(margins).toBeCloseTo(chosen! - rejected!, 4);
      // A step of single completions can be without one of the labels.
      const logps = [step["logps/chosen"]!, step["logps/rejected"]!];
      expect(Math.min(...logps)).toBeLessThan(0);
      if (data === "pairs") expect(Math.max(...logps)).toBeLessThan(0);
    }
  });

  it("is the same however a step is divided and packed", async () => {
    const run = (hyperparameters: object) =>
      runObjective(objective, {
        settings: settings(type, { max_steps: 3, batch_size: 8, learning_rate: 0.002, ...hyperparameters }),
        training,
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
        for (const name of ["loss", "rewards/margins", "logps/chosen"]) {
          expect(Math.abs(step[name]! - whole.steps[i]![name]!)).toBeLessThan(
            2e-4 * Math.max(1, Math.abs(step[name]!)),
          );
        }
      }
    }
  });

  it("killed after any step and resumed, it ends with the same bytes", async () => {
    const short = { ...options, settings: settings(type, { n_epochs: 2 }) };
    const undisturbed = await runObjective(objective, short);
    for (const step of [1, 4]) {
      const resumed = await killedAndResumed(objective, short, step);
      expect(resumed.files).toEqual(undisturbed.files);
      expect(resumed.steps).toEqual(undisturbed.steps.slice(step).map((data) => ({ ...data })));
    }
  });

  it("refuses data that cannot teach it, with the line", async () => {
    const bad: readonly [object, string][] =
      data === "pairs"
        ? [
            [{ prompt: "a", chosen: "b", rejected: "b" }, "rejected: is the same as chosen"],
            [{ prompt: "a", chosen: "", rejected: "b" }, "chosen: must not be empty"],
            [
              {
                chosen: [
                  { role: "user", content: "a" },
                  { role: "assistant", content: "b" },
                ],
                rejected: [
                  { role: "user", content: "c" },
                  { role: "assistant", content: "d" },
                ],
              },
              "rejected: answers another prompt than chosen",
            ],
          ]
        : [
            [{ prompt: "a", completion: "", label: true }, "completion: must not be empty"],
            [{ prompt: "a", completion: "b", label: "good" }, "label: must be true"],
          ];
    for (const [line, message] of bad) {
      const lines = training.split("\n").slice(0, 2).join("\n");
      const broken = { settings: settings(type), training: `${lines}\n${JSON.stringify(line)}\n` };
      await expect(runObjective(objective, broken)).rejects.toMatchObject({
        code: "invalid_file",
        message: expect.stringContaining(`line 3 of train.jsonl: ${message}`),
      });
    }
  });

  it.runIf(data === "unpaired")("refuses a file of one label", async () => {
    const one = jsonl(WORDS.map((word) => ({ prompt: "say", completion: word, label: true })));
    await expect(runObjective(objective, { settings: settings(type), training: one })).rejects.toMatchObject({
      code: "invalid_file",
      message: expect.stringContaining("every line of train.jsonl has the label true"),
    });
  });
});
