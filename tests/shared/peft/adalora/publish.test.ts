import { describe, expect, it } from "vitest";
import { attachAdaLora } from "../../../../shared/peft/adalora/attach.ts";
import { adaLoraFormat } from "../../../../shared/peft/adalora/format.ts";
import { adaloraResult } from "../../../../shared/peft/adalora/publish.ts";
import type { AdaLoraSettings } from "../../../../shared/peft/adalora/settings.ts";
import { parseAdapterFolder, readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { elementCount, f32, type Tensor } from "../../../../shared/tensor.ts";
import { adapterOf } from "../../../support/peft.ts";
import { logitsOf, peftGolden, served } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";
import { goldenSettings } from "./golden.ts";

const golden = await peftGolden("adalora");
const { config, weights, base } = golden;
const settings = { ...goldenSettings, target_modules: ["q_proj", "layers.1.mlp.up_proj"] };
const method = attachAdaLora({ config, weights, settings, seed: 1, encode: () => [], param: "peft" });

/** Values as training might leave them, without some of the ranks. */
function trained(isDropped: (name: string, rank: number) => boolean): Map<string, Tensor<"f32">> {
  return new Map(
    [...method.initial].map(([name, { shape, data }]) => [
      name,
      f32(
        shape,
        name.endsWith("lora_E")
          ? data.map((_, i) => (isDropped(name, i) ? 0 : 0.5 + i))
          : data.map((value) => 10 * value),
      ),
    ]),
  );
}

interface Run {
  readonly settings?: AdaLoraSettings;
  readonly totalSteps?: number;
}

function publish(values: ReadonlyMap<string, Tensor<"f32">>, { settings: of = settings, ...run }: Run = {}) {
  const base = { id: "o/m", files: new Map() };
  return adapterOf(adaloraResult, { config, settings: of, seed: 1, values, weights, base, ...run });
}

const configOf = (files: ReadonlyMap<string, Uint8Array>) => parseAdapterFolder(files).config;

describe("adaloraResult", () => {
  it("serves what was trained without the removed ranks, as does the folder", async () => {
    const values = trained((name, i) => name.startsWith("layers.0.") || i === 1);
    const adapter = await publish(values, { totalSteps: 40 });
    const expected = await logitsOf(golden, method, values);
    expect(largestDifference(await logitsOf(golden, served(config, adapter.delta)), expected)).toBeLessThan(1e-5);
    const read = await readAdapterFolder(adapter.files, base, new Map([["adalora", adaLoraFormat]]));
    expect(read.delta).toEqual(adapter.delta);
    expect([...read.delta.linears].map(([path, { a }]) => [path, a!.shape[1]])).toEqual([
      ["layers.1.self_attn.q_proj", 3],
      ["layers.1.mlp.up_proj", 3],
    ]);
    expect(configOf(adapter.files)).toMatchObject({
      ...{
        peft_type: "ADALORA",
        init_r: 4,
        target_r: 2,
        lora_alpha: 6,
        tinit: 2,
        tfinal: 3,
        deltaT: 2,
        total_step: 40,
      },
      base_model_name_or_path: "o/m",
      target_modules: ["layers.1.mlp.up_proj", "q_proj"],
      rank_pattern: {
        "model.layers.0.self_attn.q_proj.lora_E": [false, false, false, false],
        "model.layers.1.self_attn.q_proj.lora_E": [true, false, true, true],
        "model.layers.1.mlp.up_proj.lora_E": [true, false, true, true],
      },
    });
  });

  it("names the layers that were trained, the head among them", async () => {
    const changes = { target_modules: ["o_proj", "up_proj", "lm_head"], exclude_modules: "layers.0.mlp.up_proj" };
    const chosen = { ...settings, ...changes };
    const { initial } = attachAdaLora({ config, weights, settings: chosen, seed: 1, encode: () => [], param: "peft" });
    const { files } = await publish(initial, { settings: chosen });
    expect(configOf(files)).toMatchObject({ target_modules: ["layers.1.mlp.up_proj", "lm_head", "o_proj"] });
  });

  it("counts the trained parameters, including dropped ranks", async () => {
    const { parameters, method: name } = await publish(trained((_, i) => i > 0));
    expect(name).toBe("adalora");
    expect(parameters).toBe(method.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0));
  });

  it("has no pattern if every rank remains, and a number of steps that peft accepts", async () => {
    const { rank_pattern: pattern, total_step: steps } = configOf((await publish(trained(() => false))).files);
    expect(pattern).toBeNull();
    expect(steps).toBe(2 + 3 + 1);
  });
});
