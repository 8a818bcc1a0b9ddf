import { describe, expect, it } from "vitest";
import { changesNothing } from "../../../../shared/delta/canonical.ts";
import { loadModelFolder } from "../../../../shared/model/model-folder.ts";
import { parseAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { attachLora } from "../../../../shared/peft/lora/attach.ts";
import { readLora } from "../../../../shared/peft/lora/format.ts";
import { publishLora } from "../../../../shared/peft/lora/publish.ts";
import { LoraSettings } from "../../../../shared/peft/lora/settings.ts";
import type { Tensor } from "../../../../shared/tensor.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { tinyModel } from "../../../trainer/tiny-model.ts";

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
const publish = (values: ReadonlyMap<string, Tensor<"f32">>) => {
  const part = publishLora({ config, settings, seed: 1, weights, values, base: { id: "owner/tiny", files } });
  if (part.kind !== "adapter") throw new Error(`expected an adapter, got a ${part.kind}`);
  return part.adapter;
};

describe("publishLora", () => {
  it("gives the adapter back to whoever reads the folder", () => {
    const published = publish(trained);
    expect(published).toMatchObject({ method: "lora", parameters: 2 * (32 + 32) + 2 * 2 * (32 + 48) });
    const { config: read, factors } = readLora(parseAdapterFolder(published.files), config);
    expect(read).toMatchObject({ rank: 2, alpha: 6, rankStabilised: true, dropout: 0.1, baseModel: "owner/tiny" });
    expect([...factors.keys()]).toEqual(["layers.0.mlp.up_proj", "layers.1.self_attn.q_proj", "layers.1.mlp.up_proj"]);
    for (const [path, { a, b }] of factors) {
      expect(a).toEqual(trained.get(`${path}.lora_A`));
      expect(b).toEqual(trained.get(`${path}.lora_B`));
    }
  });

  it("gives a delta that changes nothing where nothing was trained, for whoever stores it to refuse", () => {
    expect([changesNothing(publish(initial).delta), changesNothing(publish(trained).delta)]).toEqual([true, false]);
  });
});
