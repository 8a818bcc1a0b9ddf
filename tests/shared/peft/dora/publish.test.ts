import { describe, expect, it } from "vitest";
import type { CanonicalDelta } from "../../../../shared/delta/canonical.ts";
import { parseAdapterFolder, readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { attachDora } from "../../../../shared/peft/dora/attach.ts";
import { doraFormat } from "../../../../shared/peft/dora/format.ts";
import { doraResult } from "../../../../shared/peft/dora/publish.ts";
import { DoraSettings } from "../../../../shared/peft/dora/settings.ts";
import type { Tensor } from "../../../../shared/tensor.ts";
import { adapterOf, moved } from "../../../support/peft.ts";
import { goldenFile, logitsOf, type PeftGolden, peftGolden, served } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";
import { GOLDEN_SETTINGS, type GoldenDora, goldenSettings, graphTensors } from "./golden.ts";

async function publish(golden: PeftGolden, settings: DoraSettings, values: ReadonlyMap<string, Tensor<"f32">>) {
  const { config, weights } = golden;
  const base = { id: "tiny-llama-plain", files: new Map() };
  return adapterOf(doraResult, { config, settings, seed: 1, values, weights, base });
}

const readBack = (golden: PeftGolden, files: ReadonlyMap<string, Uint8Array>) =>
  readAdapterFolder(files, golden.base, new Map([["dora", doraFormat]]));

function expectSame(left: CanonicalDelta, right: CanonicalDelta): void {
  expect([...left.linears.keys()]).toEqual([...right.linears.keys()]);
  for (const [path, module] of left.linears) expect(module).toEqual(right.linears.get(path));
}

describe("doraResult", () => {
  it.each(Object.keys(GOLDEN_SETTINGS) as GoldenDora[])("gives peft's folder back: %s", async (name) => {
    const golden = await peftGolden(name);
    const values = graphTensors(goldenFile(name, "adapter_model.safetensors"));
    const adapter = await publish(golden, goldenSettings(name), values);
    expect(adapter.method).toBe("dora");
    expect(adapter.parameters).toBe(golden.json.trainableParameters);
    const [ours, theirs] = [adapter.files, golden.folder].map((files) => parseAdapterFolder(files));
    expect(ours!.tensors).toEqual(theirs!.tensors);
    for (const [field, value] of Object.entries(ours!.config)) {
      // peft keeps patterns as they were given, which name the same layers.
      if (field.endsWith("_pattern") || field === "lora_alpha" || field === "r") continue;
      if (field !== "base_model_name_or_path") expect([field, value]).toEqual([field, theirs!.config[field]]);
    }
    expectSame((await readBack(golden, adapter.files)).delta, adapter.delta);
    const logits = await logitsOf(golden, served(golden.config, adapter.delta));
    expect(largestDifference(logits, golden.json.logits.data)).toBeLessThan(1e-4);
  });

  it.each([
    ["all layers and the head", { target_modules: ".*_proj|lm_head", r: 2 }],
    [
      "some of them, with ranks of their own",
      { target_modules: ["v_proj", "layers.1.mlp.up_proj"], rank_pattern: { v_proj: 3 } },
    ],
    ["dropout", { lora_dropout: 0.4, target_modules: "all-linear" }],
  ])("serves what was trained, and so does the folder: %s", async (_what, given) => {
    const golden = await peftGolden("dora");
    const { config, weights } = golden;
    const settings = DoraSettings.parse({ type: "dora", ...given });
    const method = attachDora({ config, weights, seed: 1, settings, encode: () => [], param: "peft" });
    const trained = moved(method.initial);
    const adapter = await publish(golden, settings, trained);
    const expected = await logitsOf(golden, method, trained);
    expect(largestDifference(await logitsOf(golden, served(config, adapter.delta)), expected)).toBeLessThan(2e-5);
    expectSame((await readBack(golden, adapter.files)).delta, adapter.delta);
    expect(parseAdapterFolder(adapter.files).config).toMatchObject({
      use_dora: true,
      lora_dropout: settings.lora_dropout,
    });
  });
});
