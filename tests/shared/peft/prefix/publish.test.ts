import { expect, it } from "vitest";
import { toF32 } from "../../../../shared/formats/safetensors.ts";
import { parseAdapterFolder, readAdapterFolder } from "../../../../shared/peft/adapter-folder.ts";
import { attachPrefix } from "../../../../shared/peft/prefix/attach.ts";
import { prefixFormat } from "../../../../shared/peft/prefix/format.ts";
import { prefixResult } from "../../../../shared/peft/prefix/publish.ts";
import { PrefixSettings } from "../../../../shared/peft/prefix/settings.ts";
import type { Tensor } from "../../../../shared/tensor.ts";
import { adapterOf } from "../../../support/peft.ts";
import { goldenFile, logitsOf, peftGolden, served } from "../../../support/peft-golden.ts";
import { largestDifference } from "../../model/golden-models.ts";

const golden = await peftGolden("prefix");
const { config, weights, base, folder } = golden;

async function publish(given: object, values: ReadonlyMap<string, Tensor<"f32">>) {
  const settings = PrefixSettings.parse({ type: "prefix", num_virtual_tokens: 4, ...given });
  const owner = { id: "owner/tiny", files: new Map<string, Uint8Array>() };
  const adapter = await adapterOf(prefixResult, { config, settings, seed: 1, values, weights, base: owner });
  return { settings, ...adapter };
}

it("writes the folder that peft wrote", async () => {
  const { files, method, parameters } = await publish({}, goldenFile("prefix", "adapter_model.safetensors"));
  expect([method, parameters]).toEqual(["prefix", golden.json.trainableParameters]);
  const [own, theirs] = [files, folder].map((some) => parseAdapterFolder(some));
  const { peft_version: _, ...expected } = theirs!.config;
  expect(own!.config).toEqual({ ...expected, base_model_name_or_path: "owner/tiny" });
  expect([...own!.tensors.keys()]).toEqual(["prompt_embeddings"]);
  const [flat, theirFlat] = [own!, theirs!].map(({ tensors }) => tensors.get("prompt_embeddings")!);
  expect(flat!.shape).toEqual(theirFlat!.shape);
  expect(toF32(flat!)).toEqual(toF32(theirFlat!));
});

it("drops the network, records that for peft, and serves the generated prefix", async () => {
  const given = { prefix_projection: true, encoder_hidden_size: 5 };
  const settings = PrefixSettings.parse({ type: "prefix", num_virtual_tokens: 4, ...given });
  const method = attachPrefix({ config, weights, settings, seed: 3, encode: () => [], param: "peft" });
  const { files, delta, parameters } = await publish(given, method.initial);
  expect(parameters).toBe([...method.initial.values()].reduce((sum, { data }) => sum + data.length, 0));
  expect(parseAdapterFolder(files).config).toMatchObject({ prefix_projection: false, encoder_hidden_size: 5 });
  const own = await logitsOf(golden, method, method.initial);
  expect(largestDifference(await logitsOf(golden, served(config, delta)), own)).toBeLessThan(1e-4);
  const read = await readAdapterFolder(files, base, new Map([["prefix", prefixFormat]]));
  expect(read.delta).toEqual(delta);
});
