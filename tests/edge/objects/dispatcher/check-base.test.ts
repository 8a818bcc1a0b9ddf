import { describe, expect, it } from "vitest";
import { checkBase } from "../../../../edge/objects/dispatcher/check-base.ts";
import { parseSafetensors, writeSafetensors } from "../../../../shared/formats/safetensors.ts";
import { type Folder, fileList, json, TINY_CONFIG, tinyBase, tinyWeights } from "../../support/tiny-base.ts";

async function check(folder: Folder, heapLimitBytes = 96 * 1024 * 1024): Promise<unknown> {
  const files = await fileList(folder);
  const { json: config } = await checkBase({
    files,
    heapLimitBytes,
    folder: {
      read: async (name, range) => {
        const bytes = folder.get(name) ?? new Uint8Array();
        return range === undefined ? bytes : bytes.slice(range.offset, range.offset + range.length);
      },
    },
  });
  return config;
}

/** The tiny base in two shards; `change` may bend the index. */
function sharded(change: (map: Record<string, string>) => void = () => {}): Folder {
  const tensors = [...parseSafetensors(tinyWeights()).tensors];
  const shards = [tensors.slice(0, 5), tensors.slice(5)].map((part) => new Map(part));
  const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const map = Object.fromEntries(shards.flatMap((shard, i) => [...shard.keys()].map((name) => [name, names[i] ?? ""])));
  change(map);
  return tinyBase({
    "model.safetensors": undefined,
    "model.safetensors.index.json": json({ metadata: {}, weight_map: map }),
    ...Object.fromEntries(shards.map((shard, i) => [names[i], writeSafetensors(shard, { format: "pt" })])),
  });
}

describe("checkBase", () => {
  it("returns the configuration of a sound folder, in one file or in shards", async () => {
    expect(await check(tinyBase())).toEqual(TINY_CONFIG);
    expect(await check(sharded())).toEqual(TINY_CONFIG);
  });

  it("holds the shards to their index", async () => {
    const wrong = (change: (map: Record<string, string>) => void) => check(sharded(change));
    await expect(wrong((map) => delete map["model.norm.weight"])).rejects.toThrow(/index\.json places it in none/);
    await expect(wrong((map) => Object.assign(map, { other: "x" }))).rejects.toThrow(/"other" is in no shard/);
    await expect(check(sharded().set("model.safetensors.index.json", json({})))).rejects.toThrow(/no weight_map/);
  });

  it("names a tensor that is in two shards", async () => {
    const folder = sharded();
    folder.set("model-00002-of-00002.safetensors", tinyWeights());
    await expect(check(folder)).rejects.toThrow(/is in model-00001-of-00002\.safetensors and in model-00002/);
  });

  it("asks for memory within the isolate's", async () => {
    await expect(check(tinyBase(), 1024 * 1024)).rejects.toMatchObject({
      code: "invalid_model",
      message: expect.stringContaining("ENGINE_HEAP_MB limits the heap to 1 MiB"),
    });
  });

  it("refuses text that is not UTF-8", async () => {
    await expect(check(tinyBase({ "tokenizer.json": new Uint8Array([255]) }))).rejects.toThrow(
      /tokenizer\.json is not UTF-8/,
    );
  });
});
