import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { loadFolderTokenizer, loadModelFolder, weightTensors } from "../../../shared/model/model-folder.ts";
import { EMBEDDING, weightSpecs } from "../../../shared/model/modules.ts";

const read = (folder: string, skip = /^$/) => {
  const url = new URL(`../../golden/${folder}/`, import.meta.url);
  const names = readdirSync(url).filter((name) => !skip.test(name));
  return new Map<string, Uint8Array>(names.map((name) => [name, new Uint8Array(readFileSync(new URL(name, url)))]));
};
const bytes = (text: string) => new TextEncoder().encode(text);
const tokenizer = read("tokenizer/hub/gpt2-like");
const sharded = read("llama/tied-sharded-bf16");
const INDEX = "model.safetensors.index.json";

describe("loadModelFolder", () => {
  it.each(["plain", "tied-sharded-bf16", "qwen2"])("reads the weights and the tokenizer of %s", (name) => {
    const { config, weights, tokenizer: loaded } = loadModelFolder(new Map([...tokenizer, ...read(`llama/${name}`)]));
    expect([...weights.keys()].sort()).toEqual(
      weightSpecs(config)
        .map((spec) => spec.name)
        .sort(),
    );
    expect(weights.get(EMBEDDING)).toMatchObject({ dtype: "f32", shape: [96, 32] });
    expect(loaded.decode(loaded.encode("two words"))).toBe("two words");
  });

  it("prefers chat_template.jinja over the template in tokenizer_config.json", () => {
    const files = new Map(tokenizer);
    files.set("chat_template.jinja", bytes("{{ messages[0].content }}!"));
    expect(loadFolderTokenizer(files).chatTemplate).toBe("{{ messages[0].content }}!");
  });

  it("names the missing or unreadable file", () => {
    expect(() => loadModelFolder(new Map())).toThrow('the model folder lacks "config.json"');
    expect(() => loadModelFolder(new Map([["config.json", Uint8Array.of(0xff)]]))).toThrow(
      "config.json is not UTF-8 text",
    );
    expect(() => loadModelFolder(new Map([["config.json", bytes("{")]]))).toThrow("config.json is not valid JSON");
    const config = read("llama/plain", /safetensors/);
    expect(() => loadModelFolder(config)).toThrow(`the model folder lacks "${INDEX}"`);
    expect(() => loadModelFolder(read("llama/plain"))).toThrow('the model folder lacks "tokenizer.json"');
  });
});

describe("weightTensors of shards", () => {
  const indexOf = (change: (map: Record<string, string>) => void) => {
    const map = JSON.parse(new TextDecoder().decode(sharded.get(INDEX))) as { weight_map: Record<string, string> };
    change(map.weight_map);
    return new Map([...sharded, [INDEX, bytes(JSON.stringify(map))]]);
  };
  const first = "model-00001-of-00004.safetensors";

  it("returns the tensors of all shards", () => {
    expect(weightTensors(sharded).size).toBe(20);
  });

  it("rejects an index that does not match the shards", () => {
    const extra = indexOf((map) => {
      map.nothing = first;
    });
    expect(() => weightTensors(extra)).toThrow(`${first} lacks "nothing", which ${INDEX} lists there`);
    const moved = indexOf((map) => {
      map[EMBEDDING] = "model-00002-of-00004.safetensors";
    });
    expect(() => weightTensors(moved)).toThrow(`contains "${EMBEDDING}", but ${INDEX} does not list it there`);
    const elsewhere = indexOf((map) => {
      map[EMBEDDING] = "../../secret.safetensors";
    });
    expect(() => weightTensors(elsewhere)).toThrow(/does not list it there|lacks "\.\.\/\.\.\/secret/);
    expect(() => weightTensors(new Map([[INDEX, bytes("{}")]]))).toThrow("has no weight_map");
  });

  it("rejects a truncated shard by name", () => {
    const torn = new Map([...sharded, [first, sharded.get(first)!.slice(0, -2)]]);
    expect(() => weightTensors(torn)).toThrow(new RegExp(`^${first} is truncated`));
  });

  it("rejects a tensor of the wrong shape", () => {
    const files = new Map([...tokenizer, ...read("llama/plain")]);
    files.set(
      "model.safetensors",
      writeSafetensors(new Map([[EMBEDDING, { dtype: "F32", shape: [1], bytes: new Uint8Array(4) }]])),
    );
    expect(() => loadModelFolder(files)).toThrow(`${EMBEDDING} has shape [1] in the weight file`);
  });
});
