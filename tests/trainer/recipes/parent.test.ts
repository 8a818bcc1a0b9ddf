import { describe, expect, it } from "vitest";
import type { SettingsOf } from "../../../shared/api/methods.ts";
import { MANIFEST_FILE, parseManifest } from "../../../shared/delta/manifest.ts";
import { mergeIntoWeights } from "../../../shared/delta/merge/into-weights.ts";
import { canonicalTensors, decodeCanonical, SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { loadModelFolder, type ModelFiles } from "../../../shared/model/model-folder.ts";
import { weightSpecs } from "../../../shared/model/modules.ts";
import { modelFolder } from "../../../shared/model/write-folder.ts";
import { readAdapterParts } from "../../../shared/package/adapter-parts.ts";
import { continuedValues } from "../../../shared/package/continued-adapters.ts";
import { attachMethods } from "../../../shared/peft/combine.ts";
import type { AttachedMethod } from "../../../shared/peft/method.ts";
import type { PeftChoice } from "../../../shared/peft/presets.ts";
import { ADAPTER_FORMATS } from "../../../shared/peft/registry.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import { evaluationBatches } from "../../../trainer/data/batches.ts";
import { unitsOf } from "../../../trainer/data/units.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { slots } from "../../../trainer/optim/adamw.ts";
import { frozenTensors, trainingGraph } from "../../../trainer/recipes/causal-graphs.ts";
import { loadStart, type ParentFolder } from "../../../trainer/recipes/parent.ts";
import { publishResult } from "../../../trainer/recipes/result.ts";
import { runJob } from "../../../trainer/recipes/run-job.ts";
import { supervised } from "../../../trainer/recipes/supervised.ts";
import { settingsOf } from "../../support/peft.ts";
import { quietContext, TINY_FILES, tinyJobOf } from "./objectives/run-objective.ts";

const { config, weights } = loadModelFolder(TINY_FILES);
const training = ["one", "two", "three", "four"]
  .map((word) => `${JSON.stringify({ prompt: `${word}:`, completion: " yes" })}\n`)
  .join("");
const PARENT = "c".repeat(64);
const TOKENIZER = "d".repeat(64);

const PROVENANCE = {
  base_model: "tiny",
  base_digest: "b".repeat(64),
  tokenizer_digest: TOKENIZER,
  data_digests: ["e".repeat(64)],
  metrics: {},
  parents: [],
  created_at: 7,
};

/** A delta of a method whose every number has been moved. */
async function parentDelta(choice: PeftChoice): Promise<ParentFolder> {
  const { initial } = attachMethods({ config, weights, settings: choice, seed: 1, encode: () => [1], param: "peft" });
  const values = new Map(
    [...initial].map(([name, { shape, data }]) => [
      name,
      f32(
        shape,
        data.map((x, at) => x + 0.02 * (1 + (at % 3))),
      ),
    ]),
  );
  const base = { id: "tiny", files: TINY_FILES };
  const { files } = await publishResult({ config, settings: choice, seed: 1, values, weights, base }, PROVENANCE);
  return { kind: "delta", digest: PARENT, files };
}

async function run(peft: PeftChoice, changes: { base?: ModelFiles; parent?: ParentFolder; batch?: number }) {
  const settings: SettingsOf<"supervised"> = {
    hyperparameters: {
      n_epochs: 1,
      batch_size: changes.batch ?? 2,
      learning_rate_multiplier: "auto",
      learning_rate: 0.01,
    },
    peft,
  };
  const job = await tinyJobOf({ settings, training, validation: training });
  const losses: unknown[] = [];
  const context = quietContext({
    event: ({ type, data }) => {
      if (type === "metrics") losses.push(data!.loss);
      else if (data?.base_loss !== undefined) losses.push(data.base_loss);
    },
  });
  const base = { ...job.base, files: changes.base ?? job.base.files };
  const outcome = await runJob(supervised, { ...job, base, parent: changes.parent }, context);
  return { losses, ...outcome };
}

/** The base's weights with a result's delta folded in. */
function served(files: ReadonlyMap<string, Uint8Array>, base: ModelFiles = TINY_FILES) {
  const loaded = loadModelFolder(base);
  const model = mergeIntoWeights(loaded.config, decodeCanonical(files.get(SERVING_FILE)!, loaded.config));
  return (name: string) => model.weight(name, loaded.weights.get(model.source(name))!);
}

function expectEqualWeights(
  left: (name: string) => { data: Float32Array },
  right: (name: string) => { data: Float32Array },
): void {
  for (const { name } of weightSpecs(config)) {
    const [a, b] = [left(name).data, right(name).data];
    const worst = a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0);
    expect(worst, name).toBeLessThan(2e-6);
  }
}

const lora = settingsOf({ type: "lora", r: 2 });
const CHOICES = { lora, dora: settingsOf({ type: "dora", r: 2 }), ia3: settingsOf({ type: "ia3" }) };

