import { describe, expect, it } from "vitest";
import { readPeftFolder } from "../../../../shared/delta/peft-folder.ts";
import { loadModelFolder } from "../../../../shared/model/model-folder.ts";
import type { Tensor } from "../../../../shared/tensor.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { attachLora, type LoraSettings } from "../../../../shared/peft/lora/attach.ts";
import { publishLora } from "../../../../shared/peft/lora/publish.ts";
import { tinyModel } from "../../../trainer/tiny-model.ts";

const files = tinyModel();
const { config, weights } = loadModelFolder(files);
const settings: LoraSettings = {
  type: "lora",
  r: 2,
  lora_alpha: 6,
  lora_dropout: 0.1,
  use_rslora: true,
  target_modules: ["layers.1.self_attn.q_proj", "up_proj"],
};
const { initial } = attachLora({ config, weights, settings, seed: 1 });
const trained = new Map(
  [...initial].map(([name, { shape, data }]) => [
    name,
    f32(
      shape,
      data.map((_, at) => at + 1),
    ),
  ]),
);
const publish = (values: ReadonlyMap<string, Tensor>) =>
  publishLora({
    config,
    settings,
    values,
    base: { id: "owner/tiny", digest: "b".repeat(64), files },
    dataDigests: [],
    metrics: {},
    createdAt: 0,
  });

describe("publishLora", () => {
  it("gives the adapter back to whoever reads the folder", async () => {
    const { kind, files: published } = await publish(trained);
    expect(kind).toBe("delta");
    const { config: read, factors } = readPeftFolder(published, config);
    expect(read).toMatchObject({ rank: 2, alpha: 6, rankStabilised: true, dropout: 0.1, baseModel: "owner/tiny" });
    expect([...factors.keys()]).toEqual(["layers.0.mlp.up_proj", "layers.1.self_attn.q_proj", "layers.1.mlp.up_proj"]);
    for (const [path, { a, b }] of factors) {
      expect(a).toEqual(trained.get(`${path}.lora_A`));
      expect(b).toEqual(trained.get(`${path}.lora_B`));
    }
  });

  it("refuses a training that changed nothing", async () => {
    await expect(publish(initial)).rejects.toMatchObject({
      code: "invalid_delta",
      message: expect.stringContaining("the adapter changes nothing"),
    });
  });
});
