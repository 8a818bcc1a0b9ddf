import { expect, it } from "vitest";
import { biasName } from "../../../../shared/model/modules.ts";
import { readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { attachIa3 } from "../../../../shared/peft/ia3/attach.ts";
import { ia3Format } from "../../../../shared/peft/ia3/format.ts";
import { ia3Result } from "../../../../shared/peft/ia3/publish.ts";
import { Ia3Settings } from "../../../../shared/peft/ia3/settings.ts";
import { adapterOf, moved } from "../../../support/peft.ts";
import { logitsOf, peftGolden, served } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

it("serves what its own graph computes, as does the folder", async () => {
  const golden = await peftGolden("ia3-qwen2");
  const { config, weights, base } = golden;
  const settings = Ia3Settings.parse({ type: "ia3", target_modules: "all-linear", feedforward_modules: "down_proj" });
  const method = attachIa3({ config, weights, settings, seed: 1, encode: () => [], param: "peft" });
  const values = moved(method.initial, { size: 0.3, seed: 5 });
  const adapter = await adapterOf(ia3Result, {
    config,
    settings,
    seed: 1,
    values,
    weights,
    base: { id: "owner/tiny", files: new Map() },
  });
  const { delta, parameters } = adapter;
  expect(parameters).toBe([...values.values()].reduce((sum, { data }) => sum + data.length, 0));
  const q0 = delta.linears.get("layers.0.self_attn.q_proj")!;
  const bias = weights.get(biasName("layers.0.self_attn.q_proj"))!.data;
  expect(q0.bias!.data[3]).toBeCloseTo((q0.scale!.data[3]! - 1) * bias[3]!, 6);
  expect(delta.linears.has("layers.0.mlp.down_proj")).toBe(false);

  const own = await logitsOf(golden, method, values);
  expect(largestDifference(await logitsOf(golden, served(config, delta)), own)).toBeLessThan(1e-4);
  const read = await readAdapterFolder(adapter.files, base, new Map([["ia3", ia3Format]]));
  expect(read.delta).toEqual(delta);
});
