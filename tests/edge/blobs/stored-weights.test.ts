import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { StoredWeights } from "../../../edge/blobs/stored-weights.ts";
import { parseSafetensors } from "../../../shared/formats/safetensors.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { EMBEDDING, weightName } from "../../../shared/model/modules.ts";
import { loadWeights } from "../../../shared/model/weights.ts";
import { storeFolder } from "../support/stored-folder.ts";
import { TINY_CONFIG, tinyBase } from "../support/tiny-base.ts";

const config = parseModelConfig(TINY_CONFIG);

it("reads one weight at a time, as the whole model has it", async () => {
  const folder = tinyBase();
  const stored = await storeFolder(folder);
  const all = loadWeights(config, parseSafetensors(folder.get("model.safetensors")!).tensors);
  const weights = new StoredWeights(env.BLOBS, stored, config);
  for (const name of [EMBEDDING, weightName("layers.1.mlp.down_proj"), "model.norm.weight"]) {
    expect(await weights.weight(name)).toEqual(all.get(name));
  }
});

it("refuses a weight that is not there", async () => {
  const stored = await storeFolder(tinyBase());
  const weights = new StoredWeights(env.BLOBS, stored, config);
  await expect(weights.weight("model.layers.0.self_attn.q_proj.bias")).rejects.toMatchObject({ code: "corrupt_blob" });
});

it("reads nothing of a file that has changed since it was stored", async () => {
  const folder = tinyBase();
  const stored = await storeFolder(folder);
  const rotten = folder.get("model.safetensors")!.slice();
  rotten[rotten.length - 1]! ^= 1;
  await env.BLOBS.put(`${stored.prefix}model.safetensors`, rotten);
  const weights = new StoredWeights(env.BLOBS, stored, config);
  await expect(weights.weight("model.norm.weight")).rejects.toMatchObject({
    code: "corrupt_blob",
    message: "the stored file model.safetensors does not have its digest",
  });
  await env.BLOBS.put(`${stored.prefix}model.safetensors`, folder.get("model.safetensors")!);
});