describe("continuing from a delta", () => {
  it.each([
    ["lora", "lora"],
    ["dora", "lora"],
    ["lora", "dora"],
    ["ia3", "ia3"],
  ] as const)("%s, then %s: trains as on the merged weights, and serves what it trained", async (first, second) => {
    const parent = await parentDelta(CHOICES[first]);
    const start = loadStart(TINY_FILES, parent);
    const merged = await modelFolder({ config, base: TINY_FILES, weight: (name) => start.weights.get(name)! });
    const continued = await run(CHOICES[second], { parent });
    const onMerged = await run(CHOICES[second], { base: merged });
    // The loss before, that of two steps, and the first again in the summary.
    expect(continued.losses.length).toBe(4);
    expect(continued.losses).toEqual(onMerged.losses);
    expect((await run(CHOICES[second], {})).losses[0]).not.toEqual(continued.losses[0]);
    expectEqualWeights(served(continued.folder.files), served(onMerged.folder.files, merged));
  });

  it("records the parent, what made it and what it was trained on; others can read the adapters", async () => {
    const { folder } = await run(lora, { parent: await parentDelta(CHOICES.dora) });
    expect(folder.kind).toBe("delta");
    const manifest = parseManifest(folder.files.get(MANIFEST_FILE)!);
    expect(manifest).toMatchObject({ parents: [PARENT], methods: ["dora", "lora"], base_digest: "b".repeat(64) });
    expect(manifest.data_digests).toHaveLength(2);
    const target = { config, digest: manifest.base_digest, tokenizerDigest: manifest.tokenizer_digest };
    const read = await readAdapterParts(
      folder.files,
      { ...target, weight: async (name) => weights.get(name)! },
      ADAPTER_FORMATS,
    );
    expect(read.adapters.map(({ method }) => method)).toEqual(["lora", "ia3"]);
  });

  it("is the same every time", async () => {
    const parent = await parentDelta(lora);
    const [one, other] = [await run(lora, { parent }), await run(lora, { parent })];
    expect(one.folder.files).toEqual(other.folder.files);
  });

  it("gives a whole model where all weights are trained", async () => {
    const { folder } = await run(settingsOf({ type: "full" }), { parent: await parentDelta(lora) });
    expect(folder.kind).toBe("model");
  });
});

describe("continuing from a model with weights of its own", () => {
  it.each(["lora", "full"] as const)("%s gives such a model again", async (type) => {
    const tuned = await run(settingsOf({ type: "full" }), {});
    const parent: ParentFolder = { kind: "model", digest: PARENT, files: tuned.folder.files };
    const choice = type === "full" ? settingsOf({ type: "full" }) : lora;
    const continued = await run(choice, { parent });
    const onModel = await run(choice, { base: tuned.folder.files });
    expect(continued.losses).toEqual(onModel.losses);
    expect(continued.folder.kind).toBe("model");
    const result = loadModelFolder(continued.folder.files).weights;
    const wanted =
      type === "full"
        ? (name: string) => loadModelFolder(onModel.folder.files).weights.get(name)!
        : served(onModel.folder.files, tuned.folder.files);
    expectEqualWeights((name) => result.get(name)!, wanted);
  });

  it.each([
    ["prefix", "a prefix, which cannot be merged into the base's weights"],
    ["bottleneck", "bottleneck adapters, which cannot be merged"],
  ] as const)("refuses %s before it trains", async (type, message) => {
    const parent: ParentFolder = { kind: "model", digest: PARENT, files: TINY_FILES };
    await expect(run(settingsOf({ type }), { parent })).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining(message),
    });
  });
});

it.each(["prefix", "prompt", "bottleneck"] as const)("a delta of %s cannot be merged, and says so", async (type) => {
  const parent = await parentDelta(settingsOf({ type }));
  await expect(run(lora, { parent })).rejects.toMatchObject({ code: "invalid_request", param: "model" });
});

it("methods that hold the base in 4 bits cannot continue", async () => {
  const parent = await parentDelta(lora);
  await expect(run(settingsOf({ type: "qlora" }), { parent })).rejects.toMatchObject({
    code: "invalid_request",
    message: expect.stringContaining("qlora trains on the base in 4 bits and cannot continue from a tuned model"),
  });
});

it("a delta that was trained on a base in 4 bits is merged into that form", async () => {
  const parent = await parentDelta(settingsOf({ type: "qlora" }));
  const { folder } = await run(lora, { parent });
  expect(parseManifest(folder.files.get(MANIFEST_FILE)!).base_quantization).toBeDefined();
});

