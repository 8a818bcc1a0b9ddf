import { describe, expect, it, vi } from "vitest";
import { checkFileList } from "../../shared/api/artefacts.ts";
import { MANIFEST_FILE, parseManifest } from "../../shared/delta/manifest.ts";
import { decodeCanonical, encodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { sumDeltas } from "../../shared/delta/sum.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { readAdapterParts } from "../../shared/package/adapter-parts.ts";
import { attachMethods, learningRateOf, planMethods } from "../../shared/peft/combine.ts";
import { ChosenSettings, methodsOf } from "../../shared/peft/presets.ts";
import { ADAPTER_FORMATS } from "../../shared/peft/registry.ts";
import { createRandom } from "../../shared/random.ts";
import { elementCount } from "../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { drawMasks } from "../../trainer/loop/random-masks.ts";
import { publishResult } from "../../trainer/recipes/result.ts";
import { moved, NO_METHOD } from "../support/peft.ts";
import { batchOf, gradientsOf, logitsOf, type PeftGolden, served } from "../support/peft-golden.ts";
import { largestDifference } from "../trainer/golden-llama.ts";
import { tinyModel } from "../trainer/tiny-model.ts";
import { listed, lossesOf } from "./peft-runs.ts";

vi.setConfig({ testTimeout: 60_000 });

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const files = tinyModel();
const { config, weights } = loadModelFolder(files);
const random = createRandom(5, "examples");
const ids = Array.from({ length: 12 }, () => random.below(config.vocabSize));
const example: PeftGolden = {
  config,
  weights,
  base: { config, weight: async (name) => weights.get(name)! },
  folder: new Map(),
  json: {
    ...{ base: "tiny", trainedTokens: 6, trainableParameters: 0, loss: 0, logits: { data: [] } },
    inputIds: { shape: [2, 6], data: ids },
    // Every second token is a target, but never the first of a row.
    labels: { shape: [2, 6], data: ids.map((id, at) => (at % 2 === 1 ? id : -100)) },
  },
};
const small = { num_virtual_tokens: 3, encoder_hidden_size: 8 };
const provenance = {
  base_model: "tiny",
  base_digest: "b".repeat(64),
  tokenizer_digest: "c".repeat(64),
  data_digests: [],
  metrics: {},
  parents: [],
  created_at: 1,
};
/** The contract for several methods combined; `peft.test.ts` tests each alone. */
const CASES: Readonly<Record<string, object | readonly object[]>> = {
  mam: { type: "mam", prefix_tuning: small },
  unipelt: { type: "unipelt", prefix_tuning: small, adapter: { reduction_factor: 4 }, lora: { r: 2 } },
  "everything that is small": [
    { type: "lora", r: 2, lora_dropout: 0.1, target_modules: ["q_proj", "lm_head"] },
    { type: "ia3" },
    { type: "bitfit", add_biases: true, target_modules: ["v_proj"] },
    { type: "bottleneck", config: "houlsby", reduction_factor: 8, use_gating: true },
    { type: "prompt", num_virtual_tokens: 2 },
    { type: "prefix", num_virtual_tokens: 3 },
  ],
  "two of a kind, and one whose ranks move": [
    { type: "bottleneck", config: "par_bn", reduction_factor: 8 },
    { type: "bottleneck", config: "seq_bn", reduction_factor: 8 },
    { type: "adalora", init_r: 3, target_r: 2, target_modules: ["k_proj"] },
  ],
};

describe.each(Object.entries(CASES))("%s", (_name, given) => {
  const settings = Array.isArray(given) ? given.map((one) => ChosenSettings.parse(one)) : ChosenSettings.parse(given);
  const encode = () => [1, 2, 3];
  const method = attachMethods({ config, weights, settings, seed: 1, encode, param: "peft" });
  const types = methodsOf(settings).map((one) => one.settings.type);
  const values = moved(method.initial);
  const publish = () =>
    publishResult({ config, settings, seed: 1, values, weights, base: { id: "tiny", files } }, provenance);

  it("has a plan that matches what is attached", () => {
    const plan = planMethods({ config, settings, param: "peft" });
    expect(plan.parameters).toEqual(method.parameters);
    expect(plan.serving.positions).toBe((method.virtualTokens ?? 0) + (method.prefixTokens ?? 0));
    expect([...method.initial].map(([name, { shape }]) => [name, shape])).toEqual(
      method.parameters.map(({ name, shape }) => [name, shape]),
    );
  });

  it("has a gradient for everything that it trains", async () => {
    const masks = drawMasks(method.randomInputs(batchOf(example, method).shape), { seed: 1, step: 0, micro: 0 });
    const { gradients } = await gradientsOf(example, method, values, masks);
    for (const [name, { data }] of gradients)
      expect(
        data.some((value) => value !== 0),
        name,
      ).toBe(true);
  });

  it("learns: thirty steps on one batch lower the loss", async () => {
    const { shape, feeds } = batchOf(example, method);
    const { trainedTokens } = example.json;
    const run = { config, weights, shape, feeds, trainedTokens, learningRate: learningRateOf(settings) };
    const losses = await lossesOf(executor, method, run);
    expect(losses).toHaveLength(30);
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.2);
  });

  it("publishes a folder for each method, which can be stored and uploaded again as what is served", async () => {
    const result = await publish();
    expect(await publish()).toEqual(result);
    expect(result.kind).toBe("delta");
    checkFileList("delta", (await listed(result)).files, "files");
    const { files: published } = result;
    for (const [index, type] of types.entries())
      expect(published.has(`${index}-${type}/adapter_config.json`)).toBe(true);
    const manifest = parseManifest(published.get(MANIFEST_FILE)!);
    const trained = method.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    expect(manifest).toMatchObject({ methods: types, trainable_parameters: trained });

    const target = { ...example.base, digest: provenance.base_digest, tokenizerDigest: provenance.tokenizer_digest };
    const { adapters } = await readAdapterParts(published, target, ADAPTER_FORMATS);
    const read = sumDeltas(adapters.map(({ delta }) => ({ delta, weight: 1 })));
    const stored = decodeCanonical(published.get(SERVING_FILE)!, config);
    expect(encodeCanonical(read).length).toBe(encodeCanonical(stored).length);
    const logits = await logitsOf(example, served(config, stored));
    expect(largestDifference(await logitsOf(example, served(config, read)), logits)).toBeLessThan(1e-5);
  });

  it("is served with the results of its training graph, which differ from the base's", async () => {
    const delta = decodeCanonical((await publish()).files.get(SERVING_FILE)!, config);
    const logits = await logitsOf(example, method, values);
    expect(largestDifference(await logitsOf(example, served(config, delta)), logits)).toBeLessThan(2e-5);
    expect(largestDifference(await logitsOf(example, NO_METHOD), logits)).toBeGreaterThan(0.05);
  });
});
