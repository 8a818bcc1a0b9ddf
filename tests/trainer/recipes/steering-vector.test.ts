import { describe, expect, it } from "vitest";
import { SteeringVectorSettings } from "../../../shared/api/steering-vector.ts";
import type { TrainerEvent } from "../../../shared/api/trainer.ts";
import { type CanonicalDelta, NO_DELTA } from "../../../shared/delta/canonical.ts";
import { conditionHolds } from "../../../shared/delta/condition.ts";
import { encodeManifest, MANIFEST_FILE, parseManifest } from "../../../shared/delta/manifest.ts";
import { decodeCanonical, encodeCanonical, SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { f32 } from "../../../shared/tensor.ts";
import type { ParentFolder } from "../../../trainer/recipes/parent.ts";
import { readActivations } from "../../../trainer/recipes/read-activations.ts";
import type { RecipeContext } from "../../../trainer/recipes/recipe.ts";
import { steeringVector } from "../../../trainer/recipes/steering-vector.ts";
import { quietContext, TINY_FILES, tinyJobOf } from "./objectives/run-objective.ts";
import { relativeError } from "./steering-vector/golden.ts";

const COLOURS = ["red", "green", "blue"];
const NUMBERS = ["one", "two", "three"];
const line = (value: unknown) => `${JSON.stringify(value)}\n`;
const pairs = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    positive: `up ${COLOURS[at % 3]} down ${COLOURS[(at >> 1) % 3]}`,
    negative: `up ${NUMBERS[at % 3]} down ${NUMBERS[(at >> 1) % 3]}`,
  }));
const file = (lines: readonly unknown[]) => lines.map(line).join("");

interface Run {
  readonly settings?: Record<string, unknown>;
  readonly training?: string;
  readonly validation?: string;
  readonly parent?: ParentFolder;
  readonly seed?: number;
  readonly context?: Partial<RecipeContext>;
}

async function run({ settings = {}, training = file(pairs(12)), validation, parent, seed, context }: Run = {}) {
  const events: Omit<TrainerEvent, "seq">[] = [];
  const job = await tinyJobOf({
    settings: SteeringVectorSettings.parse(settings) as never,
    training,
    ...(validation === undefined ? {} : { validation }),
    ...(seed === undefined ? {} : { seed }),
  });
  const outcome = await steeringVector(
    { ...job, type: "steering_vector", parent } as never,
    quietContext({ event: (event) => void events.push(event), ...context }),
  );
  const { config } = loadModelFolder(TINY_FILES);
  const delta = decodeCanonical(outcome.folder.files.get(SERVING_FILE)!, config);
  const manifest = parseManifest(outcome.folder.files.get(MANIFEST_FILE)!);
  return { outcome, events, manifest, delta };
}
const biasOf = ({ delta }: Awaited<ReturnType<typeof run>>, layer: number) =>
  delta.linears.get(`layers.${layer}.mlp.down_proj`)?.bias?.data;

/** The last activation [D] of each text after a layer. */
async function lastActivations(texts: readonly string[], layer: number) {
  const { config, weights, tokenizer } = loadModelFolder(TINY_FILES);
  const ids = texts.map((text) => Int32Array.from([...tokenizer.prefix, ...tokenizer.encode(text)]));
  const tap = `layers.${layer}`;
  const options = { config, weights, taps: [tap], padId: tokenizer.padId, yieldToEventLoop: async () => undefined };
  const found: Float32Array[] = [];
  for await (const { index, states } of readActivations(quietContext().executor, ids, options)) {
    found[index] = states.get(tap)!.slice(-config.hiddenSize);
  }
  return found;
}