describe("going on with a delta's own adapters", () => {
  const going = async (choice: PeftChoice): Promise<ParentFolder> => ({
    ...(await parentDelta(choice)),
    continueWith: "adapter",
  });
  const methods = (
    ["lora", "qlora", "dora", "adalora", "bottleneck", "ia3", "bitfit", "prompt", "prefix"] as const
  ).map((type) => ({ type, settings: settingsOf(type === "bitfit" ? { type, add_biases: true } : { type }) }));

  it.each(methods)("$type: starts with the parent's loss and trains its numbers on the base", async ({ settings }) => {
    const parent = await going(settings);
    const delta = decodeCanonical(parent.files.get(SERVING_FILE) as Uint8Array, config);
    const continued = await run(settings, { parent, batch: 4 });
    const manifest = parseManifest(continued.folder.files.get(MANIFEST_FILE)!);
    expect(manifest).toMatchObject({ parents: [PARENT], methods: [settings.type], base_digest: "b".repeat(64) });
    expect(manifest.data_digests).toContain("e".repeat(64));
    const result = decodeCanonical(continued.folder.files.get(SERVING_FILE)!, config);
    // One delta of the parent's size, which replaces it.
    const sizes = (one: typeof delta) => [...canonicalTensors(one)].map(([name, { shape }]) => [name, shape]);
    if (settings.type !== "adalora") expect(sizes(result)).toEqual(sizes(delta));
    // The one step trains on the whole file, which is the validation file too.
    const [before, first] = continued.losses as number[];
    expect(first).toBeCloseTo(before!, 5);
    expect((await run(settings, {})).losses[0]).not.toBeCloseTo(before!, 4);
    if (!["lora", "dora", "adalora", "ia3"].includes(settings.type)) return;
    const { continueWith: _, ...folded } = parent;
    expect((await run(lora, { parent: folded })).losses[0]).toBeCloseTo(before!, 5);
  });

  it("two steps and two more of plain gradient descent are four steps", async () => {
    const settings = settingsOf({ type: "lora", r: 2 });
    const fresh = attachMethods({ config, weights, settings, seed: 3, encode: () => [1], param: "peft" });
    const steps = (initial: ReadonlyMap<string, Tensor<"f32">>, count: number) => descend(fresh, initial, count);
    const whole = await steps(fresh.initial, 4);
    const half = await steps(fresh.initial, 2);
    const base = { id: "tiny", files: TINY_FILES };
    const provenance = { ...PROVENANCE, data_digests: [] };
    const trained = { config, settings, seed: 3, values: half.values, weights, base };
    const { files } = await publishResult(trained, provenance);
    const manifest = parseManifest(files.get(MANIFEST_FILE)!);
    const param = "peft";
    const start = await continuedValues({ files, manifest, config, weights, settings, param, initial: fresh.initial });
    const rest = await steps(start, 2);
    expect([...half.losses, ...rest.losses]).toEqual(whole.losses);
    expect(rest.values).toEqual(whole.values);
  });

  it("refuses another method, with the field", async () => {
    await expect(run(settingsOf({ type: "lora", r: 3 }), { parent: await going(lora) })).rejects.toMatchObject({
      code: "invalid_request",
      param: expect.stringMatching(/\.peft\.r$/),
    });
  });

  it("is the same every time", async () => {
    const parent = await going(lora);
    const [one, other] = [await run(lora, { parent }), await run(lora, { parent })];
    expect(one.folder.files).toEqual(other.folder.files);
  });
});

/** Steps of θ ← θ − 0.05 ∇, without momentum or any other state, on one batch. */
async function descend(method: AttachedMethod, initial: ReadonlyMap<string, Tensor<"f32">>, count: number) {
  const texts = [1, 2].map((seed) => {
    const ids = Int32Array.from({ length: 8 }, (_, at) => (seed * 31 + at * 17) % config.vocabSize);
    return { ids, labels: ids };
  });
  const shape = { rows: 2, tokens: 8 };
  const [batch] = evaluationBatches(unitsOf(texts), { shape, packing: false, padId: 0 });
  const executor = createOnnxRuntimeExecutor({ threads: 1 });
  const program = await executor.compile(trainingGraph({ config, method, shape }), {
    bindings: frozenTensors(weights, method),
  });
  let values = new Map(initial);
  const losses: number[] = [];
  for (let step = 0; step < count; step++) {
    const zeros = method.parameters.map(
      ({ name, shape: size }) =>
        [slots(name).gradient, f32(size, new Float32Array(values.get(name)!.data.length))] as const,
    );
    const outputs = await program.run({ ...batch!.feeds, ...Object.fromEntries(values), ...Object.fromEntries(zeros) });
    losses.push(Number(outputs.loss!.data[0]));
    values = new Map(
      [...values].map(([name, { shape: size, data }]) => {
        const gradient = outputs[slots(name).gradient]!.data as Float32Array;
        return [
          name,
          f32(
            size,
            data.map((value, at) => value - 0.05 * gradient[at]!),
          ),
        ];
      }),
    );
  }
  await program.dispose();
  return { values, losses };
}
