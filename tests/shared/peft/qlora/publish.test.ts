import { expect, it } from "vitest";
import { MANIFEST_FILE, parseManifest } from "../../../../shared/delta/manifest.ts";
import { writeDeltaFolder } from "../../../../shared/package/delta-folder.ts";
import { readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { loraResult } from "../../../../shared/peft/lora/publish.ts";
import type { PublishOptions } from "../../../../shared/peft/method.ts";
import { attachQlora, loraPart } from "../../../../shared/peft/qlora/attach.ts";
import { qloraResult } from "../../../../shared/peft/qlora/publish.ts";
import { QloraSettings } from "../../../../shared/peft/qlora/settings.ts";
import { ADAPTER_FORMATS } from "../../../../shared/peft/registry.ts";
import { adapterOf, moved } from "../../../support/peft.ts";
import { peftGolden } from "../../../support/peft-golden.ts";

const { config, weights, base } = await peftGolden("qlora");
const PROVENANCE = {
  base_model: "tiny",
  base_digest: "b".repeat(64),
  tokenizer_digest: "c".repeat(64),
  data_digests: [],
  metrics: {},
  parents: [],
  created_at: 0,
};

function options(given: object): PublishOptions<QloraSettings> {
  const settings = QloraSettings.parse({ type: "qlora", r: 2, ...given });
  const { initial } = attachQlora({ config, weights, settings, seed: 1, encode: () => [], param: "peft" });
  return { config, settings, seed: 1, values: moved(initial), weights, base: { id: "tiny", files: new Map() } };
}

it("publishes the folder that LoRA publishes, which is read back as LoRA's", async () => {
  const given = options({ target_modules: ["q_proj", "up_proj"] });
  const adapter = await adapterOf(qloraResult, given);
  const plain = await adapterOf(loraResult, { ...given, settings: loraPart(given.settings) });
  expect(adapter.files).toEqual(plain.files);
  expect(adapter).toMatchObject({ method: "qlora", parameters: plain.parameters });
  const read = await readAdapterFolder(adapter.files, base, ADAPTER_FORMATS);
  expect(read.method).toBe("lora");
  expect(read.delta).toEqual(adapter.delta);
});

it.each([true, false])("records the base's quantisation in the manifest, double quantisation %s", async (double) => {
  const adapter = await adapterOf(qloraResult, options({ bnb_4bit_use_double_quant: double }));
  const folder = await writeDeltaFolder([adapter], PROVENANCE);
  expect(parseManifest(folder.get(MANIFEST_FILE)!)).toMatchObject({
    methods: ["qlora"],
    base_quantization: { bnb_4bit_quant_type: "nf4", bnb_4bit_use_double_quant: double },
  });
});