describe("steeringVector", () => {
  it("publishes the mean difference of all pairs after the chosen layer", async () => {
    const given = pairs(12);
    const made = await run({ settings: { layers: 1 } });
    const positive = await lastActivations(
      given.map((pair) => pair.positive),
      1,
    );
    const negative = await lastActivations(
      given.map((pair) => pair.negative),
      1,
    );
    const expected = Float64Array.from({ length: 32 }, (_, at) =>
      positive.reduce((sum, state, pair) => sum + (state[at]! - negative[pair]![at]!) / given.length, 0),
    );
    expect(relativeError(biasOf(made, 1)!, expected)).toBeLessThan(1e-6);
    expect([...made.delta.linears.keys()]).toEqual(["layers.1.mlp.down_proj"]);
    const norm = Math.hypot(...expected);
    const [facts] = made.manifest.steering!.layers;
    expect(facts!.layer).toBe(1);
    expect(facts!.norm).toBeCloseTo(norm, 5);
    expect(facts!.relative_norm).toBeGreaterThan(0);
    expect(made.outcome.metrics["layers.1/norm"]).toBe(facts!.norm);
  });

  it("reports every layer, in an event, the metrics and the manifest", async () => {
    const { events, outcome, manifest } = await run({ settings: { position: "mean" } });
    const table = events.find(({ message }) => message.startsWith("Chosen: layer 0."))!;
    expect(table.message).toMatch(
      /\nlayer 0: AUC 0\.\d{3}, accuracy 1\.000, separation \d\.\d{3}, length 0\.\d{3} \(0\.\d{3} of the stream's\)\nlayer 1: AUC /,
    );
    expect(table.data).toMatchObject({
      chosen: [0],
      layers: [
        { layer: 0, auc: outcome.metrics["layers.0/auc"] },
        { layer: 1, separation: outcome.metrics["layers.1/separation"] },
      ],
    });
    expect(outcome.metrics["layers.0/auc"]).toBeGreaterThan(0.9);
    expect(Object.keys(outcome.metrics).filter((name) => name.endsWith("/auc"))).toEqual([
      "layers.0/auc",
      "layers.1/auc",
    ]);
    expect(outcome.metrics.pairs).toBe(12);
    expect(manifest.metrics).toEqual(outcome.metrics);
    expect(outcome.hyperparameters).toEqual({ layers: "0" });
    expect(outcome.trainedTokens).toBeGreaterThan(24 * 4);
    expect(JSON.stringify(table.data)).not.toContain('"vector"');
  });

  it("puts a vector on each of several layers, at the length that was asked for", async () => {
    const made = await run({ settings: { layers: [1, 0], method: "pca", normalise: "unit" } });
    for (const layer of [0, 1]) expect(Math.hypot(...biasOf(made, layer)!)).toBeCloseTo(1, 6);
    expect(made.manifest.steering).toMatchObject({ method: "pca", normalise: "unit", position: "last" });
    expect(made.manifest.trainable_parameters).toBe(64);
  });

  it("gives equal bytes again, and the same vector for another seed", async () => {
    const settings = { layers: 0, condition: { when: "positive" } };
    const [first, second, other] = [await run({ settings }), await run({ settings }), await run({ settings, seed: 9 })];
    expect(second.outcome.folder.files).toEqual(first.outcome.folder.files);
    expect(biasOf(other, 0)).toEqual(biasOf(first, 0));
  });

  it.each([
    ["positive", "above"],
    ["negative", "below"],
  ])("fits a condition that holds for prompts like the %s side", async (when, comparator) => {
    const { manifest, outcome } = await run({ settings: { condition: { when, layer: 1 } } });
    const condition = manifest.steering!.condition!;
    expect(condition).toMatchObject({ layer: 1, position: "last", comparator });
    expect(condition.vector).toHaveLength(32);
    expect(outcome.metrics["condition/accuracy"]).toBeGreaterThan(0.9);
    expect(outcome.hyperparameters).toMatchObject({ condition_layer: 1 });
    const states = await lastActivations(["down red up blue", "down one up two"], 1);
    const holds = states.map((state) => conditionHolds(condition, state).holds);
    expect(holds).toEqual([when === "positive", when === "negative"]);
  });

  it("fits the condition on prompts of its own, by another measure than the pairs'", async () => {
    const texts = Array.from({ length: 8 }, (_, at) => [`${COLOURS[at % 3]} up one`, `${COLOURS[at % 3]} one down`]);
    const prompts = texts.flatMap(([up, down]) => [
      { text: up, label: 1 },
      { text: down, label: 0 },
    ]);
    const { manifest, outcome, events } = await run({
      settings: { condition: { when: "positive", prompts: "validation_file", layer: 0, position: "mean" } },
      validation: file(prompts),
    });
    const condition = manifest.steering!.condition!;
    expect(condition).toMatchObject({ layer: 0, position: "mean", comparator: "above" });
    expect(outcome.metrics["condition/accuracy"]).toBeGreaterThan(0.9);
    expect(manifest.data_digests).toHaveLength(2);
    expect(events.map(({ message }) => message)).toContain(
      "valid.jsonl: 8 prompts to recognise and 8 others kept, 0 left out because they are longer than the model's context of 128 tokens",
    );
    const onPairs = await run({ settings: { condition: { when: "positive", layer: 0, position: "mean" } } });
    expect(onPairs.manifest.steering!.condition!.vector).not.toEqual(condition.vector);
  });

  it("reads a tuned model, and publishes the vector alone", async () => {
    const { manifest } = await run();
    const tuned: CanonicalDelta = {
      ...NO_DELTA,
      linears: new Map([["layers.0.mlp.up_proj", { scale: f32([48], new Float32Array(48).fill(3)) }]]),
    };
    const files = new Map([
      [SERVING_FILE, encodeCanonical(tuned)],
      [MANIFEST_FILE, encodeManifest(manifest)],
    ]);
    const parent: ParentFolder = { kind: "delta", digest: "f".repeat(64), files };
    const [on, off] = [await run({ settings: { layers: 1 }, parent }), await run({ settings: { layers: 1 } })];
    expect([...on.delta.linears.keys()]).toEqual(["layers.1.mlp.down_proj"]);
    expect(relativeError(biasOf(on, 1)!, biasOf(off, 1)!)).toBeGreaterThan(0.01);
    expect(on.manifest.parents).toEqual(["f".repeat(64)]);
  });

  it("stops where it is told to, and starts again from the beginning", async () => {
    const stop = new Error("stopped");
    let yields = 0;
    const yieldToEventLoop = async () => {
      if (++yields === 2) throw stop;
    };
    await expect(run({ context: { yieldToEventLoop } })).rejects.toBe(stop);
  });

  it("warns of pairs that are too long, and leaves them out", async () => {
    const long = { positive: "red ".repeat(300), negative: "one" };
    const { events, outcome } = await run({ training: file([...pairs(4), long]) });
    const notice = events.find(({ level }) => level === "warn")!;
    expect(notice.message).toBe(
      "train.jsonl: 4 pairs kept, 1 left out because a side is longer than the model's context of 128 tokens; the first is line 5",
    );
    expect(outcome.metrics.pairs).toBe(4);
  });

  const chat = (content: string) => [{ role: "user", content }];
  it.each<[string, Run, Record<string, unknown>]>([
    [
      "one pair",
      { training: file(pairs(1)) },
      {
        code: "invalid_dataset",
        message: "a steering vector needs at least 2 contrast pairs, but the file has 1 to use",
      },
    ],
    [
      "pairs that are too long",
      { training: file([...pairs(1), { positive: "red ".repeat(300), negative: "one" }]) },
      {
        message: expect.stringContaining("; 1 more have a side that is longer than the model's context of 128 tokens"),
      },
    ],
    ["equal sides", { training: file([...pairs(2), { positive: "a", negative: "a" }]) }, { code: "invalid_file" }],
    ["an empty side", { training: file([{ positive: "a", negative: "" }]) }, { code: "invalid_file" }],
    [
      "another kind of file",
      { training: file([{ text: "red" }]) },
      { code: "invalid_file", message: expect.stringContaining("line 1 of train.jsonl is not a contrast pair") },
    ],
    [
      "a layer that is not there",
      { settings: { layers: 2 } },
      {
        code: "invalid_request",
        param: "method.steering_vector.layers",
        message: "`method.steering_vector.layers` is 2, but this model has the layers 0 to 1.",
      },
    ],
    [
      "a position that the texts do not have",
      {
        settings: { position: "completion" },
        training: file([...pairs(2), { positive: chat("red"), negative: chat("one") }]),
      },
      { code: "invalid_dataset", message: expect.stringContaining("line 3: `positive` does not end with a text") },
    ],
    ["a validation file", { validation: file(pairs(2)) }, { code: "invalid_request", param: "validation_file" }],
    [
      "a condition without its file",
      { settings: { condition: { when: "positive", prompts: "validation_file" } } },
      { code: "invalid_request", param: "validation_file", message: expect.stringContaining("is required") },
    ],
    [
      "too few prompts",
      {
        settings: { condition: { when: "positive", prompts: "validation_file" } },
        validation: file([
          { text: "red", label: 1 },
          { text: "up", label: 1 },
          { text: "down", label: 0 },
        ]),
      },
      {
        code: "invalid_dataset",
        param: "validation_file",
        message: "a condition needs at least 2 prompts to recognise and 2 others, but the file has 2 and 1 to use",
      },
    ],
    [
      "a tuned model with its own weights",
      { parent: { kind: "model", digest: "f".repeat(64), files: TINY_FILES } },
      { code: "invalid_request", param: "model" },
    ],
  ])("refuses %s", async (_, given, expected) => {
    await expect(run(given)).rejects.toMatchObject(expected);
  });
});
