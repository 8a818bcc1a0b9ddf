import { readdirSync } from "node:fs";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { checkFileList } from "../../shared/api/artefacts.ts";
import { type CanonicalDelta, NO_DELTA } from "../../shared/delta/canonical.ts";
import { canonicalRewrite, prefixTokens, virtualTokens } from "../../shared/delta/canonical-rewrite.ts";
import { mergeIntoWeights } from "../../shared/delta/merge/into-weights.ts";
import { decodeCanonical, encodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { sumDeltas } from "../../shared/delta/sum.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { readAdapterFolder } from "../../shared/peft/adapter-folder.ts";
import { canonicalMethods, learningRateOf, planMethods, publishMethods } from "../../shared/peft/combine.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import { ADAPTER_FORMATS, PEFT_METHODS, type PeftType, peftMethod } from "../../shared/peft/registry.ts";
import { createRandom } from "../../shared/random.ts";
import { elementCount, f32, type Tensor } from "../../shared/tensor.ts";
import { evaluationBatches } from "../../trainer/data/batches.ts";
import { unitsOf } from "../../trainer/data/units.ts";
import { withVirtualTokens } from "../../trainer/data/virtual-tokens.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { drawMasks } from "../../trainer/loop/random-masks.ts";
import { slots } from "../../trainer/optim/adamw.ts";
import { evaluationGraph, frozenTensors, trainingGraph } from "../../trainer/recipes/causal-graphs.ts";
import { publishResult } from "../../trainer/recipes/result.ts";
import { attached, moved, NO_METHOD, settingsOf } from "../support/peft.ts";
import { tinyModel } from "../trainer/tiny-model.ts";
import { PEFT_CASES } from "./peft-cases.ts";
import { listed, lossesOf } from "./peft-runs.ts";

vi.setConfig({ testTimeout: 120_000 });

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const files = tinyModel();
const { config, weights } = loadModelFolder(files);
const TEXT = 8;

/** Two examples of random tokens, every second one a target, after the placeholders that the method needs. */
function batch(method: AttachedMethod) {
  const random = createRandom(5, "examples");
  const texts = Array.from({ length: 2 }, () => {
    const ids = Int32Array.from({ length: TEXT }, () => random.below(config.vocabSize));
    return { ids, labels: ids.map((id, at) => (at % 2 === 1 ? id : IGNORED_LABEL)) };
  });
  const virtual = method.virtualTokens ?? 0;
  const shape = { rows: 2, tokens: virtual + TEXT };
  const [only] = evaluationBatches(unitsOf(withVirtualTokens(texts, virtual, 0)), { shape, packing: false, padId: 0 });
  return { shape, ...only! };
}

/** The loss of the batch, computed by the method's graph with the given values and base. */
async function loss(
  method: AttachedMethod,
  values: ReadonlyMap<string, Tensor> = new Map(),
  of: Weights = weights,
  model: ModelConfig = config,
): Promise<number> {
  const { shape, feeds } = batch(method);
  const program = await executor.compile(evaluationGraph({ config: model, method, shape }), {
    bindings: frozenTensors(of, method),
  });
  const result = await program.run({ ...feeds, ...Object.fromEntries(values) });
  await program.dispose();
  return Number(result.loss!.data[0]);
}

/** A delta as a method without parameters. */
function serving(delta: CanonicalDelta): AttachedMethod {
  return {
    ...NO_METHOD,
    rewrite: ({ b, positions }) => canonicalRewrite(b, config, delta, positions),
    virtualTokens: virtualTokens(delta),
    prefixTokens: prefixTokens(delta),
  };
}

const provenance = {
  base_model: "tiny",
  base_digest: "b".repeat(64),
  tokenizer_digest: "c".repeat(64),
  data_digests: ["d".repeat(64)],
  metrics: { base_loss: 2, tuned_loss: 1 },
  parents: [],
  created_at: 1_700_000_000,
};
const cases = (Object.keys(PEFT_CASES) as PeftType[]).flatMap((type) =>
  PEFT_CASES[type].map((one) => ({ name: `${type} ${JSON.stringify(one.settings)}`, type, ...one })),
);
let baseLoss: number;
beforeAll(async () => {
  baseLoss = await loss(NO_METHOD);
});

describe.each(cases)("$name", ({ type, settings: given, parameters: count }) => {
  const settings = settingsOf({ type, ...given });
  const { traits } = PEFT_METHODS[type];
  const method = attached(settings, { config, weights });
  const plan = planMethods({ config, settings: [settings], param: "peft" });
  const mergeable = plan.mergeable ?? traits.mergeable;
  const values = moved(method.initial);
  const publish = () =>
    publishResult({ config, settings: [settings], seed: 1, values, weights, base: { id: "tiny", files } }, provenance);
  const delta = async () => decodeCanonical((await publish()).files.get(SERVING_FILE)!, config);
  // The base that the method is trained on, possibly in another form.
  const through = peftMethod(settings).base?.({ config, settings });
  const own: Weights = through ? new Map([...weights].map(([name, weight]) => [name, through(name, weight)])) : weights;

  it("trains as many parameters as its formula says, and plans them from the model's shape alone", () => {
    expect(plan.parameters).toEqual(method.parameters);
    expect(plan.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(count(config));
    expect(plan.serving.positions).toBe((method.virtualTokens ?? 0) + (method.prefixTokens ?? 0));
    // Combinations that the trainer cannot build are rejected when the job is created, from the plans.
    expect(plan.claims ?? []).toEqual([
      ...((method.virtualTokens ?? 0) > 0 ? ["virtual tokens"] : []),
      ...((method.prefixTokens ?? 0) > 0 ? ["prefix"] : []),
      ...((method.replaced?.size ?? 0) > 0 ? ["base"] : []),
    ]);
  });

  it("has exactly one initial value of the right shape for each parameter", () => {
    const named = method.parameters.map(({ name, shape }) => [name, shape]);
    expect([...method.initial].map(([name, { shape }]) => [name, shape])).toEqual(named);
    expect(new Set(named.map(([name]) => name)).size).toBe(named.length);
  });

  it("attaches the same way every time", () => {
    expect(attached(settings, { config, weights }).initial).toEqual(method.initial);
  });

  it("equals the base at step 0 if it says so", async () => {
    const start = await loss(method, method.initial);
    const ofOwn = await loss(NO_METHOD, new Map(), own);
    if (method.startsAsBase) expect(start).toBeCloseTo(ofOwn, 5);
    else expect(Math.abs(start - ofOwn)).toBeGreaterThan(1e-6);
    if (through !== undefined) expect(Math.abs(ofOwn - baseLoss)).toBeGreaterThan(1e-5);
  });

  it("adds exactly its parameters, masks and frozen tensors to the training graph's inputs", () => {
    const { shape, feeds } = batch(method);
    const known = new Set([...Object.keys(feeds), ...frozenTensors(weights, method).keys()]);
    for (const { name } of method.parameters) known.add(name).add(slots(name).gradient);
    const { inputs } = trainingGraph({ config, method, shape });
    const open = inputs.filter(({ name }) => !known.has(name));
    expect(open.map(({ name, value }) => [name, value.dtype, value.shape])).toEqual(
      method.randomInputs(shape).map((mask) => [mask.name, "u8", mask.shape]),
    );
  });

  it("has a gradient for everything that it trains", async () => {
    const { shape, feeds } = batch(method);
    const program = await executor.compile(trainingGraph({ config, method, shape }), {
      bindings: frozenTensors(weights, method),
    });
    const accumulators = method.parameters.map(({ name, shape: size }) => {
      return [slots(name).gradient, f32(size, new Float32Array(elementCount(size)))] as const;
    });
    const masks = drawMasks(method.randomInputs(shape), { seed: 1, step: 0, micro: 0 });
    const gradients = await program.run({ ...feeds, ...masks, ...Object.fromEntries([...values, ...accumulators]) });
    await program.dispose();
    for (const { name } of method.parameters) {
      const { data } = gradients[slots(name).gradient]!;
      expect(
        (data as Float32Array).some((value) => value !== 0),
        name,
      ).toBe(true);
    }
  });

  it("publishes only files that can be stored, the same bytes every time", async () => {
    const [one, two] = await Promise.all([publish(), publish()].map(async (folder) => listed(await folder)));
    expect(one).toEqual(two);
    checkFileList(one!.kind, one!.files, "files");
  });

  it("learns: thirty steps on one batch lower the loss", async () => {
    const run = { config, weights, ...batch(method), learningRate: learningRateOf(settings) };
    const losses = await lossesOf(executor, method, run);
    expect(losses).toHaveLength(30);
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.05);
  });

  it("is had as it is served without its files, and the files are written from that", async () => {
    const { result } = peftMethod(settings);
    const trained = { config, settings: [settings], seed: 1, values, weights };
    if (result.kind === "model") {
      await expect(async () => canonicalMethods(trained)).rejects.toMatchObject({
        code: "invalid_request",
        message: `\`peft[0]\`: \`${type}\` trains a whole model, which is not served as a delta; publish its files instead.`,
      });
      return;
    }
    const [content, ...others] = await canonicalMethods(trained);
    const [part] = await publishMethods({ ...trained, base: { id: "tiny", files } });
    if (content === undefined || part?.kind !== "adapter") throw new Error("an adapter is published as one");
    expect(others).toEqual([]);
    const { own, ...asServed } = content;
    expect(own).toBeDefined();
    const written = result.files(content, { config, settings, base: { id: "tiny" } });
    expect(part.adapter).toEqual({ ...asServed, files: written });
    expect(asServed.parameters).toBe(count(config));
    expect(encodeCanonical(content.delta)).toEqual((await publish()).files.get(SERVING_FILE));
  });

  if (type === "full") {
    it("publishes a model that computes what its training graph does", async () => {
      const trained = await loss(method, values);
      expect(Math.abs(trained - baseLoss)).toBeGreaterThan(1e-3);
      const { weights: own } = loadModelFolder((await publish()).files);
      expect(await loss(NO_METHOD, new Map(), own)).toBeCloseTo(trained, 5);
    });
    return;
  }

  it("is served with the results of its training graph", async () => {
    const trained = await loss(method, values);
    expect(Math.abs(trained - baseLoss)).toBeGreaterThan(1e-3);
    expect(await loss(serving(await delta()), new Map(), own)).toBeCloseTo(trained, 5);
  });

  it("reads its own folder back as what is served", async () => {
    const published = await publish();
    const adapter = await readAdapterFolder(
      new Map([...published.files].filter(([name]) => name !== SERVING_FILE)),
      { config, weight: async (name) => weights.get(name)! },
      ADAPTER_FORMATS,
    );
    expect(await loss(serving(adapter.delta))).toBeCloseTo(await loss(serving(await delta())), 6);
    expect(adapter.parameters).toBeGreaterThan(0);
  });

  it("leaves the base unchanged if it is not requested, or has a weight of 0", async () => {
    const served = await delta();
    // Attaching and publishing the method must not have changed the shared base.
    const { weights: untouched } = loadModelFolder(tinyModel());
    for (const [name, { data }] of untouched) expect(weights.get(name)!.data).toEqual(data);
    expect(await loss(serving(NO_DELTA))).toBe(baseLoss);
    if (served.prompt !== undefined || served.prefix !== undefined) return;
    expect(await loss(serving(sumDeltas([{ delta: served, weight: 0 }])))).toBe(baseLoss);
  });

  it(
    mergeable ? "merged into the weights is what is served" : "cannot be merged into weights, and says so",
    async () => {
      const served = await delta();
      if (!mergeable) {
        expect(() => mergeIntoWeights(config, served)).toThrow(expect.objectContaining({ code: "invalid_request" }));
        return;
      }
      const merged = mergeIntoWeights(config, served);
      // A head that shares the embedding's weight gets its own if only one of them changes.
      expect({ ...merged.config, tied: config.tied }).toEqual(config);
      const folded = new Map(
        weightSpecs(merged.config).map(({ name }) => [name, merged.weight(name, own.get(merged.source(name))!)]),
      );
      const ofMerged = await loss(NO_METHOD, new Map(), folded, merged.config);
      expect(ofMerged).toBeCloseTo(await loss(serving(served), new Map(), own), 5);
    },
  );

  it("adds to another delta in proportion to its weight, or is rejected with an error that names it", async () => {
    const other = decodeCanonical(
      (
        await publishResult(
          {
            config,
            settings: [settingsOf({ type: "lora", r: 2, target_modules: "q_proj" })],
            seed: 2,
            values: moved(
              attached({ type: "lora", r: 2, target_modules: "q_proj" }, { config, weights, seed: 2 }).initial,
            ),
            weights,
            base: { id: "tiny", files },
          },
          provenance,
        )
      ).files.get(SERVING_FILE)!,
      config,
    );
    const served = await delta();
    if (served.prompt !== undefined || served.prefix !== undefined) {
      expect(() => sumDeltas([{ delta: served, weight: 0.5 }])).toThrow(
        "cannot be weighted: its weight must be 1, got 0.5",
      );
      expect(() => sumDeltas([served, served].map((one) => ({ delta: one, weight: 1 })))).toThrow("at most one can");
      return;
    }
    const [half, both] = [
      sumDeltas([{ delta: served, weight: 0.5 }]),
      sumDeltas([
        { delta: served, weight: 0.5 },
        { delta: other, weight: 2 },
      ]),
    ];
    const twice = sumDeltas([
      { delta: half, weight: 1 },
      { delta: half, weight: 1 },
    ]);
    expect(await loss(serving(twice))).toBeCloseTo(await loss(serving(served)), 5);
    const split = sumDeltas([
      { delta: half, weight: 1 },
      { delta: other, weight: 1 },
      { delta: other, weight: 1 },
    ]);
    expect(await loss(serving(both))).toBeCloseTo(await loss(serving(split)), 5);
    expect(Math.abs((await loss(serving(both))) - (await loss(serving(half))))).toBeGreaterThan(1e-4);
  });
});

it("has golden adapters from the library that each method follows", () => {
  const folders = readdirSync(new URL("../golden/peft", import.meta.url));
  const types = Object.keys(PEFT_METHODS).filter((type) => type !== "full");
  expect(types.filter((type) => !folders.some((name) => name === type || name.startsWith(`${type}-`)))).toEqual([]);
});

it("covers every method that a job can name", () => {
  expect(Object.keys(PEFT_CASES).sort()).toEqual(Object.keys(PEFT_METHODS).sort());
});
