import { describe, expect, it } from "vitest";
import { parseManifest } from "../../../shared/delta/manifest.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { attachMethods } from "../../../shared/peft/combine.ts";
import { ChosenSettings, type PeftChoice } from "../../../shared/peft/presets.ts";
import { f32 } from "../../../shared/tensor.ts";
import { publishResult } from "../../../trainer/recipes/result.ts";
import { tinyModel } from "../tiny-model.ts";

const files = tinyModel();
const { config, weights } = loadModelFolder(files);
const provenance = {
  base_model: "tiny",
  base_digest: "b".repeat(64),
  tokenizer_digest: "c".repeat(64),
  data_digests: ["d".repeat(64)],
  metrics: { train_loss: 1 },
  parents: [],
  created_at: 7,
};

/** Every trained number moved by `step`. */
function publish(settings: PeftChoice, step = 0.1) {
  const { initial } = attachMethods({ config, weights, settings, seed: 1, encode: () => [1], param: "peft" });
  const values = new Map(
    [...initial].map(([name, { shape, data }]) => [
      name,
      f32(
        shape,
        data.map((x) => x + step),
      ),
    ]),
  );
  return publishResult({ config, settings, seed: 1, values, weights, base: { id: "tiny", files } }, provenance);
}

const lora = ChosenSettings.parse({ type: "lora", r: 2, target_modules: "q_proj" });
const adapters = ChosenSettings.parse({ type: "bottleneck" });

describe("publishResult", () => {
  it("is one adapter's folder, where peft looks for it", async () => {
    const result = await publish(lora);
    expect(result.kind).toBe("delta");
    expect([...result.files.keys()].sort()).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "manifest.json",
      "serving.safetensors",
    ]);
    expect(parseManifest(result.files.get("manifest.json")!)).toMatchObject({ ...provenance, methods: ["lora"] });
  });

  it("is one delta of several, with a folder for each", async () => {
    const result = await publish([adapters, lora]);
    expect(result.kind).toBe("delta");
    expect([...result.files.keys()].sort()).toEqual([
      "0-bottleneck/adapter.safetensors",
      "0-bottleneck/adapter_config.json",
      "1-lora/adapter_config.json",
      "1-lora/adapter_model.safetensors",
      "manifest.json",
      "serving.safetensors",
    ]);
    expect(parseManifest(result.files.get("manifest.json")!).methods).toEqual(["bottleneck", "lora"]);
    expect((await publish([adapters, lora])).files).toEqual(result.files);
  });

  it("is the model where all weights were trained", async () => {
    const result = await publish(ChosenSettings.parse({ type: "full" }));
    expect(result.kind).toBe("model");
    const name = "model.layers.0.mlp.up_proj.weight";
    expect(loadModelFolder(result.files).weights.get(name)!.data[5]).toBeCloseTo(weights.get(name)!.data[5]! + 0.1, 6);
  });

  it("is refused where the training changed nothing", async () => {
    await expect(publish(lora, 0)).rejects.toThrow(
      expect.objectContaining({ code: "invalid_delta", message: expect.stringContaining("changes nothing") }),
    );
  });
});
