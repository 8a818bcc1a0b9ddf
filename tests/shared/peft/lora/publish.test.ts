import { describe, expect, it } from "vitest";
import { changesNothing } from "../../../../shared/delta/canonical.ts";
import { encodeCanonical } from "../../../../shared/delta/serving-file.ts";
import { product, widened } from "../../../../shared/linalg/matrix.ts";
import { loadModelFolder } from "../../../../shared/model/model-folder.ts";
import { parseAdapterFolder, readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { attachLora } from "../../../../shared/peft/lora/attach.ts";
import { loraFormat } from "../../../../shared/peft/lora/format.ts";
import { loraResult } from "../../../../shared/peft/lora/publish.ts";
import { LoraSettings } from "../../../../shared/peft/lora/settings.ts";
import type { Adapter, PublishOptions } from "../../../../shared/peft/method.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { adapterOf } from "../../../support/peft.ts";
import { goldenFile, goldenFiles, logitsOf, peftGolden, served } from "../../../support/peft-golden.ts";
import { tinyModel } from "../../../trainer/tiny-model.ts";
import { largestDifference } from "../../model/golden-models.ts";
import { GOLDEN_LORAS, type GoldenLora, goldenMethod, goldenParameters, goldenSettings, readLora } from "./golden.ts";

async function publish(options: PublishOptions<LoraSettings>): Promise<Adapter> {
  return adapterOf(loraResult, options);
}

/** A golden's values, published with its settings. */
async function publishGolden(name: GoldenLora) {
  const golden = await peftGolden(name);
  const { config, weights } = golden;
  const values = goldenParameters(name, golden);
  const base = { id: "x", files: new Map() };
  const adapter = await publish({ config, settings: goldenSettings(name), seed: 1, weights, values, base });
  return { golden, values, adapter };
}

describe("loraResult", async () => {
  const files = tinyModel();
  const { config, weights } = loadModelFolder(files);
  const settings = LoraSettings.parse({
    type: "lora",
    r: 2,
    lora_alpha: 6,
    lora_dropout: 0.1,
    use_rslora: true,
    target_modules: ["layers.1.self_attn.q_proj", "up_proj"],
  });
  const { initial } = attachLora({ config, weights, settings, seed: 1, encode: () => [], param: "peft" });
  const trained = new Map(
    [...initial].map(([name, { shape, data }]) => [
      name,
      f32(
        shape,
        data.map((_, at) => at + 1),
      ),
    ]),
  );
  const options = { config, settings, seed: 1, weights, base: { id: "owner/tiny", files } };

  it("publishes a folder that reads back as the adapter", async () => {
    const published = await publish({ ...options, values: trained });
    expect(published).toMatchObject({ method: "lora", parameters: 2 * (32 + 32) + 2 * 2 * (32 + 48) });
    const folder = parseAdapterFolder(published.files);
    expect(folder.config).toMatchObject({
      ...{ r: 2, lora_alpha: 6, use_rslora: true, lora_dropout: 0.1, base_model_name_or_path: "owner/tiny" },
    });
    const { layers, rankStabilised } = readLora(folder, config);
    expect(rankStabilised).toBe(true);
    expect([...layers.keys()]).toEqual(["layers.0.mlp.up_proj", "layers.1.self_attn.q_proj", "layers.1.mlp.up_proj"]);
    for (const [path, { a, b, alpha }] of layers) {
      expect([a, b, alpha]).toEqual([trained.get(`${path}.lora_A`), trained.get(`${path}.lora_B`), 6]);
    }
  });

  it("publishes an untrained adapter as a delta that changes nothing", async () => {
    const deltas = [initial, trained].map(async (values) => (await publish({ ...options, values })).delta);
    expect((await Promise.all(deltas)).map(changesNothing)).toEqual([true, false]);
  });
});

describe.each(GOLDEN_LORAS)("with the values of peft's %s", (name) => {
  it("serves what the method computes, and the folder reads back as what is served", async () => {
    const { golden, values, adapter: published } = await publishGolden(name);
    const { config, base, json } = golden;
    expect(published.parameters).toBe(json.trainableParameters);
    const logits = await logitsOf(golden, served(config, published.delta));
    expect(largestDifference(logits, await logitsOf(golden, goldenMethod(name, golden), values))).toBeLessThan(2e-5);
    expect(largestDifference(logits, json.logits.data)).toBeLessThan(1e-4);
    const read = await readAdapterFolder(published.files, base, new Map([["lora", loraFormat]]));
    expect(encodeCanonical(read.delta)).toEqual(encodeCanonical(published.delta));
  });
});

describe.each(["pissa", "olora"] as const)("%s", (name) => {
  it("is published as peft converts it: factors of twice the rank for the whole weight", async () => {
    const { golden, adapter } = await publishGolden(name);
    const [ours, theirs] = [adapter.files, goldenFiles(`${name}-converted`)].map((folder) =>
      parseAdapterFolder(folder),
    );
    for (const field of ["r", "lora_alpha", "init_lora_weights", "target_modules", "use_rslora"]) {
      expect([field, ours!.config[field]]).toEqual([field, theirs!.config[field]]);
    }
    const [mine, converted] = [ours!, theirs!].map((folder) => readLora(folder, golden.config).layers);
    expect([...mine!.keys()]).toEqual([...converted!.keys()]);
    for (const [path, { a, b, alpha }] of converted!) {
      const found = mine!.get(path)!;
      expect([found.a.shape, found.b.shape, found.alpha]).toEqual([a.shape, b.shape, alpha]);
      // The signs of the initial factors are arbitrary, but their product is not.
      const products = [{ a, b }, found].map((pair) => product(widened(pair.a), widened(pair.b)).data);
      expect(largestDifference(products[0]!, products[1]!)).toBeLessThan(2e-5);
    }
    expect(goldenFile(`${name}-converted`, "adapter_model.safetensors").size).toBe(2 * converted!.size);
  });
});
