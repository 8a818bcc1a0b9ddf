import { describe, expect, it } from "vitest";
import { parseAdapterFolder, readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { attachBitfit } from "../../../../shared/peft/bitfit/attach.ts";
import { bitfitResult } from "../../../../shared/peft/bitfit/publish.ts";
import { BitfitSettings } from "../../../../shared/peft/bitfit/settings.ts";
import { loraFormat } from "../../../../shared/peft/lora/format.ts";
import { adapterOf } from "../../../support/peft.ts";
import { goldenFile, logitsOf, peftGolden, served } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const NAMES = ["bitfit", "bitfit-added"] as const;

/** The golden's own change of biases, published. */
async function published(name: (typeof NAMES)[number]) {
  const golden = await peftGolden(name);
  const { config, weights } = golden;
  const added = { target_modules: ["q_proj", "o_proj", "up_proj", "down_proj"], add_biases: true };
  const settings = BitfitSettings.parse({ type: "bitfit", ...(name === "bitfit" ? {} : added) });
  const method = attachBitfit({ config, weights, settings, seed: 1, encode: () => [], param: "peft" });
  const theirs = goldenFile(name, "adapter_model.safetensors");
  const values = new Map(
    method.parameters.map(({ name: parameter }) => {
      const path = parameter.replace(".bias_change", "");
      return [parameter, theirs.get(`base_model.model.model.${path}.lora_B.bias`)!] as const;
    }),
  );
  const base = { id: "owner/tiny", files: new Map<string, Uint8Array>() };
  const adapter = await adapterOf(bitfitResult, { config, settings, seed: 1, values, weights, base });
  return { golden, theirs, adapter };
}

describe.each(NAMES)("bitfitResult: %s", (name) => {
  it("serves what PyTorch computes with the changed biases", async () => {
    const { golden, adapter } = await published(name);
    expect([adapter.method, adapter.parameters]).toEqual(["bitfit", golden.json.trainableParameters]);
    const logits = await logitsOf(golden, served(golden.config, adapter.delta));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
  });

  it("writes a LoRA folder with which peft computes the same", async () => {
    const { golden, theirs, adapter } = await published(name);
    const { config, tensors } = parseAdapterFolder(adapter.files);
    const { config: expected } = parseAdapterFolder(golden.folder);
    const fields = ["peft_type", "r", "lora_alpha", "lora_bias", "target_modules", "bias", "use_rslora", "task_type"];
    for (const field of fields) expect([field, config[field]]).toEqual([field, expected[field]]);
    expect([...tensors].map(([key, { shape }]) => [key, shape]).sort()).toEqual(
      [...theirs].map(([key, { shape }]) => [key, shape]).sort(),
    );
    for (const [key, { bytes }] of tensors)
      expect([key, bytes.some((byte) => byte !== 0)]).toEqual([key, key.endsWith("lora_B.bias")]);
  });

  it("is read back as a LoRA adapter that computes the same", async () => {
    const { golden, adapter } = await published(name);
    const read = await readAdapterFolder(adapter.files, golden.base, new Map([["lora", loraFormat]]));
    expect(read.method).toBe("lora");
    const logits = await logitsOf(golden, served(golden.config, read.delta));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
  });
});
